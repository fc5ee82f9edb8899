"""Run PostgreSQL's programs as a system user that PostgreSQL accepts.

PostgreSQL refuses to run as root. If runfold runs as root, the programs run as the owner of the data, or as `postgres`
or `nobody`; the permissions of folders do not change. If that user cannot read the programs or the data (for example
a virtual environment below a private home), and only then, util-linux's setpriv starts the programs with one
capability: to read and traverse every folder (CAP_DAC_READ_SEARCH).
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from runfold.errors import ServerFailed

_READ_ANYWHERE = "+dac_read_search"


@dataclass(frozen=True, slots=True)
class SystemUser:
    """The system user that PostgreSQL's processes run as."""

    name: str
    uid: int
    gid: int

    @classmethod
    def for_data(cls, data: Path) -> SystemUser | None:
        """Return the user to switch to: None unless we are root; else the data's owner, or postgres, or nobody."""
        if os.geteuid() != 0:
            return None
        candidates: list[pwd.struct_passwd] = []
        if data.exists() and (owner := data.stat().st_uid) != 0:
            try:
                candidates.append(pwd.getpwuid(owner))
            except KeyError:
                return cls(str(owner), owner, data.stat().st_gid)
        for name in ("postgres", "nobody"):
            try:
                candidates.append(pwd.getpwnam(name))
            except KeyError:
                continue
        for entry in candidates:
            if entry.pw_uid != 0:
                return cls(entry.pw_name, entry.pw_uid, entry.pw_gid)
        raise ServerFailed(
            "PostgreSQL does not run as root, and this machine has no system user postgres or nobody",
            hint="run runfold as a plain user, or set RUNFOLD_DATABASE_URL",
        )


@dataclass(slots=True)
class Binaries:
    """Runs PostgreSQL's programs of one folder, for one data folder's home."""

    folder: Path
    home: Path
    user: SystemUser | None
    _prefix: list[str] | None = field(default=None, init=False)

    def path(self, program: str) -> Path:
        """Return the program's path; raises ServerFailed if the folder has no such program."""
        path = self.folder / program
        if not path.is_file():
            raise ServerFailed(
                f"{self.folder} has no {program}", hint="set RUNFOLD_POSTGRES_BIN to PostgreSQL's folder of programs"
            )
        return path

    def major_version(self) -> int:
        """Return the major version of the programs, for example 18."""
        answer = subprocess.run(
            [self.path("postgres"), "--version"], capture_output=True, text=True, check=True, env=child_environment()
        ).stdout
        match = re.search(r"\b(\d+)", answer)
        if match is None:
            raise ServerFailed(
                f"{self.path('postgres')} does not print its version",
                hint="set RUNFOLD_POSTGRES_BIN to PostgreSQL's folder of programs",
                found=answer,
            )
        return int(match[1])

    def run(self, program: str, *args: str | Path) -> None:
        """Run a program to its end; raises ServerFailed with its output."""
        done = subprocess.run(
            [*self.prefix(), self.path(program), *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            **self._switch(),
        )
        if done.returncode != 0:
            raise ServerFailed(f"{program} failed with exit code {done.returncode}: {done.stdout.strip()}")

    def spawn(self, program: str, *args: str | Path, log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start a program in a new session, so that it outlives this process; its output goes to `log`."""
        return subprocess.Popen(
            [*self.prefix(), self.path(program), *args],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            **self._switch(),
        )

    def give(self, path: Path) -> None:
        """Make the system user the owner of a path that this process created."""
        if self.user is not None:
            os.chown(path, self.user.uid, self.user.gid)

    def prefix(self) -> list[str]:
        """Return what precedes a program's name: nothing, or setpriv if the user has to read in a private folder."""
        if self._prefix is None:
            self._prefix = self._find_prefix()
        return self._prefix

    def _find_prefix(self) -> list[str]:
        if self.user is None or self._reaches([]):
            return []
        if (setpriv := shutil.which("setpriv")) is not None:
            keeping = [
                setpriv,
                f"--reuid={self.user.uid}",
                f"--regid={self.user.gid}",
                "--clear-groups",
                # initdb looks for its programs by access(2), which checks capabilities only with this bit.
                "--securebits=+no_setuid_fixup",
                f"--inh-caps={_READ_ANYWHERE}",
                f"--ambient-caps={_READ_ANYWHERE}",
            ]
            if self._reaches(keeping):
                return keeping
        raise ServerFailed(
            f"PostgreSQL does not run as root, and the system user {self.user.name} cannot read {self.folder} "
            f"or {self.home}",
            hint="run runfold as a plain user, or put the virtual environment and RUNFOLD_HOME where that user can "
            "read, or install setpriv (util-linux), or set RUNFOLD_DATABASE_URL",
        )

    def _reaches(self, prefix: list[str]) -> bool:
        """Return whether the system user, started with this prefix, can enter the home and run PostgreSQL."""
        probe = ["/bin/sh", "-c", 'cd "$1" && exec "$2" --version', "sh", str(self.home), str(self.path("postgres"))]
        try:
            return (
                subprocess.run(
                    [*prefix, *probe],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    check=False,
                    **self._switch(prefix),
                ).returncode
                == 0
            )
        except (OSError, subprocess.SubprocessError):
            return False

    def _switch(self, prefix: list[str] | None = None) -> dict[str, Any]:
        # That user may not enter the current folder, and PostgreSQL needs a folder to which it can return.
        options: dict[str, Any] = {"cwd": "/", "env": child_environment()}
        if self.user is not None and not (self._prefix if prefix is None else prefix):
            options |= {"user": self.user.uid, "group": self.user.gid, "extra_groups": []}
        return options


def child_environment() -> Mapping[str, str]:
    """Return our environment without PG*: a PGDATA or PGPORT of another server must not affect ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_MESSAGES": "C"}
