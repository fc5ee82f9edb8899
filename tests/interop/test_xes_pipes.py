"""Logs that come through a pipe: standard input and named pipes, plain and gzipped, slow and unnamed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path

import orjson
import pytest

from runfold.errors import ImportFailed
from runfold.interop.xes import import_xes
from runfold.interop.xes_options import XesOptions
from tests.interop.replay import produced
from tests.interop.xes_files import log_text, trace_of, write_log

TRACES = [trace_of("1", ("a", "START"), ("a", "COMPLETE")), trace_of("2", ("b", None))]


def imported(content: bytes, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "runfold", "import", "xes", "-", "--dry-run", "--json", *arguments]
    return subprocess.run(command, input=content, capture_output=True, check=False)


def through_a_pipe(tmp_path: Path, content: bytes, *, size: int = 1 << 20, pause: float = 0.0) -> Path:
    """A named pipe, into which a thread writes the content piece by piece."""
    path = tmp_path / "pipe"
    os.mkfifo(path)

    def write() -> None:
        with path.open("wb", buffering=0) as pipe:
            for start in range(0, len(content), size):
                pipe.write(content[start : start + size])
                time.sleep(pause)

    threading.Thread(target=write, daemon=True).start()
    return path


@pytest.mark.process
@pytest.mark.parametrize("packed", [False, True])
def test_standard_input_is_read_as_a_file_is(packed: bool) -> None:
    content = log_text(TRACES).encode()
    done = imported(gzip.compress(content) if packed else content)
    assert (done.returncode, done.stderr) == (0, b"")
    summary = orjson.loads(done.stdout)
    assert (summary["log_name"], summary["traces"], summary["events_read"]) == ("a log", 2, 3)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_named_pipe_is_read_as_a_file_is(tmp_path: Path, packed: bool, size: int) -> None:
    content = log_text(TRACES).encode()
    pipe = through_a_pipe(tmp_path, gzip.compress(content) if packed else content, size=size)
    assert produced(pipe) == produced(write_log(tmp_path / "log.xes", TRACES))


def test_bytes_of_a_pipe_are_counted_packed_as_they_come(tmp_path: Path) -> None:
    packed = gzip.compress(log_text(TRACES).encode())
    seen: list[int] = []
    import_xes(None, through_a_pipe(tmp_path, packed, size=100), dry_run=True, on_bytes=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == len(packed)


@pytest.mark.process
def test_log_without_a_name_has_none_from_a_pipe_and_is_refused_before_its_first_trace(tmp_path: Path) -> None:
    content = log_text(TRACES, name=None).encode()
    refused = imported(content)
    assert refused.returncode == 1
    assert refused.stderr.count(b"\n") == 1
    assert b"the log has no concept:name" in refused.stderr
    assert b"--name" in refused.stderr
    named = orjson.loads(imported(content, "--name", "loans").stdout)
    assert (named["log_name"], named["traces"]) == ("loans", 2)
    # A file has a name, and that is the log's: so that both ways give the same ids.
    of_file = import_xes(None, write_log(tmp_path / "loans.xes", TRACES, name=None), dry_run=True)
    assert named["workflow_id"] == str(of_file.workflow_id)


def test_given_name_takes_the_place_of_the_logs_own(tmp_path: Path) -> None:
    path = write_log(tmp_path / "log.xes", TRACES, name="in the file")
    assert import_xes(None, path, dry_run=True).log_name == "in the file"
    assert import_xes(None, path, dry_run=True, options=XesOptions(log_name="given")).log_name == "given"
    late = tmp_path / "late.xes"
    late.write_text(log_text(TRACES, name=None).replace("</log>", '<string key="concept:name" value="late"/></log>'))
    assert import_xes(None, late, dry_run=True, options=XesOptions(log_name="given")).log_name == "given"
    with pytest.raises(ImportFailed, match="comes after its first trace") as refused:
        import_xes(None, late, dry_run=True)
    assert "--name" in str(refused.value)


def zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("log.xes", content)
    return file.getvalue()


@pytest.mark.process
@pytest.mark.parametrize(
    ("pack", "what"),
    [(zipped, b"a zip archive"), (bz2.compress, b"packed by bzip2"), (lzma.compress, b"packed by xz")],
)
def test_what_is_packed_otherwise_is_refused_with_how_to_unpack_it(pack: object, what: bytes) -> None:
    refused = imported(pack(log_text(TRACES).encode()))  # type: ignore[operator]
    assert refused.returncode == 1
    assert refused.stderr.count(b"\n") == 1
    assert what in refused.stderr
    assert b"unpack it first" in refused.stderr


@pytest.mark.process
def test_empty_pipe_and_cut_off_pipe_are_refused() -> None:
    content = gzip.compress(log_text(TRACES).encode())
    for given, what in ((b"", b"standard input is not XES"), (content[:-20], b"standard input is cut off or damaged")):
        refused = imported(given)
        assert (refused.returncode, refused.stderr.count(b"\n")) == (1, 1)
        assert what in refused.stderr
    closed = [sys.executable, "-m", "runfold", "import", "xes", "-", "--dry-run"]
    refused = subprocess.run(["/bin/sh", "-c", '"$@" <&-', "sh", *closed], capture_output=True, check=False)
    assert (refused.returncode, refused.stderr.count(b"\n")) == (1, 1)
    assert b"cannot be read" in refused.stderr
