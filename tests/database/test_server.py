"""The embedded server starts by itself, is shared, survives kills, and works for every system user."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import psycopg
import pytest
from psycopg import pq

from runfold.database.server import EmbeddedServer
from runfold.errors import ServerFailed
from tests.fixtures.servers import PrivateServerFactory, is_running, remove, sigkill

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who runs servers as another system user")
START = (
    "import sys; from pathlib import Path; from runfold.database.server import EmbeddedServer as S; "
    "s = S(Path(sys.argv[1]), Path(sys.argv[2]), settings={'fsync': 'off', 'shared_buffers': '32MB'}); "
    "print(s.start(), s.postmaster_pid())"
)


def value(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()  # type: ignore[arg-type]
        assert row is not None
        return row[0]


def start_elsewhere(server: EmbeddedServer, postgres_bin: Path, *prefix: str) -> subprocess.Popen[str]:
    """Start the same server from another process."""
    command = [*prefix, sys.executable, "-c", START, str(server.home), str(postgres_bin)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, cwd="/"
    )


def test_a_started_server_is_reached_by_socket_and_by_port_with_its_password_only(
    tmp_path: Path, postgres_bin: Path
) -> None:
    server = EmbeddedServer(tmp_path / "home", postgres_bin)
    try:
        server.start()
        check_doors(server)
    finally:
        remove(server)


def check_doors(server: EmbeddedServer) -> None:
    assert value(server.url, "SELECT current_user || current_database()") == "runfoldrunfold"
    assert value(server.socket_url, "SELECT inet_client_addr() IS NULL") is True
    assert value(server.url, "SHOW fsync") == "on"
    assert value(server.url, "SHOW synchronous_commit") == "on"
    assert value(server.url, "SHOW password_encryption") == "scram-sha-256"
    assert stat.S_IMODE((server.home / "password").stat().st_mode) == 0o600
    for url in (server.url, server.socket_url):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url.replace(server._password(), "wrong"))
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url.replace(":" + server._password(), ""))
    assert value(server.url, "SELECT count(*) FROM pg_hba_file_rules WHERE auth_method <> 'scram-sha-256'") == 0


def test_stop_ends_the_server_and_start_brings_its_data_back(private_server: PrivateServerFactory) -> None:
    server = private_server()
    url = server.url
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    assert server.stop()
    assert not is_running(server)
    assert server.postmaster_pid() is None
    assert not server.stop(), "a second stop finds nothing"
    assert server.start() == url, "the port and the password are kept"
    assert value(url, "SELECT n FROM kept") == 1


def test_a_killed_server_is_started_again_and_loses_nothing_it_acknowledged(
    private_server: PrivateServerFactory,
) -> None:
    server = private_server()
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        for cycle in range(3):
            connection.execute("INSERT INTO kept VALUES (%s)", [cycle])
            sigkill(server)
            assert not is_running(server)
            server.start()
            assert value(server.url, "SELECT count(*) FROM kept") == cycle + 1
            connection = psycopg.connect(server.url, autocommit=True)  # noqa: PLW2901
        connection.close()


def test_a_zombie_is_not_taken_for_a_running_server(private_server: PrivateServerFactory, postgres_bin: Path) -> None:
    server = private_server()
    pid = server.postmaster_pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:  # nobody reaps it: it is this process's child
        time.sleep(0.005)
    another = EmbeddedServer(server.home, postgres_bin)
    assert another.postmaster_pid() is None
    another.start()
    assert another.postmaster_pid() not in (None, pid)


def test_a_pid_that_lives_again_as_somebody_else_does_not_block_the_start(
    private_server: PrivateServerFactory,
) -> None:
    server = private_server()
    owner = server.data.stat()
    pid_file = server.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    sigkill(server)
    # PostgreSQL alone refuses: the process lives and belongs to its own system user.
    switch = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    somebody = subprocess.Popen(["sleep", "60"], **switch)  # type: ignore[call-overload]
    try:
        pid_file.write_text("\n".join([str(somebody.pid), *lines[1:]]) + "\n")
        os.chown(pid_file, owner.st_uid, owner.st_gid)
        assert server.postmaster_pid() is None
        server.start()
        assert value(server.url, "SELECT 1") == 1
        assert somebody.poll() is None, "and nobody else's process was touched"
    finally:
        somebody.kill()
        somebody.wait()


def test_a_backend_that_outlives_its_killed_server_is_waited_for(private_server: PrivateServerFactory) -> None:
    server = private_server()
    with psycopg.connect(server.url) as connection:
        backend = connection.info.backend_pid
        os.kill(backend, signal.SIGSTOP)  # it cannot notice
        sigkill(server)
        assert psutil.pid_exists(backend)
        restart = subprocess.Popen(
            [sys.executable, "-c", START, str(server.home), str(server._bin_dir)],
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(0.8)
        assert restart.poll() is None, "two servers on one data folder would destroy it"
        os.kill(backend, signal.SIGCONT)
        assert restart.wait(30) == 0
    assert value(server.url, "SELECT 1") == 1


def test_processes_that_start_at_once_share_one_server(
    private_server: PrivateServerFactory, postgres_bin: Path
) -> None:
    server = private_server(start=False)
    starters = [start_elsewhere(server, postgres_bin) for _ in range(3)]
    answers = {starter.communicate(timeout=60)[0].strip() for starter in starters}
    assert len(answers) == 1
    assert answers == {f"{server.start()} {server.postmaster_pid()}"}


@pytest.mark.parametrize("appears", ["data.new-*", "data.new-*/global/pg_control", "data", "data/postmaster.pid"])
def test_a_start_that_was_killed_can_be_started_again(
    private_server: PrivateServerFactory, postgres_bin: Path, appears: str
) -> None:
    server = private_server(start=False)
    starter = start_elsewhere(server, postgres_bin)
    while not list(server.home.glob(appears)):
        assert starter.poll() is None
        time.sleep(0.001)
    os.killpg(starter.pid, signal.SIGKILL)
    starter.communicate()
    server.start()
    assert value(server.url, "SELECT current_database()") == "runfold"
    assert not list(server.home.glob("data.new-*"))


def test_a_password_that_a_killed_first_start_left_is_removed(private_server: PrivateServerFactory) -> None:
    server = private_server()
    server.stop()
    left = server.home / "data.new-left.password"  # as after a kill when the data folder has just got its name
    left.write_text("secret")
    server.start()
    assert not left.exists()


def test_a_folder_with_spaces_quotes_and_dollars_will_do(
    private_server: PrivateServerFactory, tmp_path_factory: pytest.TempPathFactory
) -> None:
    server = private_server(home=tmp_path_factory.mktemp("odd") / "sp ace 'q' \"Q\" $HOME `id` ü")
    assert value(server.url, "SELECT 1") == 1
    assert value(server.socket_url, "SELECT 1") == 1
    assert "/tmp/runfold-" not in server.socket_url.replace("%2F", "/")


@pytest.mark.parametrize("name", ["long" * 40, "a, comma"])
def test_a_path_that_no_socket_can_have_will_do(
    private_server: PrivateServerFactory, tmp_path: Path, name: str
) -> None:
    server = private_server(home=tmp_path / name)
    assert value(server.url, "SELECT 1") == 1
    assert value(server.socket_url, "SELECT 1") == 1
    folder = server.socket_dir()
    assert folder.parent == Path("/tmp")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_socket_folder_planted_by_somebody_else_is_refused(
    private_server: PrivateServerFactory, tmp_path: Path
) -> None:
    server = private_server(home=tmp_path / ("long" * 40), start=False)
    server.socket_dir().symlink_to(tmp_path)
    try:
        with pytest.raises(ServerFailed, match="belongs to another system user"):
            server.start()
    finally:
        server.socket_dir().unlink()


def test_a_port_that_was_taken_meanwhile_is_replaced(private_server: PrivateServerFactory) -> None:
    server = private_server()
    port = server.port
    server.stop()
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", port))
        thief.listen()
        server.start()
        assert server.port != port
        assert value(server.url, "SELECT 1") == 1


def test_recovery_is_waited_for_however_long_it_takes(
    private_server: PrivateServerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = private_server(start=False)
    naps: list[float] = []
    answers = iter([pq.Ping.REJECT] * 600)
    truth = server._ping
    monkeypatch.setattr(server, "_ping", lambda: next(answers, None) or truth())
    monkeypatch.setattr("runfold.database.server.time.sleep", naps.append)
    server.start()
    assert sum(naps) > 500


def test_a_server_that_can_not_start_says_why(private_server: PrivateServerFactory) -> None:
    server = private_server(settings={"shared_buffers": "nonsense"}, start=False)
    with pytest.raises(ServerFailed, match="nonsense"):
        server.start()


def test_data_of_another_major_version_is_refused(private_server: PrivateServerFactory, tmp_path: Path) -> None:
    server = private_server()
    server.stop()
    (server.data / "PG_VERSION").write_text("14\n")
    with pytest.raises(ServerFailed, match=r"PostgreSQL 14 created .*RUNFOLD_POSTGRES_BIN"):
        server.start()


def test_postgres_settings_of_the_caller_do_not_steer_the_server(
    private_server: PrivateServerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, setting in {"PGDATA": "/nowhere", "PGPORT": "1", "PGHOST": "nowhere", "PGUSER": "nobody"}.items():
        monkeypatch.setenv(name, setting)
    assert value(private_server().url, "SELECT 1") == 1


# Requested before private_server, these outlive its servers.
@pytest.fixture
def plain_home() -> Iterator[Path]:
    """A folder of the plain user `nobody`."""
    with TemporaryDirectory(dir="/var/tmp") as folder:
        account = pwd.getpwnam("nobody")
        os.chown(folder, account.pw_uid, account.pw_gid)
        yield Path(folder) / "home"


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that every user can read, unlike pytest's own."""
    with TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@AS_ROOT
