"""A projection file's contract: its header, its statements, and what makes one refused. See projections/README.md."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from runfold.errors import ProjectionInvalid
from runfold.runtime_sql import runtime_sql

header_query = runtime_sql("runfold.projections.definition")
"""A query that a header names."""

_VERBS = ("INSERT", "MERGE", "UPDATE", "DELETE")
_FIELDS = {
    "name", "version", "group", "table", "key", "stream_key", "cross_stream", "stream_column", "reads", "reads_before",
    "events", "barriers", "expires", "barriers_affect", "affected_by", "depends_on", "streams_of_row", "part_of",
    "copies", "counts",
}  # fmt: skip
# The fields that name queries of this room's queries.sql.
_QUERIES = ("barriers_affect", "affected_by", "depends_on", "streams_of_row", "copies", "counts")
# Written by `make generated`: whoever reads a projection does not import every event for it.
_TYPES_OF: dict[str, dict[str, list[str]]] = json.loads(Path(__file__).with_name("types_by_machine.json").read_bytes())
_REQUIRED = ("name", "version", "group", "table", "key", "events")
_HEADER_LINE = re.compile(r"-- (?P<field>[a-z_]+): *(?P<value>.*)")
_CONTINUATION = re.compile(r"--   (?P<value>\S.*)")
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_TABLE = re.compile(r"[a-z_][a-z0-9_]{0,62}\.[a-z_][a-z0-9_]{0,62}")
_EVENT = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,127}")
# Where no stream is written: that of runfold's own barriers is known.
_KNOWN_STREAMS = {"WorkflowDeleted": ("deployment-", "workflow_id"), "TenantErased": ("tenant-", "user_id")}
_BARRIER = re.compile(r"(?P<type>\S+)(?: of (?P<prefix>[a-z][a-z0-9_]*-)\{(?P<column>[a-z_][a-z0-9_]{0,62})\})?")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a fold, and the event types that its batch holds: without any of them it is not run."""

    text: str
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True)
class BarrierStream:
    """In which stream a barrier of a row is: its type, what the stream's id begins with, the column that follows."""

    type: str
    prefix: str
    column: str


@dataclass(frozen=True, slots=True)
class Projection:
    """One fold: which events, into which table, by which statements."""

    name: str
    version: int
    group: str
    schema: str
    table: str
    key: tuple[str, ...]
    stream_key: str | None
    stream_column: str | None
    """The column that names a row's stream, also where the row depends on more streams; None where it has none."""
    reads: tuple[str, ...]
    reads_before: tuple[str, ...]
    events: tuple[str, ...]
    barriers: tuple[str, ...]
    statements: tuple[Statement, ...]
    digest: str
    barrier_streams: tuple[BarrierStream, ...] = ()
    """Of the barriers, those whose stream follows from a row: a look at a few rows finds them by index."""
    expires: str | None = None
    """The column of the key by which rows expire: below the cutoff of the table no row is compared, written or read."""
    barriers_affect: tuple[str, ...] = ()
    """Queries for the streams whose rows the barriers in given streams concern."""
    affected_by: tuple[str, ...] = ()
    """Queries for the streams whose rows the other events of given streams concern, besides their own."""
    depends_on: tuple[str, ...] = ()
    """Queries for the streams that have to be folded to know the rows of given streams."""
    streams_of_row: str | None = None
    """The query for the streams that a row depends on, by the value of its key."""
    part_of: str | None = None
    """The view of all tables that name it: `anomalies`."""
    copies: str | None = None
    counts: str | None = None
    """The query for values copied from this table that differ from it."""
    handler: Callable[..., Any] | None = None
    """The Python form, in place of statements: given the recorded events of a batch, and the connection."""

    @property
    def cross_stream(self) -> bool:
        """Whether a row depends on events of more than one stream."""
        return self.stream_key is None


def read_projection(path: Path) -> Projection:
    """The projection that a file defines; raises ProjectionInvalid naming the file and what breaks the contract."""
    try:
        return parse_projection(path.read_text(encoding="utf-8"), expected_name=path.stem)
    except (OSError, UnicodeDecodeError) as exc:
        raise ProjectionInvalid(
            f"{path} cannot be read: {exc}", hint="make it a text file in UTF-8 that runfold may read"
        ) from exc
    except ProjectionInvalid as exc:
        raise ProjectionInvalid(
            f"{path.name}: {exc.message}", hint="see projections/README.md", path=str(path)
        ) from None


