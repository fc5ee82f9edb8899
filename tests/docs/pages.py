"""The documentation as text: its pages, their fenced blocks, links and anchors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
# Pages for people outside of docs.
OTHERS = (
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "projections/README.md",
    "schema/README.md",
    "tests/README.md",
)

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text and its line."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Return the README, every page below docs, and the other pages for people."""
    return [README, *(ROOT / name for name in OTHERS), *sorted(DOCS.rglob("*.md"))]


def blocks(page: Path, *languages: str) -> list[Block]:
    """Return the fenced blocks of a page in order, in these languages."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, found.start()) + 2, found[2], found[3])
        for found in _FENCE.finditer(text)
        if found[2] in languages
    ]


def without_code(text: str) -> str:
    """Return the text without fenced blocks and code spans, where brackets are not links."""
    return re.sub(r"`[^`\n]*`", "`code`", _FENCE.sub("", text))


def links(page: Path) -> list[str]:
    """Return the targets of a page's links to our files."""
    found = _LINK.findall(without_code(page.read_text(encoding="utf-8")))
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives the headings of a page."""
    made: dict[str, int] = {}
    found = set()
    for heading in _HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8"))):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        count = made.get(slug, 0)
        made[slug] = count + 1
        found.add(f"{slug}-{count}" if count else slug)
    return found


def said_commands(page: Path) -> Iterator[tuple[str, str]]:
    """Yield each `$ runfold …` line of a page's console blocks, with its line number."""
    for block in blocks(page, "console"):
        for line in block.text.splitlines():
            if line.startswith("$ runfold "):
                yield str(block), line.removeprefix("$ ")
