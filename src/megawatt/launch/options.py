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
_DEEPSPEED: Final = (
    *("train_batch_size", "train_micro_batch_size_per_gpu", "gradient_accumulation_steps", "zero_optimization"),
    *("bf16", "fp16", "tensor_parallel", "pipeline", "sequence_parallel_size", "activation_checkpointing"),
)
"""Options at the top of DeepSpeed's files."""


def read_options(path: Path) -> tuple[str, Options]:
    """The framework of a launch file, read from its contents, and its options.

    TOML is torchtitan's, JSON DeepSpeed's; YAML is NxD Training's where it has ``distributed_strategy``, MaxText's
    where it has its axes, else NeMo's or Megatron-Bridge's; anything else is a script or a list of arguments: MaxText's
    ``name=value``, torchtitan's ``--section.name``, else Megatron-LM's.

    Raises
    ------
    ScenarioError
        If it cannot be read, or holds no options.
    """
    suffix = path.suffix.lower()
    if suffix == ".toml":
        content = read_toml(path, "a torchtitan configuration")[0]
        return "torchtitan", Options(dict(flatten(_known(path, content, _TORCHTITAN, "torchtitan"))), str(path))
    if suffix == ".json":
        content = read_json(path, "a DeepSpeed configuration")
        return "deepspeed", Options(dict(flatten(_known(path, content, _DEEPSPEED, "DeepSpeed"))), str(path))
    if suffix in (".yaml", ".yml"):
        values = dict(flatten(_resolved(read_yaml(path, "a launch file in YAML"))))
        nxd = any(name.startswith("distributed_strategy.") for name in values)
        kind = "nxd" if nxd else "maxtext" if any(_MAXTEXT.match(name) for name in values) else "megatron"
        return kind, Options(values, str(path))
    values = dict(_script(read_text(path, "a launch script", most_bytes=_SCRIPT_BYTES)))
    if not values:
        raise refused(
            path,
            "no options",
            "a script or a list of arguments; TOML, JSON and YAML are known by the ending of their name",
        )
    if any(_MAXTEXT.match(name) for name in values):
        return "maxtext", Options(values, str(path))
    return "torchtitan" if any(name.startswith("--parallelism.") for name in values) else "megatron", Options(
        values, str(path)
    )


def _known(path: Path, content: dict[str, Any], names: tuple[str, ...], framework: str) -> dict[str, Any]:
    """The content of a file that has at least one of a framework's sections."""
    if not any(name in content for name in names):
        raise refused(path, f"no options of {framework}", f"one of {', '.join(names)}")
    return content


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
