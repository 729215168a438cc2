"""Hugging Face ``config.json`` read as a model: by its fields, with its class's defaults where they are not there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from megawatt.errors import Problem, ScenarioError, shown
from megawatt.files import is_file, is_folder, read_json
from megawatt.workload.hf_dimensions import dimensions
from megawatt.workload.hf_families import FAMILIES, NOT_DECODERS, Family, family_of
from megawatt.workload.hf_fields import JSON_TYPES, Fields
from megawatt.workload.hf_releases import assumed_of, in_hf_fields
from megawatt.workload.records import ModelArch

__all__ = ["model_from_hf_config", "read_hf_config"]

_TEXT_PARTS: Final = ("text_config", "llm_config", "language_config", "thinker_config")
"""Where multimodal models keep the fields of their language model."""


def read_hf_config(source: str | Path | Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
    """Content of a configuration, and where it stands: a file, a folder that holds ``config.json`` (or, without one,
    the ``params.json`` of releases of Meta and Mistral), or a mapping."""
    if isinstance(source, Mapping):
        return source, "config"
    path = Path(source)
    if is_folder(path):
        released = not is_file(path / "config.json") and is_file(path / "params.json")
        path = path / ("params.json" if released else "config.json")
    # Configurations of state-space models hold infinite limits of their steps.
    return read_json(path, "a Hugging Face config.json", finite=False), str(path)


def _text(data: Mapping[str, Any], name: str, problems: list[Problem]) -> str:
    """A field that is text; empty where it is not given."""
    value = data.get(name)
    if value is not None and not isinstance(value, str):
        problems.append(Problem(name, f"{shown(value)} ({JSON_TYPES.get(type(value), 'text')})", "text"))
    return value if isinstance(value, str) else ""


def _class_names(data: Mapping[str, Any], problems: list[Problem]) -> list[str]:
    names = data.get("architectures")
    if names is None or isinstance(names, str):
        return [names] if names else []
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        found = f"{shown(names)} ({JSON_TYPES.get(type(names), 'text')})"
        problems.append(Problem("architectures", found, "a list of names"))
        return []
    return names


def _language_part(data: Mapping[str, Any], problems: list[Problem]) -> Mapping[str, Any]:
    """The fields of the language model: those of a nested part before those around it."""
    for name in _TEXT_PARTS:
        nested = data.get(name)
        if isinstance(nested, Mapping):
            outer = {k: v for k, v in data.items() if k not in (*_TEXT_PARTS, "architectures")}
            return _language_part({**outer, **{k: v for k, v in nested.items() if v is not None}}, problems)
        if nested is not None:
            found = f"{shown(nested)} ({JSON_TYPES.get(type(nested), 'text')})"
            problems.append(Problem(name, found, "an object"))
    return data


def _refuse(where: str, problems: list[Problem], what: str = "it") -> None:
    """Raises the problems found so far, if any; ``what`` is wrong with them."""
    if not problems:
        return
    problems = list(dict.fromkeys(problems))
    missing = [p.path for p in problems if p.found == "missing"]
    rest = [str(p) for p in problems if p.found != "missing"]
    head = "; ".join(([f"{what} lacks {', '.join(missing)}"] if missing else []) + rest[:3])
    raise ScenarioError(f"{where}: {head}", problems, where)


_OTHER_SENSES: Final = ("_vision", "_vision_model", "_vision_encoder", "_audio_encoder", "_audio_model")
"""Ends of the ``model_type`` of the part of a multimodal model that sees or hears, saved by itself."""


def _refuse_kind(where: str, name: str, data: Mapping[str, Any], classes: list[str]) -> None:
    """Raises for a model that is no decoder-only language model."""
    kind = NOT_DECODERS.get(name, "")
    if not kind and data.get("is_encoder_decoder") is True:
        kind = "an encoder-decoder"
    if not kind and ("_diffusers_version" in data or "_class_name" in data):
        kind = "a part of a diffusion model"
    if not kind and any(c.endswith("ForMaskedLM") for c in classes):
        kind = "an encoder"
    if not kind and str(data.get("model_type", "")).endswith(_OTHER_SENSES):
        kind = "an encoder"
    if kind:
        named = name or data.get("model_type") or data.get("_class_name") or (classes or ["this"])[0]
        problem = Problem("model_type", str(named), "a decoder-only language model")
        raise ScenarioError(f"{where}: {named} is {kind}, which has no cost here; {problem}", [problem], where)


def model_from_hf_config(source: str | Path | Mapping[str, Any], where: str = "") -> ModelArch:
    """Read a model from a Hugging Face ``config.json``.

    Fields decide, under any of the names that classes give them; where one is not there, the default of the
    ``model_type`` does, and `ModelArch.assumed` says so. A model of no known type is read as a decoder of the Llama
    kind if it has the fields of one.

    Parameters
    ----------
    source : str, Path or mapping
        The file, a folder that holds it, or its content.
    where : str
        Where content comes from, for messages and the model's name.

    Returns
    -------
    ModelArch
        The model; of a multimodal model the language part.

    Raises
    ------
    ScenarioError
        If fields are missing or of the wrong type (names all of them), or it is no decoder-only language model.
    """
    data, found = read_hf_config(source)
    where = where or found
    problems: list[Problem] = []
    given, data = data, in_hf_fields(data, problems)
    classes = _class_names(data, problems)
    inner = _language_part(data, problems)
    model_type = _text(inner, "model_type", problems) or _text(data, "model_type", problems)
    inner_classes = _class_names(inner, problems) if inner is not data else classes
    name = family_of(model_type, (inner_classes or classes or [""])[0])
    name = name or family_of(_text(data, "model_type", problems), (classes or [""])[0])
    _refuse(where, problems)
    _refuse_kind(where, name, data, classes)
    family = FAMILIES.get(name, Family())
    # Without a model_type nothing is taken from a class: too little is known of such a file.
    config = Fields(inner, family.defaults if model_type else {}, model_type or name)
    if not name:
        kind = model_type or (classes or ["none"])[0]
        config.assume(f"model_type {kind!r} is not known: read by its fields as a decoder of the Llama kind")
    if name and not model_type:
        config.assume(f"no model_type: read as {name} by its class, without the defaults of that type")
    for text in assumed_of(given):
        config.assume(text)
    values = dimensions(config, name, family)
    if config.problems and not name:
        known = ", ".join(sorted(FAMILIES))
        config.problems.append(Problem("model_type", model_type or "missing", f"one of {known}"))
        head = f"model_type {model_type!r}, architectures {classes} are not known"
        missing = ", ".join(p.path for p in config.problems[:-1])
        text = f"{where}: {head}, and fields are missing or wrong: {missing}. Known types: {known}. A model can be"
        raise ScenarioError(f"{text} written by its dimensions in a TOML file, too", config.problems, where)
    _refuse(where, config.problems, (classes or [model_type])[0])
    title = str(data.get("_name_or_path") or model_type or name)
    key = Path(where).parent.name if where.endswith(("config.json", "params.json")) else title
    return ModelArch(key=key or title, title=title, assumed=tuple(config.assumed), **values)
