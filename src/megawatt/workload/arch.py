"""Models by catalogue key or Hugging Face ``config.json``, checked."""

from __future__ import annotations

from dataclasses import MISSING, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from megawatt.catalogue.records import Assumption, Entry
from megawatt.errors import Problem, ScenarioError
from megawatt.files import is_file, is_folder
from megawatt.workload.hf import model_from_hf_config
from megawatt.workload.records import ModelArch

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["check_arch", "load_model", "model_from_entry"]

_WORDS: Final = ("key", "title", "attention")
_FLAGS: Final = ("gated", "tied_embeddings", "attention_bias", "mlp_bias")
_POSITIVE: Final = ("layers", "hidden", "heads", "kv_heads", "head_dim", "vocab")


def check_arch(arch: ModelArch) -> ModelArch:
    """The same model if its dimensions are consistent.

    Raises
    ------
    ScenarioError
        With every inconsistent dimension.
    """
    problems = [
        Problem(f"{arch.key}.{name}", str(getattr(arch, name)), "1 or more")
        for name in _POSITIVE
        if getattr(arch, name) < 1
    ]
    dense = arch.dense_layers if arch.experts else arch.layers
    checks = (
        (arch.attention not in ("mha", "gqa", "mqa", "mla"), "attention", arch.attention, "mha, gqa, mqa or mla"),
        (
            arch.heads % max(arch.kv_heads, 1) != 0,
            "kv_heads",
            arch.kv_heads,
            f"a divisor of heads = {arch.heads}",
        ),
        (dense > 0 and arch.ffn < 1, "ffn", arch.ffn, "1 or more where there are dense layers"),
        (arch.experts > 0 and arch.expert_ffn < 1, "expert_ffn", arch.expert_ffn, "1 or more where there are experts"),
        (
            arch.experts > 0 and not 1 <= arch.experts_per_token <= arch.experts,
            "experts_per_token",
            arch.experts_per_token,
            f"1 to experts = {arch.experts}",
        ),
        (not 0 <= dense <= arch.layers, "dense_layers", dense, f"0 to layers = {arch.layers}"),
        (not 0 <= arch.window_layers <= arch.layers, "window_layers", arch.window_layers, f"0 to {arch.layers}"),
        (
            arch.attention == "mla" and min(arch.kv_lora_rank, arch.qk_nope_head_dim, arch.v_head_dim) < 1,
            "kv_lora_rank, qk_nope_head_dim, v_head_dim",
            (arch.kv_lora_rank, arch.qk_nope_head_dim, arch.v_head_dim),
            "1 or more for latent attention",
        ),
    )
    problems += [Problem(f"{arch.key}.{name}", str(found), allowed) for bad, name, found, allowed in checks if bad]
    if problems:
        raise ScenarioError(f"model {arch.key}: {'; '.join(map(str, problems))}", problems)
    return arch


def model_from_entry(entry: Entry) -> ModelArch:
    """The model of a catalogue entry of the family ``model``; its facts carry the names of `ModelArch` fields.

    Raises
    ------
    ScenarioError
        If a needed fact is missing or the dimensions are inconsistent.
    """
    values: dict[str, Any] = {}
    used: list[Assumption] = []
    missing = []
    for spec in fields(ModelArch):
        if spec.name in ("key", "title", "assumptions"):
            continue
        fact = entry.facts.get(spec.name)
        if fact is None:
            if spec.default is MISSING:
                missing.append(spec.name)
            continue
        used.append(Assumption(f"{entry.key}.{spec.name}", "workload", fact))
        if spec.name in _WORDS:
            values[spec.name] = str(fact.value)
        elif spec.name in _FLAGS:
            values[spec.name] = fact.value in (1.0, "true", "True", "yes")
        else:
            values[spec.name] = int(fact.number())
    if missing:
        raise ScenarioError(
            f"model {entry.key}: the catalogue lacks {', '.join(missing)}; present: {', '.join(sorted(entry.facts))}"
        )
    return check_arch(ModelArch(key=entry.key, title=entry.title, assumptions=tuple(used), **values))


def load_model(key_or_path: str | Path, catalogue: Catalogue) -> ModelArch:
    """A model by catalogue key, or by the path of a Hugging Face ``config.json`` or of a folder that holds one.

    Parameters
    ----------
    key_or_path : str or Path
        E.g. ``llama-3.1-405b`` or ``models/mine/config.json``.
    catalogue : Catalogue
        Where keys are looked up.

    Raises
    ------
    ScenarioError
        If the file is not a known architecture.
    CatalogueError
        If it is neither a file nor a key.
    """
    path = Path(key_or_path)
    if path.suffix == ".json" or is_file(path) or is_folder(path):
        return check_arch(model_from_hf_config(path))
    return model_from_entry(catalogue.get(str(key_or_path), "model"))
