"""Messages that users see: one plain line that names what is wrong and says what to do."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
import typer.main

import runfold
from runfold import errors
from runfold.cli.app import build
from runfold.database.connections import map_error
from tests.fixtures.logs import Log, run

ROOMS = (
    "cli",
    "client",
    "database",
    "demo",
    "domain",
    "events",
    "eventsourcing",
    "interop",
    "projections",
    "reading",
    "reference",
    "vectors",
    "worker",
)

_IDIOM = re.compile(
    r"can[ ]not|(?<!there )\bis no\b(?! longer)|\btold\b|\bstands?\b|whatever|what waits|anew|\bmend|who leads", re.I
)
_VERBS = (
    r"append|ask|begin|check|choose|close|connect|continue|correct|create|delete|discard|end|erase|fix|free|give|grant|install|keep|leave|let|look|make|name"
    r"|open|pass|put|raise|read|rebuild|reinstall|release|reload|remove|rename|repeat|reset|restore|revoke|run|say|search|see|set|shorten"
    r"|skip|start|stop|summarize|take|unset|upgrade|use|wait|write"
)
_ADVICE = re.compile(rf"(?:: |; |, |\bor )(?:to .*, )?(?:{_VERBS})\b", re.I)


def faults(message: str, *, names: str) -> list[str]:
    """Return the rules that a message breaks; `names` is the user's text that it must repeat."""
    found = [f"is not plain English: {idiom[0]!r}" for idiom in _IDIOM.finditer(message)]
    if len(message.splitlines()) != 1:
        found.append("is not one line")
    if names not in message:
        found.append(f"does not name {names}")
    if not _ADVICE.search(message):
        found.append("does not say what to do")
    return found


@dataclass(frozen=True, slots=True)
class Mistake:
    """Words on the command line that are a mistake, and a text that the message has to name."""

    words: str
    names: str

    @property
    def message(self) -> str:
        """The message of the error, as the command line gets it."""
        root = typer.main.get_command(build())
        try:
            root.main(self.words.split(), prog_name="runfold", standalone_mode=False)
        except typer.BadParameter as usage:
            return usage.format_message()
        except Exception as exc:
            error = exc if isinstance(exc, errors.RunfoldError) else map_error(exc)
            if error is None:
                raise
            return str(error)
        raise AssertionError(f"`runfold {self.words}` is not a mistake")


NOBODY = "00000000-0000-4000-8000-00000000000e"

WITHOUT_A_DATABASE = [
    Mistake("execution list --status failed", "failed"),
    Mistake("execution list --mode nightly", "nightly"),
    Mistake("execution list --min-duration long", "long"),
    Mistake("execution list --since noonish", "noonish"),
    Mistake("execution list --since 9999999d", "9999999d"),
    Mistake("execution at e", "--event"),
    Mistake("execution at e --position 3 --event 1", "--event"),
    Mistake("execution tail e --from 3", "--from"),
    Mistake("execution stuck --idle forever", "forever"),
    Mistake("interaction list --status open", "open"),
    Mistake(f"interaction respond {NOBODY} --data yes", "yes"),
    Mistake("response list --status open", "open"),
    Mistake(f"response match {NOBODY} {NOBODY} --data yes", "yes"),
    Mistake("deployment list --status live", "live"),
    Mistake("trigger list --type clock", "clock"),
    Mistake("anomalies list --code odd", "odd"),
    Mistake("projection rebuild", "--all"),
    Mistake("projection rebuild node_executions --all", "--all"),
    Mistake("projection verify --sample 3 --stream execution-1", "--stream"),
    Mistake("import xes /nowhere/loans.xes --dry-run", "/nowhere/loans.xes"),
    Mistake("retention set workflow_execution_logs", "--days"),
    Mistake("retention set workflow_execution_logs --days 3 --forever", "--forever"),
    Mistake("tenant erase anne --yes", "anne"),
    Mistake("spool show /nowhere", "/nowhere"),
    Mistake("spool send /nowhere", "/nowhere"),
    Mistake("db adopt", "--new-identity"),
]

