"""Print rows that differ, and progress, for `runfold projection verify`, `rebuild` and `replay`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from runfold.cli.output import print_table, print_text, progress_on_stderr

if TYPE_CHECKING:
    from runfold.projections.reconciling.pair import Difference

_NO_DIGITS = str.maketrans("", "", "0123456789,")

SHOWN = 20
"""The number of differences of a table that are printed by default."""


def print_differences(projection: str, differing: int, differences: Sequence[Difference], *, limit: int | None) -> None:
    """Print the number of rows that differ, and up to `limit` of them, column by column."""
    if not differing:
        return
    shown = differences if limit is None else differences[:limit]
    counted = "1 row differs" if differing == 1 else f"{differing:,} rows differ"
    cut = "" if len(shown) == differing else f", {len(shown)} shown"
    print_text(f"\n{projection}: {counted}{cut}")
    print_table(
        [
            {
                "row": ", ".join(f"{name} {value}" for name, value in difference.key.items()),
                "what": difference.kind,
                "column": column,
                "in the table": pair[0],
                "in the log": pair[1],
            }
            for difference in shown
            for column, pair in (difference.columns or {"": (None, None)}).items()
        ],
        columns=["row", "what", "column", "in the table", "in the log"],
    )


@contextmanager
def progress_bar(*, shown: bool) -> Iterator[Callable[[str, str, int, int], None]]:
    """Show a bar for each group and step on stderr; yields a function of group, step, done and total."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        ProgressColumn,
        Task,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f}/s" if task.speed else "")

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeRemainingColumn(),
    )
    tasks: dict[str, TaskID] = {}
    with progress_on_stderr(*columns, shown=shown) as progress:

        def show(group: str, step: str, done: int, total: int) -> None:
            # A step whose words count goes on in its bar.
            bar = f"{group}: {step}".translate(_NO_DIGITS)
            if bar not in tasks:
                tasks[bar] = progress.add_task("", total=total)
            progress.update(tasks[bar], description=f"{group}: {step}", completed=done, total=total)

        yield show
