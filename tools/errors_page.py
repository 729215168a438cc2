"""Write docs/errors.md from the code: ``python -m tools.errors_page``."""

from __future__ import annotations

from pathlib import Path

from megawatt.errors import MegawattError

PAGE = Path(__file__).parents[1] / "docs" / "errors.md"

_HEAD = """# Errors

Made from `megawatt/errors.py` by `python -m tools.errors_page`; a test produces each kind.

Every error is one line that stands alone and, where there is more to say, one line for each problem: where (a file
and a dotted path, or an option; places in lists count from 0, as in `--set`: `risk.stress.0` is the first), what was
found, what is allowed, and in brackets what to try. With `--json` the same
parts are fields of `problems` ([commands](cli.md)).

| exit code | kind | what it means | what to try |
|---|---|---|---|
"""
_TAIL = """
0 is done, 1 is our bug (with a traceback: please report it), 130 interrupted (Ctrl-C), 143 terminated (SIGTERM).
"""


def kinds() -> list[type[MegawattError]]:
    """Every kind of error, by exit code."""
    return sorted(MegawattError.__subclasses__(), key=lambda kind: (kind.exit_code, kind.__name__))


def page() -> str:
    """The text of docs/errors.md."""
    rows = [f"| {k.exit_code} | `{k.__name__}` | {(k.__doc__ or '').splitlines()[0]} | {k.remedy} |" for k in kinds()]
    return _HEAD + "\n".join(rows) + "\n" + _TAIL


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