def test_root_runs_the_server_as_another_user_and_opens_no_folder_for_it(
    private_server: PrivateServerFactory, tmp_path: Path
) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    server = private_server(home=private / "home")
    pid = server.postmaster_pid()
    assert pid is not None
    assert psutil.Process(pid).uids().effective != 0
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert (server.home / "password").stat().st_uid == 0


@AS_ROOT
def test_root_without_setpriv_is_served_where_the_other_user_can_read_and_told_where_not(
    public_folder: Path, private_server: PrivateServerFactory, postgres_bin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    closed = public_folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(ServerFailed, match=r"cannot read .*setpriv"):
        private_server(home=closed / "home")
    account = pwd.getpwnam("nobody")
    try:
        subprocess.run([postgres_bin / "postgres", "--version"], user=account.pw_uid, check=True)
    except (PermissionError, subprocess.CalledProcessError):
        pytest.skip("the binaries are closed to other users here")
    server = private_server(home=public_folder / "open", start=False)
    server.start()
    assert value(server.url, "SELECT 1") == 1


@AS_ROOT
def test_a_plain_user_runs_the_server_and_root_shares_it(
    plain_home: Path, private_server: PrivateServerFactory, postgres_bin: Path
) -> None:
    account = pwd.getpwnam("nobody")
    # The capability to read lets that user reach this Python and these binaries, wherever they are; it is no root.
    as_nobody = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups",
                 "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]  # fmt: skip
    server = private_server(home=plain_home, start=False)
    starter = start_elsewhere(server, postgres_bin, *as_nobody)
    said, complaint = starter.communicate(timeout=60)
    assert starter.returncode == 0, complaint
    pid = server.postmaster_pid()
    assert pid is not None
    assert psutil.Process(pid).uids().effective == account.pw_uid
    assert server.start() == said.split()[0], "root finds it running"
    assert server.postmaster_pid() == pid
    sigkill(server)
    server.start()
    pid = server.postmaster_pid()
    assert pid is not None
    assert psutil.Process(pid).uids().effective == account.pw_uid, "root starts it as the data's owner"
