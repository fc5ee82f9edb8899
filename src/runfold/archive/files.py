"""A segment's events as a Parquet file with a manifest: written once, read back in row groups, checked.

Both are in one folder. The file opens as it is in DuckDB, Spark and everything else that reads Parquet.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from runfold.archive.records import Record
from runfold.errors import ArchiveDamaged, ArchiveMissing, ExtraMissing
from runfold.files import placed_file, write_file

FORMAT = 1
# A row group is what a reader holds in memory: so many events, or fewer where they are large.
ROWS = 100_000
GROUP_BYTES = 64 * 1024 * 1024
_TEXTS = ("stream_id", "event_id", "category", "type", "user_id", "data", "metadata")
_MAY_BE_NULL = frozenset({"user_id", "data", "payload", "erased"})


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a segment's file holds: the JSON file beside it. Hashes are hexadecimal.

    `digest` is the sha256 over the hashes of the events in order, `seals` are those of the log's chain that end in the
    segment, and `live_streams` stayed in the log when the file was written, although their events are in it.
    """

    file: str
    from_position: int
    to_position: int
    events: int
    first_position: int | None
    last_position: int | None
    bytes: int
    sha256: str
    digest: str
    log: str
    schema_version: str
    postgres: str
    written_at: str
    seals: list[dict[str, Any]] = field(default_factory=list)
    live_streams: list[str] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)
    format: int = FORMAT

    def path(self, folder: Path) -> Path:
        """Return where the file is in an archive's folder; raises ArchiveMissing if it is not there."""
        path = folder / self.file
        if not path.is_file():
            raise _missing(path)
        return path


def file_name(from_position: int, to_position: int) -> str:
    """Return the name of a segment's file."""
    return f"events-{from_position:012}-{to_position:012}.parquet"


def write_segment(
    folder: Path,
    records: Iterable[Record],
    *,
    from_position: int,
    to_position: int,
    facts: dict[str, Any],
    name: str | None = None,
    check: Callable[[], None] = lambda: None,
) -> Manifest:
    """Write a segment's events and their manifest into the folder, read them back, and return the manifest.

    The records come in the order of their positions. `facts` are the manifest's other fields. Nothing is left under the
    file's name unless what was read back is what was given: raises ArchiveDamaged. `check` is called between the two.
    """
    pyarrow, parquet = pyarrow_for("archives need")
    path = folder / (name or file_name(from_position, to_position))
    folder.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f"{path.name}.new")
    digest = hashlib.sha256()
    events, first, last = 0, None, None
    with placed_file(path, by=made) as file:
        with parquet.ParquetWriter(
            file,
            schema_of(pyarrow),
            compression="zstd",
            compression_level=3,
            use_dictionary=["stream_id", "category", "type", "user_id", "data", "metadata"],
            column_encoding={
                "position": "DELTA_BINARY_PACKED",
                "append_end": "DELTA_BINARY_PACKED",
                "occurred_at": "DELTA_BINARY_PACKED",
                "recorded_at": "DELTA_BINARY_PACKED",
            },
        ) as writer:
            for group in _groups(records):
                for record in group:
                    digest.update(record.hash())
                events += len(group)
                first, last = first or group[0].position, group[-1].position
                writer.write_table(_table(pyarrow, group), row_group_size=len(group))
        file.flush()
        check()
        sha256, size = _sha256(made)
        found = _digest(made)
        if found != (events, digest.hexdigest()):
            raise ArchiveDamaged(f"{made} is not what was written to it", hint="look at its disk", file=str(made))
    manifest = Manifest(
        file=path.name,
        from_position=from_position,
        to_position=to_position,
        events=events,
        first_position=first,
        last_position=last,
        bytes=size,
        sha256=sha256,
        digest=digest.hexdigest(),
        **facts,
    )
    write_manifest(folder, manifest)
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest beside its file."""
    text = json.dumps(asdict(manifest), indent=1, ensure_ascii=False)
    write_file((folder / manifest.file).with_suffix(".json"), text.encode() + b"\n")


def read_manifest(path: Path) -> Manifest:
    """Return the manifest of a segment's file, or of its own name; raises ArchiveMissing and ArchiveDamaged."""
    path = path.with_suffix(".json")
    try:
        given = json.loads(path.read_bytes())
        manifest = Manifest(**{name: given[name] for name in _NAMES if name in given})
    except FileNotFoundError:
        raise _missing(path) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArchiveDamaged(f"{path} is no manifest of an archive", file=str(path)) from error
    if given.get("format") != FORMAT:
        raise ArchiveDamaged(
            f"{path} has the format {given.get('format')}, and this release reads {FORMAT}", file=str(path)
        )
    return manifest


