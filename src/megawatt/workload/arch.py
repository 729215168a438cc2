"""Models by catalogue key or file, checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from megawatt.catalogue.records import Assumption, Entry
from megawatt.errors import Problem, ScenarioError
from megawatt.files import is_file, is_folder
from megawatt.workload.hf import model_from_hf_config, read_hf_config
from megawatt.workload.hf_fields import Fields
from megawatt.workload.model_file import read_model_file
from megawatt.workload.records import MOST_LAYERS, ModelArch
from megawatt.workload.structure import ATTENTIONS, layer_letters

if TYPE_CHECKING:
    from megawatt.catalogue import Catalogue

__all__ = ["check_arch", "load_model", "model_from_entry"]

_WORDS: Final = ("attention", "mixers", "mlps", "linear_rule")
_FLAGS: Final = ("gated", "tied_embeddings", "attention_bias", "mlp_bias", "attention_gate", "keys_are_values")
_NOT_FACTS: Final = ("key", "title", "assumptions", "assumed", "ffn_by_layer", "lora_rank")
_MLA: Final = ("kv_lora_rank", "qk_nope_head_dim", "v_head_dim")
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "f": ("heads", "kv_heads", "head_dim"),
        "w": ("heads", "kv_heads", "head_dim", "window"),
        "c": ("heads", "kv_heads", "head_dim", "window"),
        "s": ("heads", "kv_heads", "head_dim", "window", "q_lora_rank", "index_heads", "index_head_dim", "index_topk"),
        "h": ("heads", "kv_heads", "head_dim", "window", "q_lora_rank"),
        "p": ("heads", "kv_heads", "head_dim", "mamba_inner", "mamba_head_dim", "mamba_state"),
        "l": ("linear_key_heads", "linear_value_heads", "linear_key_dim", "linear_value_dim"),
        "m": ("mamba_inner", "mamba_state"),
        "d": ("ffn",),
        "e": ("experts", "experts_per_token", "expert_ffn"),
        "-": (),
    }
)
"""Dimensions, 1 or more, that a layer with this letter needs."""


def _used(arch: ModelArch) -> set[str]:
    """Letters of the layers that a model has; of wrong patterns those that are known."""
    if not 1 <= arch.layers <= MOST_LAYERS:
        return set()
    mixers, mlps = layer_letters(arch)
    return {*mixers, *mlps} & set(_NEEDED)


def _problems(arch: ModelArch) -> Iterator[tuple[str, object, str]]:
    """(field, what was found, what is allowed) of every inconsistency."""
    if not 1 <= arch.layers <= MOST_LAYERS:
        yield "layers", arch.layers, f"1 to {MOST_LAYERS:,}"
    for name, letters in (("mixers", "fwcshlmp-"), ("mlps", "de-")):
        text = getattr(arch, name)
        if set(text) - set(letters) or len(text) > arch.layers:
            yield name, text, f"letters of {letters!r}, no more than layers = {arch.layers}"
    used = _used(arch)
    needed = {name for letter in used for name in _NEEDED[letter]}
    if arch.attention == "mla" and used & set(ATTENTIONS):
        needed = (needed | set(_MLA)) - {"head_dim"}
    if arch.ffn_by_layer:
        needed -= {"ffn"}
        if len(arch.ffn_by_layer) != arch.layers:
            yield "ffn_by_layer", f"{len(arch.ffn_by_layer)} widths", f"one for each of {arch.layers} layers"
    for name in ("hidden", "vocab", *sorted(needed)):
        if getattr(arch, name) < 1:
            yield name, getattr(arch, name), "1 or more"
    yield from _relations(arch, used)


def _relations(arch: ModelArch, used: set[str]) -> Iterator[tuple[str, object, str]]:
    """Dimensions that do not fit each other."""
    if arch.attention not in ("mha", "gqa", "mqa", "mla"):
        yield "attention", arch.attention, "mha, gqa, mqa or mla"
    if used & set(ATTENTIONS) and arch.heads % max(arch.kv_heads, 1):
        yield "kv_heads", arch.kv_heads, f"a divisor of heads = {arch.heads}"
    if "e" in used and arch.experts and not 1 <= arch.experts_per_token <= arch.experts:
        yield "experts_per_token", arch.experts_per_token, f"1 to experts = {arch.experts}"
    if arch.expert_groups and not 1 <= arch.groups_per_token <= arch.expert_groups <= max(arch.experts, 1):
        yield "groups_per_token", arch.groups_per_token, f"1 to expert_groups = {arch.expert_groups}, at most experts"
    if not 0 <= arch.dense_layers <= arch.layers:
        yield "dense_layers", arch.dense_layers, f"0 to layers = {arch.layers}"
    if "l" in used and arch.linear_rule not in ("decay", "delta", "kda"):
        yield "linear_rule", arch.linear_rule or "missing", "decay, delta or kda"
    if arch.mamba_inner % max(arch.mamba_head_dim, 1):
        yield "mamba_head_dim", arch.mamba_head_dim, f"a divisor of mamba_inner = {arch.mamba_inner}"
    if arch.kv_share_every < 1:
        yield "kv_share_every", arch.kv_share_every, "1 or more"


def check_arch(arch: ModelArch, path: Path | None = None) -> ModelArch:
    """The same model if its dimensions are consistent; ``path`` is the file that it comes from.

    Raises
    ------
    ScenarioError
        With every inconsistent dimension.
    """
    problems = [Problem(f"{arch.key}.{name}", str(found), allowed) for name, found, allowed in _problems(arch)]
    if problems:
        head = f"model {arch.key}: {'; '.join(map(str, problems))}"
        raise ScenarioError(f"{path}: {head}" if path else head, problems, str(path or ""))
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
        if spec.name in _NOT_FACTS:
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
            values[spec.name] = fact.number() if spec.name == "weight_bits" else int(fact.number())
    if missing:
        raise ScenarioError(
            f"model {entry.key}: the catalogue lacks {', '.join(missing)}; present: {', '.join(sorted(entry.facts))}"
        )
    return check_arch(ModelArch(key=entry.key, title=entry.title, assumptions=tuple(used), **values))


_LONGEST_CHAIN: Final = 10
"""Files that are like each other."""
_SUFFIXES: Final = (".json", ".toml")
"""Names that end so are files."""


def load_model(key_or_path: str | Path, catalogue: Catalogue, folder: Path | None = None) -> ModelArch:
    """A model by catalogue key or by a file.

    Files are Hugging Face configurations (``config.json``, or a folder that holds one), the ``params.json`` of releases
    of Meta and Mistral, configurations of adapters (``adapter_config.json``, beside the base model that they name), and
    models by their dimensions in TOML.

    Parameters
    ----------
    key_or_path : str or Path
        E.g. ``llama-3.1-405b``, ``models/mine/config.json`` or ``my-model.toml``.
    catalogue : Catalogue
        Where keys are looked up.
    folder : Path, optional
        What names of files are relative to; the working directory if not given.

    Raises
    ------
    ScenarioError
        If the file is no model, or its dimensions do not fit each other; names every problem.
    CatalogueError
        If it is neither a file nor a key.
    """
    return _load(key_or_path, catalogue, folder or Path(), 0)


def _load(key_or_path: str | Path, catalogue: Catalogue, folder: Path, depth: int) -> ModelArch:
    path = folder / key_or_path
    if path.suffix not in _SUFFIXES and not is_file(path) and not is_folder(path):
        return model_from_entry(catalogue.get(str(key_or_path), "model"))
    if depth > _LONGEST_CHAIN:
        problem = Problem(
            "model.like", str(key_or_path), f"a model that is not like itself, up to {_LONGEST_CHAIN} files"
        )
        raise ScenarioError(f"{path}: {problem}", [problem], str(path))
    if path.suffix == ".toml":
        arch = read_model_file(path, lambda name, beside: _load(name, catalogue, beside, depth + 1))
        return check_arch(arch, path)
    if is_folder(path):
        adapters = not is_file(path / "config.json") and is_file(path / "adapter_config.json")
        path = path / "adapter_config.json" if adapters else path
    data, where = read_hf_config(path)
    if "peft_type" in data:
        return _adapted(data, path, lambda name, beside: _load(name, catalogue, beside, depth + 1), catalogue)
    return check_arch(model_from_hf_config(data, where), path)


def _adapted(
    data: Mapping[str, Any], path: Path, load: Callable[[str, Path], ModelArch], catalogue: Catalogue
) -> ModelArch:
    """The base model of adapters, with their rank.

    The base is a folder beside the adapters, or a model of the catalogue whose key is in the name's last part.
    """
    fields = Fields(data, {}, "peft")
    name, rank = data.get("base_model_name_or_path"), fields.number("r")
    if not isinstance(name, str) or not name:
        fields.wrong("base_model_name_or_path", "the base model's name or folder")
    if data.get("peft_type") not in ("LORA", "ADALORA"):
        fields.wrong("peft_type", "LORA")
    if fields.problems or not isinstance(name, str):
        raise ScenarioError(f"{path}: {fields.problems[0]}", fields.problems, str(path))
    beside = path.parent
    if not is_folder(beside / name):
        last = name.rstrip("/").rpartition("/")[2].lower()
        keys = sorted((k for k in catalogue.keys("model") if last.startswith(k) or k.startswith(last)), key=len)
        name = keys[-1] if keys else last
    base = load(name, beside)
    text = (
        f"adapters of rank {rank} beside every mixer's input and output projections (target_modules is not looked at)"
    )
    return replace(base, lora_rank=rank, assumed=(*base.assumed, text))
