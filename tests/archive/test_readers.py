"""Each reader of the log is decided: what it does where a part is archived. A new one fails here until it is, too."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/internals/readers-of-the-log.md"
_LOG = re.compile(r"(?:FROM|JOIN)\s+runfold\.(?:events|read_stream\(|read_all\()", re.IGNORECASE)
_NAME = re.compile(r"^-- name: (\w+)", re.MULTILINE)
ANSWERS = {"refuses", "never meets it", "asks the rows", "asked only behind it", "part of the archive", "what is there"}


def readers(root: Path) -> set[str]:
    """The SQL functions, steps and named statements that read the log: `function` or `room/statement`."""
    found = set()
    for path in sorted((root / "schema/functions").glob("*.sql")):
        if _LOG.search(_code(path.read_text())):
            found.add(path.stem)
    for path in sorted((root / "projections").glob("*.sql")):
        if _LOG.search(_code(path.read_text())):
            found.add(f"projections/{path.stem}")
    for path in sorted((root / "src/runfold").rglob("*.sql")):
        room = path.relative_to(root / "src/runfold").parts[0]
        text = path.read_text()
        if path.name != "queries.sql":
            if _LOG.search(_code(text)):
                found.add(f"{room}/{path.stem}")
            continue
        parts = _NAME.split(text)[1:]
        pairs = zip(parts[::2], parts[1::2], strict=True)
        found |= {f"{room}/{name}" for name, body in pairs if _LOG.search(_code(body))}
    return found


def _code(text: str) -> str:
    return "\n".join(line.split("--")[0] for line in text.splitlines())


def decided() -> dict[str, str]:
    """The readers of the page, and what each does."""
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| [^|]+ \|$", PAGE.read_text(), re.MULTILINE)
    return {name: answer.strip() for names, answer in rows for name in re.findall(r"`([^`]+)`", names)}


def test_every_reader_is_decided_and_none_is_that_there_is_not() -> None:
    assert readers(ROOT) - decided().keys() == set()
    assert decided().keys() - readers(ROOT) == set()


def test_each_answer_is_one_of_those_that_the_page_explains() -> None:
    assert set(decided().values()) <= ANSWERS


REFUSAL = re.compile(r"require_in_log|require_log_after|stream_archived|read_stream\(|read_all\(|read_opaque")


@pytest.mark.parametrize("name", sorted(name for name, answer in decided().items() if answer == "refuses"))
def test_who_refuses_asks_before_it_reads(name: str) -> None:
    """By itself, or by the function that it reads through."""
    room, slash, statement = name.rpartition("/")
    if not slash:
        text = (ROOT / f"schema/functions/{name}.sql").read_text()
    elif (alone := ROOT / f"src/runfold/{room}/sql/{statement}.sql").is_file():
        text = alone.read_text()
    else:
        parts = _NAME.split((ROOT / f"src/runfold/{room}/queries.sql").read_text())[1:]
        text = dict(zip(parts[::2], parts[1::2], strict=True))[statement]
    assert REFUSAL.search(_code(text))


def test_control_a_reader_that_nobody_decided_is_found(tmp_path: Path) -> None:
    for folder in ("schema/functions", "projections", "src/runfold/reading"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "schema/functions/peek.sql").write_text("SELECT 1 FROM runfold.events")
    (tmp_path / "src/runfold/reading/queries.sql").write_text(
        "-- name: a\n-- FROM runfold.events\nSELECT 1\n-- name: b\nSELECT 2 FROM x JOIN runfold.events e ON true\n"
    )
    assert readers(tmp_path) == {"peek", "reading/b"}
