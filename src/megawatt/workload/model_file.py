"""The model file: a model by its dimensions, in TOML; what each field means and what is allowed.

Field descriptions are the reference documentation: ``megawatt schema --model`` prints them as JSON Schema.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, Field, ValidationError, create_model

from megawatt.catalogue.section import Section, as_problems
from megawatt.errors import Problem, ScenarioError
from megawatt.files import read_toml
from megawatt.workload.records import MOST_LAYERS, ModelArch

__all__ = ["model_schema", "read_model_file"]

_TEXTS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "title": Annotated[str, Field(min_length=1, max_length=200)],
        "attention": Literal["mha", "gqa", "mqa", "mla"],
        "mixers": Annotated[str, Field(pattern=r"^[fwcshlmp-]*$", max_length=MOST_LAYERS)],
        "mlps": Annotated[str, Field(pattern=r"^[de-]*$", max_length=MOST_LAYERS)],
        "linear_rule": Literal["decay", "delta", "kda"],
    }
)
_DESCRIPTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "title": "what results call the model",
        "layers": "layers",
        "hidden": "width of the residual stream",
        "vocab": "entries of the token table",
        "heads": "attention heads",
        "kv_heads": "heads of keys and values; default: heads",
        "head_dim": "width of a head; default: hidden / heads",
        "v_head_dim": "width of a head's values; default: head_dim",
        "ffn": "width of a dense MLP",
        "ffn_by_layer": "width of the dense MLP of each layer, where they differ (0: none)",
        "gated": "MLPs have three matrices (SwiGLU) instead of two; default true",
        "tied_embeddings": "the output projection is the token table; default false",
        "attention": "mla: latent attention; the others follow from the heads",
        "mixers": "a letter a layer, a shorter text repeats: f full attention, w window, c chunks, s and h window and "
        "keys of 4 or 128 tokens each, l linear, m state space, p full attention beside state space, - none",
        "mlps": "a letter a layer, a shorter text repeats: d dense, e experts, - none",
        "experts": "routed experts of a mixture",
        "experts_per_token": "routed experts of one token",
        "expert_ffn": "width of one expert",
        "shared_ffn": "width of what every token passes beside the routed experts",
        "expert_groups": "groups that experts stand in; default 0: a token chooses from all experts",
        "groups_per_token": "groups that one token may choose from",
        "expert_latent": "width that tokens are projected to before dispatch; default: hidden",
        "dense_layers": "leading layers that are dense in spite of mlps",
        "q_lora_rank": "rank of the queries' projection",
        "kv_lora_rank": "latent attention: rank of keys and values",
        "qk_nope_head_dim": "latent attention: width of a query head without positions",
        "qk_rope_head_dim": "latent attention: width of a query head with positions",
        "index_heads": "heads of the indexer that picks keys; default 0, all keys are seen",
        "index_head_dim": "width of an indexer's head",
        "index_topk": "keys that it picks",
        "output_groups": "groups of heads that are projected apart before the output projection",
        "output_rank": "width of one such group",
        "window": "tokens of a window or chunk",
        "window_heads": "heads of layers with a window, where they differ",
        "window_kv_heads": "heads of keys and values of layers with a window, where they differ",
        "window_head_dim": "width of a head of layers with a window, where it differs",
        "window_v_head_dim": "width of a head's values of layers with a window, where it differs",
        "attention_gate": "attention's output is gated element by element; default false",
        "keys_are_values": "full attention has one projection for keys and values; default false",
        "shared_kv_layers": "last layers that use the keys and values of earlier ones",
        "kv_share_every": "only each n-th layer has keys and values of its own; default 1",
        "linear_rule": "linear attention: decay (lightning), delta (gated delta net) or kda (decay by channel)",
        "linear_key_heads": "linear attention: heads of queries and keys",
        "linear_value_heads": "linear attention: heads of values",
        "linear_key_dim": "linear attention: width of a key head",
        "linear_value_dim": "linear attention: width of a value head",
        "linear_gate_rank": "linear attention: rank of its gates; default 0, full",
        "mamba_inner": "state space: inner width",
        "mamba_head_dim": "state space: width of a head (Mamba-2)",
        "mamba_state": "state space: size of the state",
        "mamba_groups": "state space: groups; default 1",
        "mamba_dt_rank": "state space: rank of the step (Mamba-1); default 0: Mamba-2",
        "conv_kernel": "taps of short convolutions; default 4",
        "mtp_layers": "multi-token-prediction modules",
        "attention_bias": "biases in attention; default false",
        "mlp_bias": "biases in MLPs; default false",
        "learned_positions": "entries of a table of positions; default 0",
        "per_layer_input": "width of a token table of each layer's own; default 0",
        "weight_bits": "bits of a stored weight, where it is quantised",
        "lora_rank": "rank of adapters beside frozen weights; default 0: all weights are trained",
    }
)
_BY_KEY: Final = ("key", "assumptions", "assumed")


def _type_of(field: dataclasses.Field[Any]) -> Any:
    if field.name in _TEXTS:
        return _TEXTS[field.name]
    if field.type == "bool":
        return bool
    if field.name == "weight_bits":
        return Annotated[float, Field(ge=0, le=64)]
    if field.name == "ffn_by_layer":
        return Annotated[tuple[Annotated[int, Field(ge=0, le=10**9)], ...], Field(max_length=MOST_LAYERS)]
    return Annotated[int, Field(ge=0, le=MOST_LAYERS if field.name == "layers" else 10**9)]


@functools.cache
def _model() -> type[BaseModel]:
    """The file as pydantic checks it: a table ``model`` with the fields of `ModelArch`, all of them optional."""
    fields: dict[str, Any] = {
        "like": (
            Annotated[str, Field(min_length=1)] | None,
            Field(None, description="model that this one differs from: a catalogue key, a model file or config.json"),
        )
    }
    for spec in dataclasses.fields(ModelArch):
        if spec.name not in _BY_KEY:
            fields[spec.name] = (_type_of(spec) | None, Field(None, description=_DESCRIPTIONS[spec.name]))
    table = create_model("ModelTable", __base__=Section, **fields)
    version: Any = (Literal[1], Field(1, description="version of this file format"))
    inside: Any = (table, Field(description="dimensions, and what the model differs from"))
    return create_model("ModelFile", __base__=Section, format=version, model=inside)


def model_schema() -> dict[str, Any]:
    """JSON Schema of model files."""
    schema = _model().model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema | {"title": "megawatt model"}


def read_model_file(path: Path, load: Callable[[str, Path], ModelArch]) -> ModelArch:
    """Read a model from a TOML file; its dimensions are not checked against each other.

    Parameters
    ----------
    path : Path
        The file.
    load : callable
        Reads the model that this one is ``like``, given its name and this file's folder.

    Raises
    ------
    ScenarioError
        With every unknown key, missing table and value of the wrong type or size.
    """
    content, _ = read_toml(path, "a model file; megawatt init --model writes an example", ("model",))
    try:
        table = _model().model_validate(content)
    except ValidationError as error:
        problems = as_problems(_model(), error)
        raise ScenarioError(f"{path}: {'; '.join(map(str, problems[:3]))}", problems, str(path)) from None
    given = {k: v for k, v in table.model.model_dump().items() if v is not None}  # type: ignore[attr-defined]
    like = given.pop("like", None)
    named = {"key": path.stem, "title": given.pop("title", path.stem)}
    if like is not None:
        return dataclasses.replace(load(like, path.parent), **named, **_kind(given), assumptions=())
    missing = [name for name in ("layers", "hidden", "vocab") if name not in given]
    if missing:
        problems = [Problem(f"model.{name}", "missing", _DESCRIPTIONS[name]) for name in missing]
        raise ScenarioError(f"{path}: model lacks {', '.join(missing)} (or like, a known model)", problems, str(path))
    if given.get("heads"):
        given.setdefault("kv_heads", given["heads"])
        given.setdefault("head_dim", given["hidden"] // given["heads"])
    return ModelArch(**named, **_kind(given))


def _kind(given: dict[str, Any]) -> dict[str, Any]:
    """Fields with the kind of attention that follows from the heads, where both are given."""
    heads, kv_heads = given.get("heads"), given.get("kv_heads")
    if "attention" in given or not heads or kv_heads is None:
        return given
    latent = "mla" if given.get("kv_lora_rank") else ""
    return given | {"attention": latent or ("mha" if kv_heads == heads else "mqa" if kv_heads == 1 else "gqa")}
