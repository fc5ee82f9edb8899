"""Pages are short lines, and decisions are short pages; tables and code are as long as they have to be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, pages

LONGEST_LINE = 100
MOST_WORDS = 600

_NO_PROSE = ("|", "    ")  # a table, or code by its indentation
_FENCED = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)


def prose(text: str) -> list[tuple[int, str]]:
    """Return the lines outside of tables and code, with their numbers."""
    kept = _FENCED.sub(lambda block: "\n" * block[0].count("\n"), text)
    return [(n, line) for n, line in enumerate(kept.split("\n"), 1) if not line.startswith(_NO_PROSE)]


def too_long(text: str) -> list[int]:
    """Return the numbers of prose lines that are too long; one long link has no shorter form."""
    return [n for n, line in prose(text) if len(line) > LONGEST_LINE and " " in line.strip()]


def words(text: str) -> int:
    return sum(len(line.split()) for _, line in prose(text))


# The changelog is for people who read one entry, in their editor.
WRITTEN = [
    page
    for page in pages()
    if page.name != "CHANGELOG.md" and "<!-- Generated" not in page.read_text(encoding="utf-8")[:40]
]

# What the plans of all folds need has no shorter form yet; it may not grow.
LONGER = {"017-plans-of-folds": 800}


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(DOCS.parent)))
def test_the_lines_of_a_page_are_short(page: Path) -> None:
    assert not too_long(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", sorted(DOCS.glob("decisions/*.md")), ids=lambda page: page.stem)
def test_a_decision_is_a_short_page(page: Path) -> None:
    assert words(page.read_text(encoding="utf-8")) < LONGER.get(page.stem, MOST_WORDS)


def test_control_long_lines_and_pages_are_noticed() -> None:
    long = "word " * 30
    assert too_long(f"# A page\n\n{long}\n") == [3]
    assert not too_long(f"| {long} |\n```text\n{long}\n```\n")
    assert words("word " * 700) == 700
    assert words(f"```text\n{long}\n```\n| {long} |") == 0
