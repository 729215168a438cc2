"""What a launch file says of a run, and the options of a file as they are asked for one by one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from megawatt.errors import ScenarioError, shown
from megawatt.files import parse_number

__all__ = ["Launch", "Options", "whole_degrees"]

_MATTERS: Final = re.compile(
    r"parallel|pipeline|shard|zero|recompute|checkpoint_act|activation_checkpoint|remat|offload|fp8|fp4|float8|quant"
    r"|precision|moe|expert|overlap|cuda_graph|schedule|lora|pack|micro_batch|fsdp|attention_backend|compile"
)
"""Names of options that may change how long a step takes or what it holds."""
_QUIET: Final = re.compile(
    r"checkpoint(?!.*act)|data_|dataset|path|dir$|log|tensorboard|wandb|seed|timeout|init|wgrad_deferral|aux_loss|_lr|lr_"
    r"|save|load|cache|token_drop|router_(score|bias|topk_scaling|group|num_groups|dtype)|z_loss|debug|check_for"
)
"""Names among those that change neither."""
_HARMLESS: Final = re.compile(
    # where things are, what is printed, how a run starts and ends
    r"(^|[._])(data|dataset|dataloader|blend|split|mock|path|dir|file|log|logging|logger|tensorboard|wandb|profil\w*|seed"
    r"|timeout|save|load|ckpt|checkpoint\w*|cache|tokenizer|vocab|merges?|master|rdzv\w*|rank|addr|port|host|name|project"
    r"|entity|id|exit|interval|every|steps_per_print|metrics?|debug|eval|eval_\w+|validation|test|num_workers|resume"
    r"|hf|description|export|env|backend|account|partition|image|nnodes|nproc\w*|nodes|devices)([._]|$)"
    # learning
    r"|(^|[._])(lr|learning|decay|beta\d?|adam_\w+|betas|eps\w*|momentum|clip\w*|gradient_clipping|warmup|anneal\w*"
    r"|scheduler|sched|iters?|samples|steps|epochs?|loss_scale\w*|hysteresis|init\w*|\w*dropout|optim)([._]|$)"
    # the model, which is said apart
    r"|(^|[._])(group_query_attention|ffn|kv|qk|norm\w*|layernorm\w*|rms\w*|rope|rotary|position\w*|swiglu|activation_func"
    r"|bias|untie\w*|share|embeddings?|head_dim|max_position\w*|multi_latent\w*|window|flavor|mtp_\w+|base_\w+|heads?"
    r"|make_vocab\w*|latent|q_lora_rank|kv_lora_rank)([._]|$)"
    r"|^cuda_device_max_connections$|^nccl_\w+"
)
"""Names without any of the words above that change neither."""
_MOST: Final = 10**9
"""Largest whole number of an option."""
_TRUE: Final = ("true", "1", "yes", "on")
_FALSE: Final = ("false", "0", "no", "off", "none", "null", "")


@dataclass(frozen=True, slots=True)
class Launch:
    """A run as one framework's launch file says it; what the file leaves open is None, 0 or empty.

    Attributes
    ----------
    framework : str
        megatron, torchtitan, deepspeed, maxtext, nxd.
    layout : mapping of str to int
        Values by field of `megawatt.training.Layouts`, the framework's defaults where the file is silent; ``dp`` only
        where the file says it. Degrees count devices: cores, where the framework's devices are cores.
    seq_len, global_batch : int
        Tokens of a sequence, sequences of a step.
    precision : str
        Of the linear layers.
    stack : str
        Catalogue key of the framework's stack.
    devices : int
        All devices of the run.
    offload : tuple of str
        What the host's memory holds.
    lora_rank : int
        Rank of adapters.
    switches : str
        Features of the stack, as `megawatt.training.read_features` reads them.
    optimizer : str
        Kind of optimizer; empty where it is the stack's usual one.
    model : mapping of str to int
        Dimensions that the file names: layers, hidden, heads, experts.
    notes : tuple of str
        What was filled in or taken for something near.
    unknown : tuple of str
        Options that may matter and were not understood.
    ignored : int
        Options without effect on time or memory.
    """

    framework: str
    layout: Mapping[str, int]
    stack: str
    seq_len: int | None = None
    global_batch: int | None = None
    precision: str | None = None
    devices: int | None = None
    offload: tuple[str, ...] = ()
    lora_rank: int = 0
    switches: str = ""
    optimizer: str = ""
    model: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    ignored: int = 0


class Options:
    """Options by dotted name, each asked for by the last parts of its name; what nobody asked for is `left`.

    ``devices``: how many the run has where the file leaves them open; 0 where nobody says.
    """

    def __init__(self, values: Mapping[str, Any], file: str) -> None:
        self._values = {self._plain(name): value for name, value in values.items()}
        self._asked: set[str] = set()
        self.file = file
        self.devices = 0
        self.notes: list[str] = []

    @staticmethod
    def _plain(name: str) -> str:
        return name.strip().lower().lstrip("-").replace("-", "_")

    def _find(self, names: tuple[str, ...]) -> tuple[str, Any] | None:
        found = None
        for name in names:
            for key, value in self._values.items():
                if key == name or key.endswith(f".{name}"):
                    self._asked.add(key)
                    if found is None and value is not None:
                        found = key, value
        return found

    def _wrong(self, key: str, value: Any, allowed: str) -> ScenarioError:
        return ScenarioError(f"{self.file}: {key} = {shown(value)}; allowed: {allowed}")

    def number(self, *names: str) -> float | None:
        """A number of 0 or more under any of these names; None where there is none, or the file says ``auto``."""
        found = self._find(names)
        if found is None:
            return None
        key, value = found
        text = str(value).strip().lower()
        if text in ("auto", "null", "none", ""):
            return None
        number = None if isinstance(value, bool) else parse_number(text)
        if number is None or not -1.0 <= number <= _MOST:
            raise self._wrong(key, value, f"a number, up to {_MOST:,}")
        return number

    def whole(self, *names: str, default: int = 0) -> int:
        """A whole number from -1 (the rest) under any of these names, else the default."""
        number = self.number(*names)
        if number is None:
            return default
        if number != int(number):
            raise self._wrong(names[0], number, "a whole number")
        return int(number)

    def flag(self, *names: str, default: bool = False) -> bool:
        """Whether a switch is set."""
        found = self._find(names)
        if found is None:
            return default
        key, value = found
        text = str(value).strip().lower()
        if text not in (*_TRUE, *_FALSE):
            raise self._wrong(key, value, "true, false")
        return text in _TRUE

    def word(self, *names: str) -> str:
        """Text in small letters, empty where there is none; a list as its parts with commas."""
        found = self._find(names)
        if found is None:
            return ""
        value = found[1]
        parts = value if isinstance(value, list | tuple) else [value]
        return ",".join(str(part).strip().lower() for part in parts).strip("'\"")

    def kind(self, allowed: Mapping[str, int], *names: str, default: int = 0) -> int:
        """The number that a word stands for; words that stand for none are refused."""
        word = self.word(*names)
        if word and word not in allowed:
            raise self._wrong(names[0], word, ", ".join(allowed))
        return allowed.get(word, default)

    def note(self, text: str) -> None:
        """Say that something was filled in, or taken for something near."""
        self.notes.append(text)

    def skip(self, *names: str) -> None:
        """Options that are known to change nothing here."""
        self._find(names)

    def launch(self, **said: Any) -> Launch:
        """What was said, with the notes, what was not understood, and the number of options without effect."""
        rest = {key: value for key, value in self._values.items() if key not in self._asked and value is not None}
        unknown = [key for key in rest if _unknown(key) and not _off(rest[key])]
        return Launch(
            **said,
            notes=tuple(self.notes),
            unknown=tuple(f"{key}={shown(rest[key])}" for key in unknown),
            ignored=len(rest) - len(unknown),
        )


def _unknown(name: str) -> bool:
    """Whether an option that nobody asks for may change a step."""
    return not (_QUIET if _MATTERS.search(name) else _HARMLESS).search(name)


def _off(value: Any) -> bool:
    """Whether an option is at what means nothing."""
    return str(value).strip().lower() in _FALSE or value in (-1, [], {})


def flatten(content: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Nested tables as dotted names and plain values."""
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def whole_degrees(options: Options, **degrees: int) -> dict[str, int]:
    """Degrees as they are, those below 1 refused."""
    for name, value in degrees.items():
        if value < 1:
            raise ScenarioError(f"{options.file}: {name} = {value}; allowed: 1 or more")
    return degrees
