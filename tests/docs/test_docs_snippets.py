"""Whatever the documentation shows runs, or is read by the parser that would read it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools import snippets


@pytest.mark.parametrize("page", snippets.pages(), ids=lambda page: page.name)
def test_a_page_shows_what_runs(page: Path) -> None:
    assert not snippets.wrong(page)


def test_a_wrong_snippet_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```python\n>>> 1 + 1\n3\n>>> 100 * 1.01\n100\n```\n```toml\na = \n```\n```\nmegawatt plan --sett a=1 x\n```\n"
    )
    found = snippets.wrong(page)
    assert [line.split(":")[1] for line in found] == ["2", "8", "11"]
    assert "no such option" in found[2].lower()
    page.write_text(snippets.anew(page))
    assert len(snippets.wrong(page)) == 2
