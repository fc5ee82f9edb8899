"""The work of the demo's nodes: write, count, copy, compress and pack text files, and write a report."""

from __future__ import annotations

import bz2
import hashlib
import lzma
import random
import tarfile
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

CHAPTERS = 6
_WORDS_EACH = 12_000
_SYLLABLES = ("ka", "lo", "mi", "ne", "ru", "sta", "ve", "to", "an", "er", "on", "dis", "pe", "ful")

COMPRESSORS: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
    ("zlib at level 1", lambda text: zlib.compress(text, 1)),
    ("zlib at level 9", lambda text: zlib.compress(text, 9)),
    ("bzip2", bz2.compress),
    ("xz", lzma.compress),
)


class CopyDamaged(Exception):
    """The copy differs from the file."""


def write_chapter(folder: Path, number: int) -> Path:
    """Write a chapter of made-up words, the same in every run."""
    rng = random.Random(number)
    vocabulary = ["".join(rng.choices(_SYLLABLES, k=rng.randint(1, 3))) for _ in range(600)]
    weights = [1 / rank for rank in range(1, len(vocabulary) + 1)]
    words = rng.choices(vocabulary, weights, k=_WORDS_EACH + 500 * number)
    lines = (" ".join(words[at : at + 12]) for at in range(0, len(words), 12))
    path = folder / f"chapter-{number}.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def count_words(path: Path) -> dict[str, int]:
    """Return the number of words, of different words, and the length of the longest."""
    counted = Counter(path.read_text().split())
    return {"words": counted.total(), "different": len(counted), "longest": max(map(len, counted))}


def sha256(path: Path) -> str:
    """Return the hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Mirror:
    """A folder behind a bad connection, which cuts the first `damages` files short."""

    def __init__(self, folder: Path, *, damages: int) -> None:
        self._folder = folder
        self._damages = damages

    def send(self, path: Path) -> str:
        """Copy a file, compare the hashes and return the hash; raises CopyDamaged."""
        content = path.read_bytes()
        if self._damages:
            self._damages -= 1
            content = content[: len(content) // (2 + self._damages)]
        self._folder.mkdir(exist_ok=True)
        copy = self._folder / path.name
        copy.write_bytes(content)
        if (found := sha256(copy)) != (sent := sha256(path)):
            raise CopyDamaged(
                f"{path.name}: sent {sent[:12]}, the mirror has {found[:12]} ({copy.stat().st_size:,} bytes)"
            )
        return sent


def pack(files: list[Path], archive: Path) -> int:
    """Pack files into a tar archive and return its size."""
    with tarfile.open(archive, "w:gz") as tar:
        for path in files:
            tar.add(path, arcname=path.name)
    return archive.stat().st_size


def unpack_and_compare(archive: Path, hashes: dict[str, str]) -> int:
    """Compare the hashes of an archive's files and return their number; raises CopyDamaged."""
    with tarfile.open(archive) as tar:
        for name, sent in hashes.items():
            member = tar.extractfile(name)
            if member is None or hashlib.sha256(member.read()).hexdigest() != sent:
                raise CopyDamaged(f"{name} in {archive.name} differs from the file that was packed")
    return len(hashes)


def write_report(path: Path, title: str, rows: dict[str, dict[str, int]], notes: list[str]) -> int:
    """Write the counts into a report in Markdown and return its size."""
    lines = [f"# {title}", "", "| chapter | words | different | longest |", "|---|---|---|---|"]
    lines += [f"| {name} | {row['words']:,} | {row['different']:,} | {row['longest']} |" for name, row in rows.items()]
    lines += ["", f"{sum(row['words'] for row in rows.values()):,} words in all.", "", *notes]
    return path.write_text("\n".join(lines) + "\n")
