"""Which framework a launch file is of, and its options by dotted name: shell scripts, TOML, JSON, YAML."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from megawatt.files import read_json, read_text, read_toml, read_yaml, refused
from megawatt.launch.records import Options, flatten

__all__ = ["read_options"]

_SCRIPT_BYTES: Final = 2**20
_ASSIGNED: Final = re.compile(r"(?:export\s+|local\s+|readonly\s+)?([A-Za-z_]\w*)=(?!\()(\S.*|)")
_ARRAY: Final = re.compile(r"([A-Za-z_]\w*)\+?=\(")
_VARIABLE: Final = re.compile(r"\$(?:\{([A-Za-z_]\w*|[0-9])(?::?[-=]([^}]*))?\}|([A-Za-z_]\w*))")
_PRODUCT: Final = re.compile(r"\$\(\(\s*([0-9]{1,9}(?:\s*[*/+-]\s*[0-9]{1,9}){0,4})\s*\)\)")
_NAMED: Final = re.compile(r"([A-Za-z_][\w.]*)=(.*)", re.DOTALL)
_OPTION: Final = re.compile(r"--?[A-Za-z][\w.-]*")
_DEVICES: Final = ("NNODES", "NUM_NODES", "GPUS_PER_NODE", "WORLD_SIZE")
_LISTS: Final = ("--recompute-modules", "--cuda-graph-scope", "--recompute_modules", "--cuda_graph_scope")
"""Options that take several words."""
_MOST_ROUNDS: Final = 5
"""Variables of a script are replaced so often."""
_MAXTEXT: Final = re.compile(r"^(ici|dcn)_\w+_parallelism$|^per_device_batch_size$")
_TORCHTITAN: Final = ("parallelism", "training", "activation_checkpoint", "job")
"""Sections that only torchtitan's files have."""
_MEGATRON: Final = ("tensor_model_parallel_size", "pipeline_model_parallel_size", "micro_batch_size")
"""Names that only Megatron's family has."""
_DEEPSPEED: Final = (
    *("train_batch_size", "train_micro_batch_size_per_gpu", "gradient_accumulation_steps", "zero_optimization"),
    *("bf16", "fp16", "tensor_parallel", "pipeline", "sequence_parallel_size", "activation_checkpointing"),
)
"""Options at the top of DeepSpeed's files."""


def read_options(path: Path) -> tuple[str, Options]:
    """The framework of a launch file, read from its contents, and its options.

    The ending of its name is not asked: content in braces is JSON, content with sections in brackets TOML, names before
    colons YAML, anything else a script or a list of arguments. Names then tell the framework: ``distributed_strategy``
    is NxD Training's, axes of a mesh MaxText's, ``parallelism`` torchtitan's, options of ZeRO DeepSpeed's; those of
    Megatron-LM stand in scripts, and in the YAML of NeMo and Megatron-Bridge.

    Raises
    ------
    ScenarioError
        If it cannot be read, or holds no options.
    """
    text = read_text(path, "a launch file", most_bytes=_SCRIPT_BYTES)
    kind = _syntax(text, path.suffix.lower())
    if kind == "toml":
        content = read_toml(path, "a launch file in TOML")[0]
        framework = _framework(path, content, "torchtitan", _TORCHTITAN)
        values = dict(flatten(content))
    elif kind == "json":
        content = read_json(path, "a launch file in JSON")
        framework = _framework(path, content, "deepspeed", _DEEPSPEED)
        values = dict(flatten(content))
    elif kind == "yaml":
        values = dict(flatten(_resolved(read_yaml(path, "a launch file in YAML"))))
        framework = _by_names(values) or "megatron"
    else:
        values = dict(_script(text))
        if not values:
            raise refused(path, "no options", "a script, a list of arguments, TOML, JSON or YAML")
        framework = _by_names(values) or "megatron"
    return framework, Options(values, str(path))


_SECTION: Final = re.compile(r"^\[[\w.\"-]+\]\s*(#.*)?$", re.MULTILINE)
_COLONS: Final = re.compile(r"^[\w.-]+:(\s|$)", re.MULTILINE)
_ARGUMENT: Final = re.compile(r"(^|\s)--[A-Za-z]")


def _syntax(text: str, suffix: str) -> str:
    """toml, json, yaml or script, from the content; the ending of the name where that says nothing."""
    if text.lstrip().startswith("{"):
        return "json"
    if not _ARGUMENT.search(text):
        if _SECTION.search(text):
            return "toml"
        if _COLONS.search(text):
            return "yaml"
    named = {".toml": "toml", ".json": "json", ".yaml": "yaml", ".yml": "yaml"}
    return named.get(suffix, "script")