def parse_projection(text: str, *, expected_name: str) -> Projection:
    """The projection that a text defines; raises ProjectionInvalid."""
    header, body = _split(text)
    if header.get("name", expected_name) != expected_name:
        raise ProjectionInvalid(f"the header's name is {header['name']!r}, the file's {expected_name!r}")
    return define_projection(header, body=body, digest=sha256(text.encode()).hexdigest())


def define_projection(
    header: Mapping[str, str], *, body: str = "", handler: Callable[..., Any] | None = None, digest: str = ""
) -> Projection:
    """The projection of these fields with the statements of a body, or with a handler; raises ProjectionInvalid."""
    if missing := [name for name in _REQUIRED if not header.get(name)]:
        raise ProjectionInvalid(f"the header lacks {', '.join(missing)}")
    if not header["version"].isdecimal() or int(header["version"]) < 1:
        raise ProjectionInvalid(f"version is a whole number from 1, not {header['version']!r}")
    key, reads, reads_before, listed = (
        _listed(header.get(name, "")) for name in ("key", "reads", "reads_before", "events")
    )
    barriers, barrier_streams = _barriers(_listed(header.get("barriers", "")))
    events = _event_types(listed)
    stream_key = _listed(header.get("stream_key", ""))
    columns = [header[name] for name in ("stream_column", "part_of") if name in header]
    for name in (header["name"], header["group"], *key, *stream_key, *columns, *reads, *reads_before):
        if not _NAME.fullmatch(name):
            raise ProjectionInvalid(f"{name!r} is not a name: lower-case letters, digits and _, 63 at most")
    if not _TABLE.fullmatch(header["table"]):
        raise ProjectionInvalid(f"table is schema.table in lower-case letters, not {header['table']!r}")
    for event in events:
        if not _EVENT.fullmatch(event):
            raise ProjectionInvalid(f"{event!r} is not an event type")
    for barrier in barriers:
        if barrier not in events:
            raise ProjectionInvalid(f"the barrier {barrier} is not one of the events")
    cross_stream = header.get("cross_stream", "false")
    if cross_stream not in ("true", "false"):
        raise ProjectionInvalid("cross_stream is true or false")
    if (cross_stream == "true") == ("stream_key" in header):
        raise ProjectionInvalid("a projection has either a stream_key or cross_stream: true")
    if header.get("expires", key[0]) not in key:
        raise ProjectionInvalid(f"expires names a column of the key, {', '.join(key)}, not {header['expires']!r}")
    if "stream_column" in header and cross_stream == "false":
        raise ProjectionInvalid("stream_column is for cross_stream: true; a stream_key names the column already")
    named = {name: _queries(name, header.get(name, "")) for name in _QUERIES}
    schema, table = header["table"].split(".")
    return Projection(
        name=header["name"],
        version=int(header["version"]),
        group=header["group"],
        schema=schema,
        table=table,
        key=key,
        stream_key=header.get("stream_key"),
        stream_column=header.get("stream_key") or header.get("stream_column"),
        reads=reads,
        reads_before=reads_before,
        events=events,
        barriers=barriers,
        statements=_statements(body, events, barriers) if handler is None else (),
        digest=digest,
        barrier_streams=barrier_streams,
        expires=header.get("expires"),
        barriers_affect=named["barriers_affect"],
        affected_by=named["affected_by"],
        depends_on=named["depends_on"],
        streams_of_row=next(iter(named["streams_of_row"]), None),
        part_of=header.get("part_of"),
        copies=next(iter(named["copies"]), None),
        counts=next(iter(named["counts"]), None),
        handler=handler,
    )


def _barriers(listed: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[BarrierStream, ...]]:
    """Return the types of `WorkflowDeleted of deployment-{workflow_id}`, and the streams of those that name one."""
    types, streams = [], []
    for text in listed:
        if (match := _BARRIER.fullmatch(text)) is None:
            raise ProjectionInvalid(
                f"{text!r} is not a barrier: write its type, or its type and stream, `Closed of account-{{account_id}}`"
            )
        kind = match["type"]
        prefix, column = _KNOWN_STREAMS.get(kind, (None, None)) if match["column"] is None else match.group(2, 3)
        types.append(kind)
        if prefix is not None and column is not None:
            streams.append(BarrierStream(kind, prefix, column))
    return tuple(types), tuple(streams)


