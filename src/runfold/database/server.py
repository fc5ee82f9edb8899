"""The embedded PostgreSQL: a server in a folder, shared by all runfold processes that use the folder.

The folder (`.runfold/`) holds `data/`, `server.log`, `lock`, `port`, `password`, `projections_password` and `run/` (the
socket). The server runs if it answers. A pid is no evidence: pid files outlive a kill, and the system reuses pids.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlencode

import psutil
import psycopg
from psycopg import pq, sql
from psycopg.conninfo import make_conninfo

from runfold.database.binaries import Binaries, SystemUser
from runfold.errors import ServerFailed
from runfold.settings import bundled_postgres_bin

SUPERUSER = "runfold"
PROJECTIONS_LOGIN = "runfold_own"
DATABASE = "runfold"
StopMode = Literal["fast", "immediate"]

_logger = logging.getLogger(__name__)

# sockaddr_un holds 107 bytes on Linux and 103 on macOS.
_LONGEST_SOCKET_PATH = 103
_SILENCE_BEFORE_GIVING_UP = 60.0
_ORPHANS_TIME_TO_LEAVE = 5.0
_LOG_ROTATES_AT = 16 * 1024 * 1024


class EmbeddedServer:
    """A PostgreSQL server in `home`, listening on a unix socket and on a loopback TCP port, both with a password.

    `settings` are passed to the server as `-c` and override everything else. Any number of processes may use one home:
    one of them starts the server, all share it, and it keeps running until `stop`.
    """

    def __init__(self, home: Path, bin_dir: Path | None = None, *, settings: Mapping[str, str] | None = None) -> None:
        self.home = home.absolute()
        self.data = self.home / "data"
        self.log = self.home / "server.log"
        self._bin_dir = bin_dir or bundled_postgres_bin()
        self._settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        # This name is in the command line of every process of this server, and of no other server.
        self._cluster = "runfold-" + hashlib.sha256(os.fsencode(self.home.resolve() / "data")).hexdigest()[:16]

    # -- addresses ----------------------------------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """The loopback port, which is kept from the first start on."""
        try:
            return int((self.home / "port").read_text())
        except (FileNotFoundError, ValueError):
            raise ServerFailed(
                f"there is no embedded server in {self.home} yet", hint="start it with `runfold db start`"
            ) from None

    @property
    def url(self) -> str:
        """The URL over TCP with the password, for any client on this machine."""
        return f"postgresql://{SUPERUSER}:{quote(self._password())}@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def socket_url(self) -> str:
        """The URL over the unix socket, with the password."""
        where = urlencode({"host": str(self.socket_dir()), "port": self.port}, quote_via=quote)
        return f"postgresql://{SUPERUSER}:{quote(self._password())}@/{DATABASE}?{where}"

    def projections_url(self) -> str:
        """Return the URL of the login that folds user projections, and create the login if it is missing.

        The server must run and be migrated, because the login is a member of runfold_projections. Its password is in
        the file `projections_password` of the home.
        """
        with self._locked():
            kept = (self.home / "projections_password").exists()
            password = self._password("projections_password", create=True)
            with psycopg.connect(self.url, autocommit=True, application_name="runfold") as connection:
                known = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [PROJECTIONS_LOGIN]).fetchone()
                if known is None or not kept:
                    login = PROJECTIONS_LOGIN.encode()
                    encrypted = connection.pgconn.encrypt_password(password.encode(), login, b"scram-sha-256")
                    connection.execute(
                        sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
                            sql.SQL("CREATE" if known is None else "ALTER"),
                            sql.Identifier(PROJECTIONS_LOGIN),
                            sql.Literal(encrypted.decode()),
                        )
                    )
                    connection.execute(
                        sql.SQL("GRANT runfold_projections TO {}").format(sql.Identifier(PROJECTIONS_LOGIN))
                    )
        return f"postgresql://{PROJECTIONS_LOGIN}:{quote(password)}@127.0.0.1:{self.port}/{DATABASE}"

    def socket_dir(self) -> Path:
        """Return the folder of the unix socket: in the home, or in /tmp if the home cannot contain a socket."""
        inside = self.home / "run"
        too_long = len(os.fsencode(inside / ".s.PGSQL.65535.lock")) > _LONGEST_SOCKET_PATH
        if not too_long and "," not in str(inside):  # for libpq a comma ends a host
            return inside
        return Path("/tmp") / self._cluster

    # -- start and stop -----------------------------------------------------------------------------------------------

    def start(self) -> str:
        """Start the server unless it runs, create it if there is none, and return its URL.

        Waits for the end of a crash recovery, without a limit. Raises ServerFailed with the server's output.
        """
        self._make_home()
        with self._locked():
            self._await_ready()
            self._ensure_database()
        return self.url

    def stop(self, mode: StopMode = "fast") -> bool:
        """Stop the server and wait for its end; return False if it did not run. `immediate` skips the checkpoint."""
        if not self.home.is_dir():
            return False
        with self._locked():
            pid = self.postmaster_pid()
            if pid is None:
                return False
            try:
                os.kill(pid, signal.SIGINT if mode == "fast" else signal.SIGQUIT)
            except PermissionError:
                raise ServerFailed(
                    f"the server in {self.home} (pid {pid}) belongs to another system user", hint="stop it as that user"
                ) from None
            except ProcessLookupError:
                pass
            while self.postmaster_pid() is not None:
                time.sleep(0.01)
            return True

    def postmaster_pid(self) -> int | None:
        """Return the pid of this server's main process, or None if it does not live; a zombie does not live."""
        if self._process is not None:
            self._process.poll()  # reaps a dead child of this process
        try:
            pid = int((self.data / "postmaster.pid").read_text().splitlines()[0])
        except (FileNotFoundError, ValueError, IndexError):
            return None
        except PermissionError:
            raise ServerFailed(f"{self.data} belongs to another system user", hint="run runfold as that user") from None
        return pid if self._is_ours(pid) else None

    # -- the start, step by step --------------------------------------------------------------------------------------

    def _await_ready(self) -> None:
        silent_since: float | None = None
        rejections = 0
        while (answer := self._ping()) is not pq.Ping.OK:
            now = time.monotonic()
            if answer is pq.Ping.REJECT:  # it starts, recovers or stops, so it lives
                silent_since = None
                rejections += 1
                if rejections == 12:
                    _logger.warning("PostgreSQL in %s recovers from a crash: waiting; see %s", self.home, self.log)
                time.sleep(min(0.02 * 1.4**rejections, 1.0))  # each ping is a line in the server's log
                continue
            if (pid := self.postmaster_pid()) is None:
                self._launch()
                silent_since = None
            elif silent_since is None:
                silent_since = now
            elif now - silent_since > _SILENCE_BEFORE_GIVING_UP:
                raise self._does_not_answer(pid)
            time.sleep(0.02)

    def _launch(self) -> None:
        """Start the server's process and wait until it answers; raise ServerFailed with its output if it does not."""
        binaries = self._binaries()
        self._clear_unfinished()
        if not self.data.exists():
            self._initialize(binaries)
        self._check_version(binaries)
        self._clear_remains()
        self._write_configuration(binaries)
        for _ in range(5):
            port = self._choose_port()
            socket_dir = self._make_socket_dir(binaries)
            size_before = self._rotate_log()
            arguments = {
                "cluster_name": self._cluster,
                "listen_addresses": "127.0.0.1",
                "port": str(port),
                "unix_socket_directories": '"' + str(socket_dir).replace('"', '""') + '"',
                "unix_socket_permissions": "0700",
                **self._settings,
            }
            options = [part for name, value in arguments.items() for part in ("-c", f"{name}={value}")]
            with self.log.open("ab") as log:
                self._process = binaries.spawn("postgres", "-D", self.data, *options, log=log)
            began = time.monotonic()
            while self._ping() in (pq.Ping.NO_RESPONSE, pq.Ping.NO_ATTEMPT):
                if self._process.poll() is not None:
                    break
                if time.monotonic() - began > _SILENCE_BEFORE_GIVING_UP:
                    raise self._does_not_answer(self._process.pid)
                time.sleep(0.01)
            else:
                return
            if _is_free(port):  # the port was not the reason
                break
        with self.log.open("rb") as log:
            log.seek(size_before)
            said = log.read().decode(errors="replace").strip()
        raise ServerFailed(f"PostgreSQL did not start: {said}", hint=f"see its log, {self.log}")

    def _does_not_answer(self, pid: int) -> ServerFailed:
        return ServerFailed(
            f"the server in {self.home} (pid {pid}) runs but does not answer", hint=f"see its log, {self.log}"
        )

    def _clear_unfinished(self) -> None:
        """Remove what a killed `_initialize` left, also if it was killed after the data folder got its name."""
        for remains in self.home.glob("data.new-*"):
            if remains.is_dir():
                shutil.rmtree(remains, ignore_errors=True)
            else:
                remains.unlink()

    def _initialize(self, binaries: Binaries) -> None:
        """Create the data folder completely, or not at all if this process is killed."""
        new = Path(tempfile.mkdtemp(prefix="data.new-", dir=self.home))
        password_file = new.with_name(new.name + ".password")
        try:
            binaries.give(new)
            descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(self._password(create=True))
            binaries.give(password_file)
            options: list[str | Path] = [
                "--pgdata", new, "--username", SUPERUSER, "--pwfile", password_file, "--auth", "scram-sha-256",
                "--encoding", "UTF8", "--locale", "C.UTF-8",
            ]  # fmt: skip
            if binaries.major_version() >= 17:
                # This locale sorts alike on every machine, and an upgrade of the C library cannot damage an index.
                options += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
            if self._settings.get("fsync") == "off":
                options += ["--no-sync"]
            binaries.run("initdb", *options)
            with (new / "postgresql.conf").open("a") as file:
                file.write("\ninclude_if_exists = 'runfold.conf'\n")
            new.rename(self.data)
        finally:
            password_file.unlink(missing_ok=True)
            shutil.rmtree(new, ignore_errors=True)

    def _check_version(self, binaries: Binaries) -> None:
        made_by = int((self.data / "PG_VERSION").read_text())
        if made_by != (running := binaries.major_version()):
            raise ServerFailed(
                f"PostgreSQL {made_by} created {self.data}, and {self._bin_dir} is PostgreSQL {running}",
                hint=f"set RUNFOLD_POSTGRES_BIN to PostgreSQL {made_by}'s binaries, or use another RUNFOLD_HOME",
            )

    def _clear_remains(self) -> None:
        """After a kill, wait until the killed server's children have ended, and remove its lock files.

        PostgreSQL refuses to start if the pid in a lock file lives again as another process, or as a zombie.
        """
        pid_file = self.data / "postmaster.pid"
        for socket_file in self.socket_dir().glob(".s.PGSQL.*"):
            socket_file.unlink(missing_ok=True)
        if not pid_file.exists():
            return
        began = time.monotonic()
        while orphans := [process for process in psutil.process_iter() if self._is_ours(process.pid)]:
            waited = time.monotonic() - began
            if waited > _SILENCE_BEFORE_GIVING_UP:
                raise ServerFailed(
                    f"processes of the killed server in {self.home} do not end", hint=f"end them: {_pids(orphans)}"
                )
            if waited > _ORPHANS_TIME_TO_LEAVE:
                for orphan in orphans:
                    with contextlib.suppress(psutil.Error):
                        orphan.send_signal(signal.SIGQUIT)  # the signal that the killed server would have sent
            time.sleep(0.05)
        pid_file.unlink(missing_ok=True)

    def _is_ours(self, pid: int) -> bool:
        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            command = process.cmdline()
        except psutil.Error:  # ended, or of another user
            return False
        return "postgres" in command[0] and self._cluster in " ".join(command) if command else False

    def _write_configuration(self, binaries: Binaries) -> None:
        path = self.data / "runfold.conf"
        path.write_text(resources.files(__package__).joinpath("server.conf").read_text())
        binaries.give(path)

    def _choose_port(self) -> int:
        """Return the kept port, or a free one if there is none or another process uses it."""
        try:
            kept = self.port
        except ServerFailed:
            kept = 0
        if not (kept and _is_free(kept)):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                kept = int(probe.getsockname()[1])
            _replace(self.home / "port", f"{kept}\n", 0o644)
        return kept

    def _make_home(self) -> None:
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            ignore = self.home / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n")  # it holds a password
        except OSError as exc:
            raise ServerFailed(
                f"the folder {self.home} cannot be used: {exc.strerror}", hint="set RUNFOLD_HOME to another one"
            ) from None

    def _make_socket_dir(self, binaries: Binaries) -> Path:
        path = self.socket_dir()
        path.mkdir(mode=0o700, exist_ok=True)
        # Everybody may write to /tmp: refuse a link, or another user's folder, under our name.
        status = path.lstat()
        allowed = {os.geteuid()} | ({binaries.user.uid} if binaries.user else set())
        if path.is_symlink() or status.st_uid not in allowed:
            raise ServerFailed(
                f"{path} belongs to another system user", hint="remove it, or use a shorter RUNFOLD_HOME"
            )
        path.chmod(0o700)
        binaries.give(path)
        return path

    def _rotate_log(self) -> int:
        """Move the log away if it is large, so that it and the one before it stay small; return its size."""
        size = self.log.stat().st_size if self.log.exists() else 0
        if size > _LOG_ROTATES_AT:
            self.log.replace(self.log.with_suffix(".log.1"))
            return 0
        return size

    # -- asking the server --------------------------------------------------------------------------------------------

    def _ping(self) -> pq.Ping:
        """Return the server's answer on its socket: OK, REJECT (alive, not ready), or no response."""
        try:
            where = {"host": str(self.socket_dir()), "port": str(self.port)}
        except ServerFailed:
            return pq.Ping.NO_ATTEMPT
        conninfo = make_conninfo("", **where, user=SUPERUSER, dbname="postgres", connect_timeout="2")
        return pq.Ping(pq.PGconn.ping(conninfo.encode()))

    def _ensure_database(self) -> None:
        """Create the database if it is missing: a first start may have been killed before this step."""
        socket_url = self.socket_url.replace(f"@/{DATABASE}?", "@/postgres?")
        try:
            with psycopg.connect(socket_url, autocommit=True, application_name="runfold") as connection:
                known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
                if known is None:
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
        except psycopg.OperationalError as exc:
            raise ServerFailed(
                f"the server in {self.home} refuses runfold's login: {exc}",
                hint=f"restore {self.home}/password, the password with which it was created",
            ) from exc

    def _password(self, name: str = "password", *, create: bool = False) -> str:
        path = self.home / name
        try:
            return path.read_text().strip()
        except FileNotFoundError:
            if not create:
                raise ServerFailed(
                    f"{path} is missing, and without it nobody can log in", hint="restore the file"
                ) from None
        except PermissionError:
            raise ServerFailed(
                f"{path} belongs to another system user", hint="run runfold as that user, or set RUNFOLD_HOME"
            ) from None
        password = secrets.token_urlsafe(24)
        _replace(path, password + "\n", 0o600)
        return password

    def _binaries(self) -> Binaries:
        return Binaries(self._bin_dir, self.home, SystemUser.for_data(self.data))

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process at a time start or stop the server; the lock of a killed process is released."""
        try:
            descriptor = os.open(self.home / "lock", os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except PermissionError:
            raise ServerFailed(
                f"{self.home} belongs to another system user", hint="run runfold as that user, or set RUNFOLD_HOME"
            ) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _pids(processes: list[psutil.Process]) -> str:
    return "kill " + " ".join(str(process.pid) for process in processes)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _replace(path: Path, text: str, mode: int) -> None:
    """Write a file completely or not at all."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
