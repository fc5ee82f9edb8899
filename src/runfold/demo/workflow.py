"""The demo's two workflows: write, count, mirror, compress, archive, approve and publish a book."""

from __future__ import annotations

import asyncio
from pathlib import Path

from runfold.demo import files
from runfold.demo.engine import Node, Output, Step, Workflow
from runfold.events.ids import new_id

# The work takes milliseconds; these seconds let people watch.
PACE = 0.35

_BUDGET = 0.24
"""The size of the compressed book, as a part of the book's, at which the loop ends."""


class Book:
    """The two workflows, which write into one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._mirror = files.Mirror(folder / "mirror", damages=2)
        self.archive = Workflow(
            new_id(),
            "archive",
            (
                Node("pack", "ACTION", self._pack),
                Node("check", "ACTION", self._check, needs=("pack",)),
            ),
        )
        self.report = Workflow(
            new_id(),
            "book-report",
            (
                Node("write", "ACTION", self._write),
                Node("count", "FLOW", self._count, needs=("write",)),
                Node("mirror", "EXTERNAL_ACTION", self._send, needs=("write",), retries=3),
                Node("compress", "FLOW", self._compress, needs=("write",)),
                Node("archive", "FLOW", self._archive, needs=("count", "mirror", "compress")),
                Node("approve", "HUMAN_IN_THE_LOOP", self._approve, needs=("archive",)),
                Node("publish", "ACTION", self._publish, needs=("approve",)),
            ),
        )

    def _chapters(self) -> list[Path]:
        return sorted(self.folder.glob("chapter-*.txt"))

    async def _write(self, step: Step) -> Output:
        paths = [await asyncio.to_thread(files.write_chapter, self.folder, n) for n in range(1, files.CHAPTERS + 1)]
        size = sum(path.stat().st_size for path in paths)
        await step.node.log(f"{len(paths)} chapters, {size:,} bytes")
        return {"chapters": len(paths), "bytes": size}

    async def _count(self, step: Step) -> Output:
        counted = await step.each(self._chapters(), self._count_one, width=2)
        return {"words": sum(row["words"] for row in counted), "chapters": {row["chapter"]: row for row in counted}}

    async def _count_one(self, step: Step, path: Path) -> Output:
        await asyncio.sleep(3 * PACE)
        counted = await asyncio.to_thread(files.count_words, path)
        await step.node.log(f"{path.name}: {counted['words']:,} words")
        return {"chapter": path.stem, **counted}

    async def _send(self, step: Step) -> Output:
        await asyncio.sleep(2 * PACE)
        hashes = {path.name: await asyncio.to_thread(self._mirror.send, path) for path in self._chapters()}
        await step.node.log(f"{len(hashes)} chapters are on the mirror, hashes compared")
        return {"sha256": hashes}

    async def _compress(self, step: Step) -> Output:
        text = b"".join([path.read_bytes() for path in self._chapters()])

        async def one_way(turn_step: Step, turn: int) -> Output:
            await asyncio.sleep(2 * PACE)
            name, compressor = files.COMPRESSORS[turn - 1]
            compressed = await asyncio.to_thread(compressor, text)
            part = len(compressed) / len(text)
            await turn_step.node.log(f"{name}: {part:.1%} of {len(text):,} bytes, {_BUDGET:.0%} will do")
            return {"how": name, "bytes": len(compressed), "part": round(part, 4)}

        return await step.until(lambda found: found["part"] <= _BUDGET, one_way, most=len(files.COMPRESSORS))

    async def _archive(self, step: Step) -> Output:
        outputs = await step.call(self.archive)
        return {"checked": outputs["check"]["files"], "bytes": outputs["pack"]["bytes"]}

    async def _pack(self, _: Step) -> Output:
        await asyncio.sleep(2 * PACE)
        size = await asyncio.to_thread(files.pack, self._chapters(), self.folder / "book.tar.gz")
        return {"bytes": size}

    async def _check(self, _: Step) -> Output:
        await asyncio.sleep(2 * PACE)
        hashes = {path.name: files.sha256(path) for path in self._chapters()}
        return {"files": await asyncio.to_thread(files.unpack_and_compare, self.folder / "book.tar.gz", hashes)}

    async def _approve(self, step: Step) -> Output:
        words = step.outputs["count"]["words"]
        answer = await step.ask(f"Publish the report on {words:,} words?", words=words)
        return {"approved": answer.approved, "by": answer.by}

    async def _publish(self, step: Step) -> Output:
        approved = step.outputs["approve"]["approved"]
        path = self.folder / ("report.md" if approved else "draft.md")
        compressed = step.outputs["compress"]
        notes = [f"Compressed by {compressed['how']} to {compressed['bytes']:,} bytes."]
        size = files.write_report(path, "The book", step.outputs["count"]["chapters"], notes)
        await asyncio.sleep(PACE)
        await step.node.log(f"{path.name}, {size:,} bytes, {'published' if approved else 'kept as a draft'}")
        return {"file": path.name, "bytes": size, "published": approved}
