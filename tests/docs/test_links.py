"""Every link between pages leads to a file, and every anchor to a heading."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import README, ROOT, anchors, links, pages


def broken(page: Path) -> list[str]:
    """Return the links of a page that lead nowhere."""
    found = []
    for target in links(page):
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            found.append(target)
    return found


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_and_anchor_resolves(page: Path) -> None:
    assert not broken(page)


def test_a_link_that_leads_nowhere_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One\n\n[a](#one) [b](#two) [c](page.md#one) [d](other.md) `[e](code.md)`\n", encoding="utf-8")
    assert broken(page) == ["#two", "other.md"]


def test_readme_leads_to_the_documentation() -> None:
    assert "docs/concepts.md" in links(README)
