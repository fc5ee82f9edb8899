"""The spool keeps what was synced, in its order, whatever is torn, full, forked or opened twice."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import stat
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import runfold.emitter.folder
from runfold.emitter import segments
from runfold.emitter.segments import OVERHEAD, paths
from runfold.emitter.spool import LEAST_LIMIT, Spool
from runfold.errors import InvalidInput, SpoolBelongsElsewhere, SpoolDamaged, SpoolFull, SpoolTaken

LOG, OTHER = UUID(int=1), UUID(int=2)


def calls(spool: Spool) -> list[bytes]:
    return [record.call for record in spool.records()]


def put(folder: Path, *given: bytes, log: UUID | None = LOG) -> Path:
    """Put calls into a spool, and return the file that has them."""
    with Spool.open(folder, log) as spool:
        for call in given:
            spool.append(call)
        spool.sync()
    return paths(folder)[-1]


def test_calls_come_back_in_their_order_and_once(tmp_path: Path) -> None:
    put(tmp_path, b"a", b"b")
    with Spool.open(tmp_path, LOG) as spool:
        spool.append(b"c")
        assert calls(spool) == [b"a", b"b", b"c"]
        for record in spool.records():
            if record.call != b"c":
                spool.done(record)
    with Spool.open(tmp_path, LOG) as spool:
        assert calls(spool) == [b"c"]
        (record,) = spool.records()
        spool.done(record)
        spool.done(record)  # again: it is done
        assert (spool.is_empty, spool.bytes, spool.oldest_seconds) == (True, 0, 0.0)


def test_a_call_is_not_done_before_an_earlier_one(tmp_path: Path) -> None:
    put(tmp_path, b"a", b"b")
    with Spool.open(tmp_path, LOG) as spool:
        _, second = spool.records()
        with pytest.raises(ValueError, match="is done before"):
            spool.done(second)
        assert calls(spool) == [b"a", b"b"]


@pytest.mark.parametrize("cut", range(1, OVERHEAD + 4))
def test_a_torn_last_record_is_cut_and_the_others_stay(tmp_path: Path, cut: int) -> None:
    file = put(tmp_path, b"first", b"last")
    os.truncate(file, file.stat().st_size - cut)
    with Spool.open(tmp_path, LOG) as spool:
        assert calls(spool) == [b"first"]
        spool.append(b"next")
        assert calls(spool) == [b"first", b"next"]
    with Spool.open(tmp_path, LOG) as spool:
        assert calls(spool) == [b"first", b"next"]
    assert not list(tmp_path.glob("damaged-*"))


@pytest.mark.parametrize("tail", [bytes(4096), b"\xff" * 7, struct.pack("<II", 0xFFFFFFFF, 7) + b"rest"])
def test_bytes_that_are_no_record_are_cut(tmp_path: Path, tail: bytes) -> None:
    file = put(tmp_path, b"first")
    with file.open("ab") as torn:
        torn.write(tail)
    with Spool.open(tmp_path, LOG) as spool:
        assert calls(spool) == [b"first"]
    assert file.stat().st_size < 4096
    assert crc32(b"") == 0, "zeros are a record of no bytes to who does not ask for more"


def test_a_bad_checksum_in_the_middle_ends_the_spool_there_and_keeps_the_rest_beside_it(tmp_path: Path) -> None:
    file = put(tmp_path, b"first", b"second", b"third")
    data = bytearray(file.read_bytes())
    data[data.index(b"second")] ^= 1
    file.write_bytes(data)
    with Spool.open(tmp_path, LOG) as spool:
        assert calls(spool) == [b"first"]
    (kept,) = tmp_path.glob("damaged-*")
    assert b"third" in kept.read_bytes()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_control_without_the_checksum_a_changed_call_is_offered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "crc32", lambda _: 0)
    file = put(tmp_path, b"first", b"second")
    data = bytearray(file.read_bytes())
    data[data.index(b"second")] ^= 1
    file.write_bytes(data)
    with Spool.open(tmp_path, LOG) as spool:
        assert calls(spool) == [b"first", b"recond"]


def test_a_file_that_is_not_the_last_is_not_cut(tmp_path: Path) -> None:
    """It was synced before the next one was made: what is missing there was acknowledged."""
    with Spool.open(tmp_path, LOG, limit=LEAST_LIMIT) as spool:
        for n in range(3):
            spool.append(b"%d" % n * 17_000)
    first, *_ = files = paths(tmp_path)
    assert len(files) == 3
    whole = first.read_bytes()
    os.truncate(first, len(whole) - 1)
    with pytest.raises(SpoolDamaged, match="cannot be read at byte") as caught:
        Spool.open(tmp_path, LOG)
    assert (caught.value.code, caught.value.file) == ("spool_damaged", str(first))
    # What the message says: moved away, the others are offered; put back, it is, too.
    first.rename(tmp_path / "away")
    with Spool.open(tmp_path, LOG) as spool:
        assert [call[:1] for call in calls(spool)] == [b"1", b"2"]
    first.write_bytes(whole)
    with Spool.open(tmp_path, LOG) as spool:
        assert [call[:1] for call in calls(spool)] == [b"0", b"1", b"2"]


@pytest.mark.parametrize("form", [b"{}", b"[]", b'{"form":2,"log":null,"start":0,"before":[0,0]}'])
def test_a_file_of_another_form_is_refused_and_stays(tmp_path: Path, form: bytes) -> None:
    tmp_path.joinpath(f"{0:020d}.calls").write_bytes(segments.framed(form))
    with pytest.raises(SpoolDamaged, match="not a file of this version"):
        Spool.open(tmp_path, LOG)
    assert paths(tmp_path)


def test_a_file_whose_first_record_was_not_written_whole_is_made_again(tmp_path: Path) -> None:
    file = put(tmp_path)
    os.truncate(file, 11)
    with Spool.open(tmp_path, LOG) as spool:
        spool.append(b"a")
        assert calls(spool) == [b"a"]


@pytest.mark.parametrize("cursor", [b"", b"7", b"00000000000000000999 00000000\n", None])
def test_a_cursor_that_cannot_be_read_repeats_calls_and_loses_none(tmp_path: Path, cursor: bytes | None) -> None:
    put(tmp_path, b"a", b"b")
    with Spool.open(tmp_path, LOG) as spool:
        spool.done(next(spool.records()))
    path = tmp_path / "cursor"
    path.unlink() if cursor is None else path.write_bytes(cursor)
    with Spool.open(tmp_path, LOG) as spool:
        assert calls(spool) == [b"a", b"b"]


def test_a_cursor_ahead_of_what_a_power_cut_left_hides_nothing_that_comes(tmp_path: Path) -> None:
    file = put(tmp_path, b"a" * 100, b"b" * 100)
    with Spool.open(tmp_path, LOG) as spool:
        for record in spool.records():
            spool.done(record)
    os.truncate(file, file.stat().st_size - 50)  # sent and done, and never synced
    with Spool.open(tmp_path, LOG) as spool:
        assert spool.is_empty
        spool.append(b"c")
        assert calls(spool) == [b"c"]
    with Spool.open(tmp_path, LOG) as spool:
        assert calls(spool) == [b"c"]


class Recorded:
    """The order in which the system was called, and what a caller said meanwhile."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.said: list[str] = []
        for name in ("pwrite", "fdatasync"):
            monkeypatch.setattr(os, name, self._saying(name, getattr(os, name)))

    def _saying(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(file: int, *given: Any) -> Any:
            done = function(file, *given)
            if Path(os.readlink(f"/proc/self/fd/{file}")).suffix == ".calls":
                self.said.append(name)
            return done

        return call


def acknowledge(spool: Spool, said: list[str], group: int) -> None:
    for _ in range(group):
        spool.append(b"a call")
    spool.sync()
    said.append("acknowledged")


def test_what_is_acknowledged_was_written_and_then_synced_once_a_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Spool.open(tmp_path, LOG) as spool:
        said = Recorded(monkeypatch).said
        acknowledge(spool, said, 3)
        spool.sync()
        assert said == ["pwrite", "pwrite", "pwrite", "fdatasync", "acknowledged"]


def test_control_a_spool_that_does_not_sync_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Spool.open(tmp_path, LOG) as spool:
        said = Recorded(monkeypatch).said
        monkeypatch.setattr(spool, "sync", lambda: None)
        acknowledge(spool, said, 1)
        assert said == ["pwrite", "acknowledged"]


def test_after_a_failed_sync_only_what_was_synced_before_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with Spool.open(tmp_path, LOG) as spool:
        spool.append(b"a")
        spool.sync()
        offset = spool.append(b"lost")
        lost = list(spool.records())[-1]
        with monkeypatch.context() as broken:
            broken.setattr(os, "fdatasync", fails)
            with pytest.raises(SpoolDamaged, match="Input/output error"):
                spool.sync()
        assert calls(spool) == [b"a"]
        spool.done(next(spool.records()))
        spool.done(lost)  # it was sent meanwhile
        assert spool.append(b"again") > offset, "an offset is not used again"
        spool.sync()
        assert calls(spool) == [b"again"]
    with Spool.open(tmp_path, LOG) as spool:
        assert calls(spool) == [b"again"]


HOLDS = (
    "import sys; from runfold.emitter.spool import Spool; s = Spool.open(sys.argv[1]); print('has it', flush=True)\n"
)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS + "sys.stdin.read()", str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "has it\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.process
def test_another_process_is_kept_out_until_the_first_is_killed(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(SpoolTaken, match=f"process {holder.pid} uses the spool") as caught:
        Spool.open(tmp_path, LOG)
    assert (caught.value.code, caught.value.pid) == ("spool_taken", holder.pid)
    holder.kill()
    holder.wait()
    Spool.open(tmp_path, LOG).close()


@pytest.mark.process
def test_a_second_spool_of_this_process_is_kept_out_and_does_not_open_the_lock(tmp_path: Path) -> None:
    link = tmp_path.parent / f"{tmp_path.name}-link"
    link.symlink_to(tmp_path)
    with Spool.open(tmp_path, LOG):
        for path in (tmp_path, link):
            with pytest.raises(SpoolTaken, match="an emitter of this process"):
                Spool.open(path, LOG)
        tried = subprocess.run([sys.executable, "-c", HOLDS, str(tmp_path)], capture_output=True, text=True)
        assert "SpoolTaken" in tried.stderr
    Spool.open(tmp_path, LOG).close()


def in_child(work: Callable[[], int]) -> int:
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            code = work()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.process
def test_a_forked_child_has_no_part_in_the_spool(tmp_path: Path) -> None:
    with Spool.open(tmp_path, LOG) as spool:
        spool.append(b"parent")

        def child() -> int:
            refused = 0
            for use in (lambda: spool.append(b"child"), lambda: Spool.open(tmp_path, LOG)):
                try:
                    use()
                except SpoolTaken:
                    refused += 1
            return refused

        assert in_child(child) == 2
        spool.sync()
        assert calls(spool) == [b"parent"]


@pytest.mark.process
@pytest.mark.parametrize("flock", [False, True], ids=["", "control_flock"])
def test_a_child_does_not_keep_the_folder_when_its_parent_is_dead(
    tmp_path: Path, flock: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With flock, which this removes the protection with, the child that lives on has the folder."""
    if flock:
        monkeypatch.setattr(fcntl, "lockf", fcntl.flock)
        monkeypatch.setattr(runfold.emitter.folder.FolderLock, "_after_fork", lambda _: None)
    reader, writer = os.pipe()

    def parent() -> int:
        Spool.open(tmp_path, LOG)
        child = os.fork()
        if child == 0:
            os.close(writer)
            os.read(reader, 1)  # until the test closes its end
            os._exit(0)
        return 7

    assert in_child(parent) == 7
    os.close(reader)
    try:
        if flock:
            with pytest.raises(SpoolTaken):
                Spool.open(tmp_path, LOG)
        else:
            Spool.open(tmp_path, LOG).close()
    finally:
        os.close(writer)


def test_files_are_their_owners_and_no_child_gets_them(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "spool"
    with Spool.open(folder, LOG) as spool:
        spool.append(b"a")
        spool.refuse({"event": 1})
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
        ours = [f for f in map(int, os.listdir("/proc/self/fd")) if _target(f).startswith(str(folder))]
        assert len(ours) == 3
        assert not any(os.get_inheritable(file) for file in ours)


def _target(file: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{file}")
    except OSError:
        return ""


def test_the_limit_is_kept_to_the_byte(tmp_path: Path) -> None:
    with Spool.open(tmp_path, LOG, limit=LEAST_LIMIT) as spool:
        taken = 0
        while taken < 5:
            spool.append(b"x" * 10_000)
            taken += 1
        on_disk = sum(path.stat().st_size for path in paths(tmp_path))
        room = LEAST_LIMIT - on_disk - OVERHEAD
        with pytest.raises(SpoolFull, match="larger spool_limit") as caught:
            spool.append(b"y" * (room + 1))
        assert (caught.value.code, caught.value.limit, caught.value.retryable) == ("spool_full", LEAST_LIMIT, True)
        spool.append(b"y" * room)
        assert sum(path.stat().st_size for path in paths(tmp_path)) == LEAST_LIMIT
        with pytest.raises(SpoolFull):
            spool.append(b"z")
        assert len(calls(spool)) == 6
        for record in spool.records():
            spool.done(record)
        spool.append(b"z" * 50_000)
        assert len(calls(spool)) == 1
    with pytest.raises(InvalidInput, match="too small"):
        Spool.open(tmp_path, LOG, limit=LEAST_LIMIT - 1)


def test_an_empty_call_is_refused(tmp_path: Path) -> None:
    with Spool.open(tmp_path, LOG) as spool, pytest.raises(InvalidInput):
        spool.append(b"")


LITTLE_DISK = """
import resource, signal, sys
from runfold.emitter.spool import Spool
from runfold.errors import SpoolFull
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
spool = Spool.open(sys.argv[1])
spool.append(b"a" * 1000); spool.sync()
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
spool.append(b"b" * 1000); spool.sync()
try:
    spool.append(b"c" * 1000)
except SpoolFull as error:
    print(error.code, error.retryable, [r.call[:1] for r in spool.records()])
spool.append(b"d" * 100); spool.sync()
try:
    spool.refuse({"x": "y" * 4000})
except SpoolFull:
    print("refused.jsonl", (spool.folder / "refused.jsonl").stat().st_size)
"""


@pytest.mark.process
def test_a_full_disk_is_an_error_and_loses_nothing(tmp_path: Path) -> None:
    """The limit of a file's size stands for the disk: a write is done in part, the next one not at all."""
    done = subprocess.run([sys.executable, "-c", LITTLE_DISK, str(tmp_path)], capture_output=True, text=True)
    assert done.stdout == "spool_full True [b'a', b'b']\nrefused.jsonl 0\n", done.stderr
    with Spool.open(tmp_path, LOG) as spool:
        assert [call[:1] for call in calls(spool)] == [b"a", b"b", b"d"]
    assert not list(tmp_path.glob("damaged-*"))


@pytest.mark.process
def test_a_disk_without_room_for_a_spool_is_an_error(tmp_path: Path) -> None:
    code = (
        "import resource, signal, sys; from runfold.emitter.spool import Spool\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (30, 30))\n"
        "Spool.open(sys.argv[1])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True)
    assert "SpoolFull: the spool" in done.stderr
    assert "File too large: free some space" in done.stderr
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 30
    put(tmp_path, b"a")


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolDamaged, match="cannot be used"):
        Spool.open(tmp_path / "file")


def test_a_spool_is_never_sent_to_another_log(tmp_path: Path) -> None:
    put(tmp_path, b"a", log=LOG)
    with pytest.raises(SpoolBelongsElsewhere, match="--to-this-log") as caught:
        Spool.open(tmp_path, OTHER)
    assert (caught.value.code, caught.value.log, caught.value.found) == (
        "spool_belongs_elsewhere",
        str(LOG),
        str(OTHER),
    )
    with Spool.open(tmp_path) as spool:  # the database is away
        spool.append(b"b")
        assert spool.log == LOG
        with pytest.raises(SpoolBelongsElsewhere):
            spool.bind(OTHER)
        spool.bind(OTHER, force=True)
        assert calls(spool) == [b"a", b"b"]
        for record in spool.records():
            spool.done(record)
    with Spool.open(tmp_path, OTHER) as spool:  # nothing in it is for the first log any more
        assert spool.log == OTHER


def test_a_spool_that_began_without_a_database_gets_its_log_later(tmp_path: Path) -> None:
    put(tmp_path, b"a", log=None)
    with Spool.open(tmp_path) as spool:
        spool.bind(LOG)
        spool.append(b"b")
    with pytest.raises(SpoolBelongsElsewhere):
        Spool.open(tmp_path, OTHER)
    with Spool.open(tmp_path) as spool:
        assert (spool.log, calls(spool)) == (LOG, [b"a", b"b"])


def test_what_was_refused_is_kept_with_its_error(tmp_path: Path) -> None:
    with Spool.open(tmp_path, LOG) as spool:
        spool.refuse({"event": {"type": "X"}, "error": {"code": "c"}})
        spool.refuse({"event": {"type": "Y"}})
        assert spool.refused_total == 2
    with Spool.open(tmp_path, LOG) as spool:
        assert spool.refused_total == 2
    assert (tmp_path / "refused.jsonl").read_text().splitlines()[1] == '{"event":{"type":"Y"}}'


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 9_000)),
        st.tuples(st.just("sync"), st.just(0)),
        st.tuples(st.just("done"), st.integers(1, 4)),
        st.tuples(st.just("reopen"), st.just(0)),
        st.tuples(st.just("tear"), st.integers(1, 300)),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_a_spool_is_a_list(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]) -> None:
    """A tear writes half a record behind the end, as a crash in a write does: only what was not synced may go."""
    folder = tmp_path_factory.mktemp("spool")
    model: list[bytes] = []
    spool = Spool.open(folder, LOG, limit=LEAST_LIMIT)
    try:
        for number, (step, size) in enumerate(steps):
            if step == "append":
                call = b"%d " % number + b"x" * size
                try:
                    spool.append(call)
                    model.append(call)
                except SpoolFull:
                    assert sum(map(len, model)) + len(call) > LEAST_LIMIT // 2
            elif step == "sync":
                spool.sync()
            elif step == "done":
                for record, _ in zip(spool.records(), range(size), strict=False):
                    spool.done(record)
                    assert record.call == model.pop(0)
            else:
                spool.close()
                if step == "tear":
                    with paths(folder)[-1].open("ab") as file:
                        file.write(segments.record_of(b"x" * 400, 1.0)[:size])
                spool = Spool.open(folder, LOG, limit=LEAST_LIMIT)
            assert calls(spool) == model
            assert spool.bytes == sum(len(call) + OVERHEAD for call in model)
            assert sum(path.stat().st_size for path in paths(folder)) <= LEAST_LIMIT
    finally:
        spool.close()
