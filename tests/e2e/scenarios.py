"""Small scenarios for end-to-end tests: the examples with few paths."""

from __future__ import annotations

from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def small(folder: Path, name: str, *edits: tuple[str, str]) -> Path:
    """A copy of an example with 256 paths and edits; comparisons bring their scenarios along."""
    for source in EXAMPLES.glob("childress-*.toml"):
        text = source.read_text(encoding="utf-8")
        if "compare = [" not in text:
            text += "\n[risk]\npaths = 256\n"
        if source.stem == name:
            for old, new in edits:
                assert old in text, old
                text = text.replace(old, new, 1)
        (folder / source.name).write_text(text, encoding="utf-8")
    return folder / f"{name}.toml"
