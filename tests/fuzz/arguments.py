"""Argument lists of every command, with values that nobody means."""

from __future__ import annotations

import random
from pathlib import Path

import click

from megawatt.cli.entry import cli

VALUES = (
    "", "0", "-1", "1", "2", "nan", "inf", "-inf", "1e308", "1e999", "9" * 400, "²", "tp=²", "tp=0,pp=1,mb=1",
    "tp=1,pp=1,mb=1", "tp=1,pp=0,mb=1", "tp=1,tp=2", "tp=", "=", "a=b\nc=d", "site.grid_mw=1\nx=2", "x" * 20000,
    "\x1b[31m", "a\0b", "..", "/dev/zero", "/dev/null", "1..4", "8..", "4..1", "0..0", "1..99999999999999", ",", ",,",
    "h100-sxm", "hgx-h100", "hgx-h100,gb300-nvl72", "llama-2-7b", "childress-tx", "91, 181", "1,2,3", "nan, nan",
    "1e400, 0", "{", "[" * 2000, "50:200", "-1:5", "nan:nan", "0:0", "1e300:1e300", "true", "any", "bf16", "fp8,nope",
    "site.grid_mw=nan", "site.grid_mw=-inf", "risk.paths=true", "risk.paths=1e9", "a.b.c.d=1", "timeline.halls=[]",
    "--", "-x", "--json", "optimizer", "time", "energy", "strong", "8", "64", "1e-300", "ai-hall", "liquid-dry-cooler",
)  # fmt: skip
_USUAL = {
    "train": ["llama-2-7b", "--system", "hgx-h100", "--chips", "8", "--batch", "64", "--layout", "tp=1,pp=1,mb=1"],
    "compare": ["llama-2-7b", "--systems", "hgx-h100,hgx-b200", "--chips", "8", "--batch", "64"],
    "hall": ["childress-tx", "--design", "liquid-dry-cooler"],
    "dispatch": ["case"],
    "check": ["site.toml"],
    "validate": ["case"],
    "catalogue": ["list", "accelerator"],
    "show": ["h100-sxm"],
    "calibrate": ["kernels", "gemm.parquet", "--out", "profile"],
    "schema": [],
}


def lists(pick: random.Random, folder: Path) -> list[str]:
    """One argument list: a usual one with some of its words exchanged and options added."""
    name = pick.choice(list(_USUAL))
    words = [str(folder / w) if (folder / w).exists() else w for w in _USUAL[name]]
    command = cli.get_command(click.Context(cli), name)
    assert command is not None, name
    flags = [p.opts[0] for p in command.params if isinstance(p, click.Option) and p.opts[0] not in _WRITES]
    for _ in range(pick.randint(1, 3)):
        act = pick.random()
        if act < 0.45 and words:
            place = pick.randrange(len(words))
            if words[place - 1] not in _WRITES:
                words[place] = pick.choice(VALUES)
        elif act < 0.9 and flags:
            words += [pick.choice(flags), pick.choice(VALUES)]
        elif words:
            del words[pick.randrange(len(words))]
    return [name, *words]


_WRITES = ("--out", "--report", "--timeline", "--trace", "--help", "--write-launch")
"""Options that write files are other tests' (and would litter the working folder)."""