ON_A_DATABASE = [
    Mistake("--url postgresql://nobody@127.0.0.1:9/runfold status", "127.0.0.1"),
    Mistake("execution list --after soon", "soon"),
    Mistake("interaction list --after soon", "soon"),
    Mistake("deployment list --after soon", "soon"),
    Mistake("response list --after soon", "soon"),
    Mistake("anomalies list --after soon", "soon"),
    Mistake("execution show nope", "nope"),
    Mistake("retention run nope", "nope"),
    Mistake("retention set nope --days 3", "nope"),
    Mistake("execution tail nope", "nope"),
    Mistake("execution diff nope e", "nope"),
    Mistake("execution at nope --position 1", "nope"),
    Mistake("execution at e --event 70", "event 70"),
    Mistake("execution at e --position 9999", "9999"),
    Mistake("execution at e --position 0", "0"),
    Mistake("execution at e --time 2001-01-01", "2001-01-01"),
    Mistake("parked show execution-e", "execution-e"),
    Mistake("parked retry execution-e", "execution-e"),
    Mistake("parked discard execution-e --reason test --group execution", "execution-e"),
    Mistake("projection verify executions", "executions"),
    Mistake("projection rebuild executions", "executions"),
    Mistake("projection replay --stream execution-nope", "execution-nope"),
    Mistake("--projections /nowhere status", "/nowhere"),
    Mistake("--projections /nowhere projection list", "/nowhere"),
    Mistake("why executions e status", "executions"),
    Mistake("why workflow_executions e colour", "colour"),
    Mistake("why workflow_executions nope status", "nope"),
    Mistake("db url --socket", "--socket"),
]


def broken(mistakes: list[Mistake]) -> dict[str, list[str]]:
    """Return the messages that break a rule, with their faults."""
    messages = {mistake: mistake.message for mistake in mistakes}
    return {
        f"`runfold {mistake.words}` says {message!r}": found
        for mistake, message in messages.items()
        if (found := faults(message, names=mistake.names))
    }


def test_messages_name_the_mistake_and_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNFOLD_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/runfold")
    assert broken(WITHOUT_A_DATABASE) == {}


def test_messages_about_the_log_name_the_mistake_and_say_what_to_do(
    log: Log, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.append("execution-e", *run("e"))
    monkeypatch.setenv("RUNFOLD_DATABASE_URL", database_url)
    assert broken(ON_A_DATABASE) == {}


def error_classes() -> list[type[errors.RunfoldError]]:
    known = inspect.getmembers(errors, inspect.isclass)
    return [kind for _, kind in known if issubclass(kind, errors.RunfoldError) and kind is not errors.RunfoldError]


@pytest.mark.parametrize("kind", error_classes(), ids=lambda kind: kind.code)
def test_a_default_message_says_what_to_do(kind: type[errors.RunfoldError]) -> None:
    message = kind().message
    if kind in (errors.PoolExhausted, errors.RebuildRunning):  # always raised with a hint
        message += ": wait"
    assert faults(message, names="") == []


@pytest.mark.parametrize("name", errors.REFUSALS)
def test_a_refusal_of_sql_says_what_to_do(name: str) -> None:
    refusal = errors.REFUSALS[name]
    assert faults(f"{refusal.message}: {refusal.hint}", names="") == []


def test_a_default_message_and_a_hint_are_one_sentence() -> None:
    assert str(errors.RebuildRunning(hint="wait for its end")) == (
        "Another rebuild of these tables is running: wait for its end"
    )


def texts_of_errors(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each literal in a `raise`, or in a call with a `hint`."""
    for node in ast.walk(ast.parse(source)):
        raised = isinstance(node, ast.Raise)
        hinted = isinstance(node, ast.Call) and any(word.arg == "hint" for word in node.keywords)
        for part in ast.walk(node) if raised or hinted else ():
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                yield part.lineno, part.value


@pytest.mark.parametrize("room", ROOMS)
def test_no_error_of_a_room_speaks_an_idiom(room: str) -> None:
    folder = Path(runfold.__file__).parent / room
    sources = {path: path.read_text() for path in folder.rglob("*.py")}
    found = [
        f"{path.name}:{line}: {text}"
        for path, source in sources.items()
        for line, text in texts_of_errors(source)
        if _IDIOM.search(text)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ("'x' is no cursor: take one that a list gave", "is not plain English: 'is no'"),
        ("'x' can\x20not be read: check its path", "is not plain English: 'can\x20not'"),
        ("'x' is not a page token\npass another one", "is not one line"),
        ("this is not a page token: pass another one", "does not name 'x'"),
        ("'x' is not a page token", "does not say what to do"),
    ],
)
def test_control_a_bad_message_is_found(message: str, fault: str) -> None:
    assert fault in faults(message, names="'x'" if "name" in fault else "")
    assert faults("'x' is not a page token: pass the `after` value that a list printed", names="'x'") == []


def test_control_a_text_in_a_raise_is_found() -> None:
    source = 'def check() -> None:\n    raise ValueError(f"{1} is no number", hint="mend it")\n'
    assert {text for _, text in texts_of_errors(source) if _IDIOM.search(text)} == {" is no number", "mend it"}