def _queries(field: str, value: str) -> tuple[str, ...]:
    """The queries that a field of the header names; raises ProjectionInvalid for one that there is not."""
    names = _listed(value)
    for name in names:
        try:
            query = header_query(name)
        except KeyError:
            query = ""
        if not query.startswith(f"-- {field}: "):
            raise ProjectionInvalid(
                f"{field} names the query {name}, which there is not",
                hint="the queries for it are in projections/definition/queries.sql",
            )
    if field in ("streams_of_row", "copies", "counts") and len(names) > 1:
        raise ProjectionInvalid(f"{field} names one query")
    return names


def _split(text: str) -> tuple[dict[str, str], str]:
    """The header's fields and the text below it."""
    header: dict[str, str] = {}
    field = ""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if (match := _HEADER_LINE.fullmatch(line.rstrip())) is not None:
            field = match["field"]
            if field not in _FIELDS:
                raise ProjectionInvalid(f"the header has no field {field!r}")
            if field in header:
                raise ProjectionInvalid(f"the header says {field} twice")
            header[field] = match["value"].strip()
        elif header and (match := _CONTINUATION.fullmatch(line.rstrip())) is not None:
            header[field] += f" {match['value'].strip()}"
        else:
            return header, "\n".join(lines[number:])
    return header, ""


def _listed(value: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in value.split(",") if name.strip())


def _statements(body: str, events: tuple[str, ...], barriers: tuple[str, ...]) -> tuple[Statement, ...]:
    unnamed = tuple(event for event in events if event not in barriers)
    found = []
    for statement, first_word in _split_statements(body):
        if (verb := first_word.upper()) not in _VERBS:
            raise ProjectionInvalid(f"a statement begins with {verb}, not with one of {', '.join(_VERBS)}")
        own = _own_events(statement)
        for event in own:
            if event not in events:
                raise ProjectionInvalid(f"a statement folds {event}, which is not one of the header's events")
        found.append(Statement(statement, own or unnamed))
    if not found:
        raise ProjectionInvalid("there is no statement below the header")
    for event in events:
        if not any(event in statement.events for statement in found):
            raise ProjectionInvalid(f"no statement folds {event}")
    return tuple(found)


# What a semicolon is not looked for in (comments, strings, quoted names, dollar quotes); each word and sign by itself.
_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*)|(?P<space>\s+)|[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*\""""
    r"""|\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$|\w[\w$]*|.""",
    re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")


def _split_statements(body: str) -> Iterator[tuple[str, str]]:
    """Each statement with the comments before it and without its semicolon, and its first word; no comments alone.

    By a scanner of its own: sqlparse, or its lexer alone, took a tenth of a second for the files of this product, which
    each command reads.
    """
    at, start, first_word = 0, 0, ""
    while (token := _TOKEN.match(body, at)) is not None:
        at = token.end()
        if token["comment"] is not None:
            at = _end_of_comment(body, at) if token["comment"] == "/*" else at
        elif token["space"] is None and token[0] == ";":
            if first_word:
                yield body[start : token.start()].strip(), first_word
            start, first_word = at, ""
        elif token["space"] is None and not first_word:
            first_word = token[0].split(None, 1)[0]
    if first_word:
        yield body[start:].strip(), first_word


def _end_of_comment(body: str, at: int) -> int:
    """Where a comment in /* */ ends, whose beginning was read: such comments nest."""
    depth = 1
    while depth and (edge := _COMMENT_EDGE.search(body, at)) is not None:
        depth += 1 if edge[0] == "/*" else -1
        at = edge.end()
    return len(body) if depth else at


def _own_events(statement: str) -> tuple[str, ...]:
    """The event types that the comment above a statement lists."""
    listed = ""
    for line in statement.strip().splitlines():
        if not line.startswith("--"):
            break
        if (match := _HEADER_LINE.fullmatch(line.rstrip())) is not None and match["field"] == "events":
            if listed:
                raise ProjectionInvalid("the comment above a statement lists its events twice")
            listed = match["value"].strip() + " "
        elif listed and (match := _CONTINUATION.fullmatch(line.rstrip())) is not None:
            listed += f"{match['value'].strip()} "
    return _event_types(_listed(listed))


def _event_types(listed: tuple[str, ...]) -> tuple[str, ...]:
    """Return the event types of a list, where `moves of node` and `ends of node` mean those of that machine."""
    types: list[str] = []
    for name in listed:
        which, of, machine = name.partition(" of ")
        if not of:
            types.append(name)
        elif which in _TYPES_OF and machine in _TYPES_OF[which]:
            types += _TYPES_OF[which][machine]
        else:
            raise ProjectionInvalid(
                f"{name!r} names no events: write `moves of` or `ends of` {', '.join(_TYPES_OF['moves'])}"
            )
    return tuple(dict.fromkeys(types))