def read_segment(
    path: Path,
    *,
    streams: Collection[str] | None = None,
    after: int = 0,
    upto: int | None = None,
) -> Iterator[list[Record]]:
    """Return the events of a file in lists, one a row group, in the order of their positions; empty ones are left out.

    They may be limited to some streams, and to the positions behind `after` up to `upto`: row groups without such a
    position are not read. Raises ArchiveMissing and ArchiveDamaged.
    """
    pyarrow, parquet = pyarrow_for("archives need")
    if not path.is_file():
        raise _missing(path)
    wanted = None if streams is None else pyarrow.array(sorted(streams), pyarrow.string())
    try:
        with parquet.ParquetFile(path) as file:
            for number in range(file.num_row_groups):
                bounds = file.metadata.row_group(number).column(0).statistics
                if bounds is not None and (bounds.max <= after or (upto is not None and bounds.min > upto)):
                    continue
                table = file.read_row_group(number)
                if wanted is not None:
                    table = table.filter(pyarrow.compute.is_in(table.column("stream_id"), wanted))
                group = [
                    record
                    for record in _records(pyarrow, table)
                    if record.position > after and (upto is None or record.position <= upto)
                ]
                if group:
                    yield group
    except (pyarrow.ArrowException, OSError) as error:
        raise ArchiveDamaged(f"{path} cannot be read: {error}", file=str(path)) from error


def verify_file(folder: Path, manifest: Manifest) -> None:
    """Return if the file is as its manifest says: size, sha256, count and digest; else raise what is wrong."""
    path = manifest.path(folder)
    sha256, size = _sha256(path)
    if size != manifest.bytes or sha256 != manifest.sha256:
        raise ArchiveDamaged(
            f"{path} has changed: its manifest says {manifest.bytes} bytes with the sha256 {manifest.sha256}",
            hint="restore the file from a backup",
            file=str(path),
            found=sha256,
        )
    if _digest(path) != (manifest.events, manifest.digest):
        raise ArchiveDamaged(
            f"{path} does not hold the {manifest.events} events that its manifest says",
            hint="restore the file and its manifest from a backup",
            file=str(path),
        )


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, hexadecimal; raises ArchiveMissing if it is not there."""
    if not path.is_file():
        raise _missing(path)
    return _sha256(path)[0]


def unchanged_file(folder: Path, file: str, sha256: str) -> Path:
    """Return the path of a file that has this sha256; raises ArchiveMissing, and ArchiveDamaged for another one."""
    path = folder / file
    if sha256_of(path) != sha256:
        raise ArchiveDamaged(
            f"{path} has changed since it was written",
            hint="restore the file from a backup, because parts of the log are in it only",
            file=str(path),
        )
    return path


_NAMES = frozenset(item.name for item in fields(Manifest))


def pyarrow_for(who_needs: str) -> tuple[Any, Any]:
    """Return the modules pyarrow and pyarrow.parquet; raises ExtraMissing, which begins with who needs them."""
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError as missing:
        raise ExtraMissing(f"{who_needs} pyarrow", hint="pip install 'runfold[archive]'", extra="archive") from missing
    return pyarrow, pyarrow.parquet


def _missing(path: Path) -> ArchiveMissing:
    return ArchiveMissing(
        f"{path} is not there", hint="name the folder that has it, or restore it from a backup", file=str(path)
    )


def schema_of(pyarrow: Any) -> Any:
    """Return the schema of a segment's file, in the order of a record's fields."""
    types = dict.fromkeys(Record._fields, pyarrow.int64())
    types |= dict.fromkeys(_TEXTS, pyarrow.string())
    types |= dict.fromkeys(("payload", "erased"), pyarrow.binary())
    types |= dict.fromkeys(("occurred_at", "recorded_at"), pyarrow.timestamp("us", tz="UTC"))
    types["schema_version"] = pyarrow.int32()
    return pyarrow.schema([pyarrow.field(name, kind, nullable=name in _MAY_BE_NULL) for name, kind in types.items()])


def _groups(records: Iterable[Record]) -> Iterator[list[Record]]:
    group: list[Record] = []
    size = 0
    for record in records:
        group.append(record)
        size += record.size()
        if len(group) >= ROWS or size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _table(pyarrow: Any, group: list[Record]) -> Any:
    schema = schema_of(pyarrow)
    columns = zip(*group, strict=True)
    return pyarrow.Table.from_arrays(
        [
            pyarrow.array(column, pyarrow.int64()).cast(item.type)
            if pyarrow.types.is_timestamp(item.type)
            else pyarrow.array(column, item.type)
            for item, column in zip(schema, columns, strict=True)
        ],
        schema=schema,
    )


def _records(pyarrow: Any, table: Any) -> Iterator[Record]:
    columns = (
        column.cast(pyarrow.int64()).to_pylist() if pyarrow.types.is_timestamp(column.type) else column.to_pylist()
        for column in (table.column(name) for name in Record._fields)
    )
    return map(Record._make, zip(*columns, strict=True))


def _sha256(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return digest.hexdigest(), file.tell()


def _digest(path: Path) -> tuple[int, str]:
    """Return how many events a file holds, and the sha256 over their hashes."""
    digest = hashlib.sha256()
    events = 0
    for group in read_segment(path):
        events += len(group)
        for record in group:
            digest.update(record.hash())
    return events, digest.hexdigest()
