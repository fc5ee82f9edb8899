"""A machine of an operator: a shell that types the lines of a page, as the system user that owns the servers."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from runfold.database.binaries import Binaries, SystemUser
from tests.docs.pages import Block, blocks
from tests.docs.running import typed
from tests.fixtures.commands import scripts

OWNER = "owner"
DATABASE = "workflows"
SETTINGS = {
    "listen_addresses": "'127.0.0.1'",
    "unix_socket_directories": "''",
    "fsync": "off",
    "shared_buffers": "32MB",
    "max_locks_per_transaction": "256",
    "recovery_init_sync_method": "syncfs",
}
_EXPORT = re.compile(r"export (\w+)=(.*)")


@dataclass
class Machine:
    """A folder with servers, and a shell in it; what a page exports is replaced by what the test gives."""

    folder: Path
    bin_dir: Path
    given: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.binaries = Binaries(self.bin_dir, self.folder, SystemUser.for_data(self.folder))
        self.binaries.give(self.folder)
        path = f"{self.bin_dir}:{scripts()}:{os.environ['PATH']}"
        self.environment |= {"PATH": path, "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}

    def make_server(self, data: Path, *, bin_dir: Path | None = None, start: bool = True) -> int:
        """Make a server with this data, start it, and return its port."""
        programs = bin_dir or self.bin_dir
        options = "--auth trust --encoding UTF8 --locale C.UTF-8 --no-sync"
        self.run(f"{programs}/initdb -D {data} -U {OWNER} {options}")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        lines = [f"{name} = {value}" for name, value in {**SETTINGS, "port": port}.items()]
        self.run(f"cat >> {data}/postgresql.conf", said="\n".join(["", *lines, ""]))
        if start:
            self.run(f"{programs}/pg_ctl start -w -D {data} -l {data}/server.log")
        return port

    def url(self, port: int, database: str = DATABASE) -> str:
        """Return the URL of a database of a server."""
        return f"postgresql://{OWNER}@127.0.0.1:{port}/{database}"

    def create_database(self, port: int) -> str:
        """Create the database of the pages on a server, and return its URL."""
        with psycopg.connect(self.url(port, "postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {DATABASE}".encode())
        return self.url(port)

    def run(self, line: str, *, said: str | None = None) -> str:
        """Run a line and return what it prints; a line that fails, fails the test.

        Only PostgreSQL's programs need its user, who may not run the tests' Python.
        """
        is_ours = line.startswith("runfold ")
        prefix = [] if is_ours else self.binaries.prefix()
        options: dict[str, object] = {}
        if self.binaries.user is not None and not prefix and not is_ours:
            options = {"user": self.binaries.user.uid, "group": self.binaries.user.gid, "extra_groups": []}
        done = subprocess.run(  # type: ignore[call-overload]
            [*prefix, "bash", "-c", line],
            cwd=self.folder,
            env=self.environment,
            input=said,
            capture_output=True,
            text=True,
            timeout=120,
            **options,
        )
        assert done.returncode == 0, f"{line}\nended with {done.returncode}: {done.stderr or done.stdout}"
        return str(done.stdout)

    def type(self, page: Path, *headings: str, replaced: Mapping[str, str] | None = None) -> str:
        """Type the lines of these sections of a page; return all that they print."""
        printed = []
        for heading in headings:
            lines = [line for block in section(page, heading) for line in typed(block.text)]
            assert lines, f"{page.name} has nothing to type under {heading!r}"
            text = "\n".join(lines)
            for old, new in (replaced or {}).items():
                text = text.replace(old, new)
            printed += [self._type(line) for line in text.splitlines()]
        return "".join(printed)

    def _type(self, line: str) -> str:
        if (exported := _EXPORT.fullmatch(line)) is None:
            return self.run(line)
        name, value = exported[1], exported[2]
        assert name in self.given or "$" not in value, f"the test does not give {name}"
        (self.environment[name],) = [self.given[name]] if name in self.given else shlex.split(value)
        return ""


def section(page: Path, heading: str) -> list[Block]:
    """Return the console blocks under a heading, up to the next one of any level."""
    text = page.read_text(encoding="utf-8").splitlines()
    (start,) = [n for n, line in enumerate(text, 1) if re.fullmatch(rf"#+ {re.escape(heading)}", line)]
    fenced, end = False, len(text) + 1
    for number, line in enumerate(text[start:], start + 1):
        fenced ^= line.startswith("```")
        if line.startswith("#") and not fenced:
            end = number
            break
    return [block for block in blocks(page, "console") if start < block.line < end]


def kill_server(data: Path) -> None:
    """Kill a server's main process by SIGKILL, and wait until its other processes have ended."""
    pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    os.kill(pid, signal.SIGKILL)
    while any(_lives(each) for each in [*map(int, children), pid]):
        pass


def _lives(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
