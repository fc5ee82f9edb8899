"""How a command ends that cannot go on: by Ctrl-C, by an output that takes no more, by an error."""

from __future__ import annotations

import codecs
import errno
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TextIO

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended, as shells have it: 128 and the signal's number."""

ENDLESS = frozenset({"up", "worker", "execution tail", "console"})
"""Commands that run until Ctrl-C, for which it is the right end."""

_OF_THREE_WORDS = frozenset({"log seal"})

_AGAIN = "nothing was changed; run it again if you need its result"
_SAID = {
    "import xes": "what was sent is recorded; run the same command again, nothing is imported twice",
    "import jsonl": "what was sent is recorded; run the same command again, nothing is imported twice",
    "import cloudevents": "what was sent is recorded; run the same command again, nothing is imported twice",
    "import parquet": "what was sent is recorded; run the same command again, nothing is imported twice",
    "backfill run": "the steps that ended stay; run it again, it goes on from there",
    "import ocel": "what was sent is recorded; run the same command again, nothing is imported twice",
    "migrate": "each migration is applied whole or not at all; run it again",
    "worker": "what was folded stays; run it again, it goes on from there",
    "projection rebuild": "the tables are usable, some may not be rebuilt; run it again",
    "projection replay": "the stream was replayed or not at all; run it again",
    "projection new": "look which files it wrote before you run it again",
    "parked retry": "the stream was folded or is parked still; run it again",
    "parked discard": "see `runfold parked list --discarded` before you run it again",
    "interaction respond": "the answer may be recorded; run it again, an answer is recorded once",
    "interaction withdraw": "it may be withdrawn; run it again, that is recorded once",
    "response match": "the match may be recorded; see `runfold response show` before you run it again",
    "response filter-out": "it may be recorded; see `runfold response show` before you run it again",
    "response reopen": "it may be recorded; see `runfold response show` before you run it again",
    "response sweep": "what was classified stays; run it again for the others",
    "deployment fail": "it may be recorded; see `runfold deployment list` before you run it again",
    "execution stuck": "executions that were declared lost stay so; run it again for the others",
    "vector index": "indexes that were built stay, an unfinished one is dropped; run it again for the others",
    "doctor": "advice that was applied stays applied; run it again",
    "backup noted": "it may be noted; see `runfold backup list`, or run it again",
    "workflow restore": "it may be restored; see `runfold workflow history` before you run it again",
    "schema export": "a file may be written in part; run it again",
    "retention set": "it may be set; see `runfold retention show`, or run it again",
    "retention run": "what was removed is gone; run it again for the rest",
    "archive write": "files that are written stay, and streams left the log or did not; run it again",
    "archive restore": "all of it is in the log again, or nothing; run it again",
    "archive rewrite": "files that were written anew stay; run it again for the others",
    "tenant erase": "what is done stays done; run it again, it goes on from there",
    "keys rotate": "keys that were wrapped again stay so; run it again for the others",
    "keys encrypt": "it may be entered; see `runfold keys status`, or run it again",
    "spool send": "what was sent is recorded; run it again, nothing is recorded twice",
    "spool refused": "what was sent again is recorded; run it again, nothing is recorded twice",
    "otlp serve": "the spans that it held are recorded; run it again",
    "subscription move": "it may be moved; see `runfold subscription show` before you run it again",
    "subscription drop": "it may be dropped; see `runfold subscription list`",
    "db adopt": "the log may have a new identity; run it with --dry-run to see it",
    "db start": "the server may run; run it again",
    "db stop": "the server may still stop; run it again",
    "db psql": "psql ended, and with it any open transaction; run it again",
}
"""What a command that changes something has done, and whether to run it again; the others only read."""


_FULL_OR_GONE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EPIPE)


class Interrupted(BaseException):
    """Ctrl-C was pressed; nothing between the command and `main` catches it."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise Interrupted for Ctrl-C, which typer would take for an abortion."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted from None


def interrupted(words: Sequence[str]) -> int:
    """Print whether to run the interrupted command again, and return its exit code."""
    command = command_of(words)
    if command in ENDLESS and "--once" not in words:
        return 0
    _print_error(f"interrupted: {_SAID.get(command, _AGAIN)}")
    return INTERRUPTED


def command_of(words: Sequence[str]) -> str:
    """Return the noun and the verb of a command line's words."""
    named: list[str] = []
    skip = False
    for word in words:
        if skip or word.startswith("-"):
            skip = not skip and word in ("--url", "--home", "--projections") and not named
            continue
        named.append(word)
    first = " ".join(named[:1])
    if first in ENDLESS or first in _SAID:
        return first
    return " ".join(named[: 3 if " ".join(named[:2]) in _OF_THREE_WORDS else 2])


def decoded(words: Sequence[str]) -> list[str]:
    """Return the words as UTF-8, in which they were typed also where the locale has a smaller encoding."""
    return [word if word.isprintable() else os.fsencode(word).decode("utf-8", "replace") for word in words]


def prepare_output() -> None:
    """Let stdout and stderr take every character: one that their encoding lacks gets a sign in its place."""
    codecs.register_error("runfold", _in_its_place)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):  # a test's stream
            stream.reconfigure(errors="runfold")  # type: ignore[union-attr]


def close_output() -> int:
    """Write what is buffered for stdout, and return the exit code: 1, with a line, when that does not succeed."""
    try:
        sys.stdout.flush()
    except OSError as failed:
        return output_failed(failed)
    return 0


def is_of_output(error: BaseException) -> bool:
    """Whether the error is that stdout or stderr takes no more."""
    return isinstance(error, OSError) and error.errno in _FULL_OR_GONE and error.filename is None


def output_failed(failed: OSError) -> int:
    """Say that stdout takes no more, and return the exit code; a reader that went away, like `head`, needs no words."""
    if failed.errno != errno.EPIPE:
        _print_error(f"error: the output cannot be written: {failed.strerror}: free space, or write it elsewhere")
    for stream in (sys.stdout, sys.stderr):
        _give_up(stream)
    return 1


def _give_up(stream: TextIO) -> None:
    """Let the rest of the stream's output vanish, which the interpreter would try to write at its end."""
    with suppress(OSError, ValueError, AttributeError):
        stream.flush()
        return
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _print_error(line: str) -> None:
    from runfold.cli.output import print_text

    with suppress(OSError):
        print_text(line, err=True)


_SIGNS = {
    "├": "|", "└": "`", "│": "|", "─": "-", "━": "=", "░": ":", "×": "x", "✓": "+", "✗": "x", "●": "*", "○": "o",
    "‖": '"', "…": "...", "▸": ">", "↻": "~", "–": "-",
}  # fmt: skip


def _in_its_place(error: UnicodeError) -> tuple[str, int]:
    """Return the signs in place of those that an encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_SIGNS.get(sign, "?") for sign in error.object[error.start : error.end]), error.end