def _by_names(values: Mapping[str, Any]) -> str:
    """The framework that some names are of; empty where they are none of these."""
    if any(name.startswith("distributed_strategy.") for name in values):
        return "nxd"
    if any(_MAXTEXT.match(name) for name in values):
        return "maxtext"
    if any(name.startswith(("--parallelism.", "parallelism.")) for name in values):
        return "torchtitan"
    tops = {name.partition(".")[0] for name in values}
    return "deepspeed" if tops & set(_DEEPSPEED[:4]) else ""


def _framework(path: Path, content: dict[str, Any], usual: str, names: tuple[str, ...]) -> str:
    """The framework of a file that has at least one of its sections."""
    values = dict(flatten(content))
    found = _by_names(values) or (usual if any(name in content for name in names) else "")
    if not found and any(name.rpartition(".")[2] in _MEGATRON for name in values):
        return "megatron"
    if not found:
        raise refused(path, f"no options of {usual}", f"one of {', '.join(names)}")
    return found


def _resolved(content: dict[str, Any]) -> dict[str, Any]:
    """The same with references to other values (``${trainer.devices}``) looked up; others stay as text."""
    values = dict(flatten(content))

    def one(value: Any) -> Any:
        if isinstance(value, str) and (found := re.fullmatch(r"\$\{([\w.]+)\}", value)):
            return values.get(found[1], value)
        return value

    return {name: one(value) for name, value in values.items()}


def _script(text: str) -> Iterator[tuple[str, Any]]:
    """Options of the commands of a shell script, its variables replaced by what they were last set to before."""
    text = re.sub(r"\\\r?\n", " ", text)
    variables: dict[str, str] = {}
    for line in _logical_lines(text):
        assigned = _ASSIGNED.fullmatch(line.strip())
        if assigned is not None and not _OPTION.match(assigned[2]):
            variables[assigned[1]] = _plain(_replaced(assigned[2], variables))
            # Of a script's own variables only those count that say how many devices there are.
            if assigned[1].islower() or assigned[1] in _DEVICES:
                yield assigned[1], variables[assigned[1]]
        else:
            yield from _pairs(_words(_ARRAY.sub("", _replaced(line, variables))))


def _logical_lines(text: str) -> Iterator[str]:
    """Lines without comments; lines of an array in one."""
    open_line = ""
    for line in text.splitlines():
        bare = re.sub(r"(^|\s)#.*", "", line)
        open_line = f"{open_line} {bare}" if open_line else bare
        if open_line.count("(") > open_line.count(")"):
            continue
        if open_line.strip():
            yield open_line.strip()
        open_line = ""
    if open_line.strip():
        yield open_line.strip()


def _replaced(text: str, variables: Mapping[str, str]) -> str:
    """Variables and products of whole numbers replaced; what is not known stays."""

    def one(found: re.Match[str]) -> str:
        name = found[1] or found[3]
        return variables.get(name, found[2] if found[2] is not None else found[0])

    for _ in range(_MOST_ROUNDS):
        text = _PRODUCT.sub(lambda m: str(_product(m[1])), _VARIABLE.sub(one, text))
    return text


def _product(text: str) -> int:
    """A chain of whole numbers from left to right, as shells count where there is one kind of operation."""
    numbers = [int(n) for n in re.findall(r"[0-9]+", text)]
    result = numbers[0]
    for sign, number in zip(re.findall(r"[*/+-]", text), numbers[1:], strict=True):
        if sign == "/" and number == 0:
            return 0
        steps = {"*": result * number, "+": result + number, "-": result - number}
        result = result // number if sign == "/" else steps[sign]
    return result


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line.replace("(", " ").replace(")", " "), posix=True)
    except ValueError:
        return line.split()


def _plain(value: str) -> str:
    parts = _words(value)
    return parts[0] if len(parts) == 1 else value.strip("'\"")


def _pairs(words: list[str]) -> Iterator[tuple[str, Any]]:
    """Options with their values: ``--name value``, ``--name=value``, ``--switch``, ``NAME=value``."""
    place = 0
    while place < len(words):
        word = words[place]
        place += 1
        named = _NAMED.fullmatch(word)
        if _OPTION.fullmatch(word.partition("=")[0]):
            name, equals, value = word.partition("=")
            follows = place < len(words) and not _OPTION.match(words[place]) and not words[place].endswith(".py")
            if not equals and follows:
                value, place = words[place], place + 1
                while name in _LISTS and place < len(words) and not _OPTION.match(words[place]):
                    value, place = f"{value},{words[place]}", place + 1
            yield name, value if equals or follows else True
        elif named is not None:
            yield named[1], named[2]
