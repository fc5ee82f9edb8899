"""The wheel is the product: it is built, installed away from the source tree, and does the main work from there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from hatchling.build import build_editable
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from runfold.database.server import EmbeddedServer
from tests.fixtures.servers import remove
from tests.interop.xes_files import trace_of, write_log

pytestmark = pytest.mark.process

PROJECT = Path(__file__).parents[2]
PACKAGE = PROJECT / "src" / "runfold"
DEVELOPERS_ONLY = ("generate_sync.py", "database/sources/")


# -- the wheel, and a place without the source tree -------------------------------------------------------------------


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the source tree, built with installed tools, without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    pip(sys.executable, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, PROJECT)
    (built,) = folder.iterdir()
    return built


@dataclass(frozen=True)
class Installed:
    """A virtual environment with the wheel in it, and an empty home."""

    environment: Path
    home: Path
    postgres_bin: Path

    def python(self, *arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return self._run(self.environment / "bin" / "python", *arguments, cwd=cwd)

    def runfold(self, *arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """The console script."""
        return self._run(self.environment / "bin" / "runfold", *arguments, cwd=cwd)

    def _run(self, *command: str | Path, cwd: Path | None) -> subprocess.CompletedProcess[str]:
        variables = {"HOME": str(self.home), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "COLUMNS": "100"}
        if "RUNFOLD_POSTGRES_BIN" in os.environ:
            variables["RUNFOLD_POSTGRES_BIN"] = str(self.postgres_bin)
        return subprocess.run(command, cwd=cwd or self.home, env=variables, capture_output=True, text=True)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory, postgres_bin: Path) -> Installed:
    """The wheel in an environment with only its declared dependencies."""
    folder = tmp_path_factory.mktemp("installed")
    environment, home = folder / "environment", folder / "home"
    home.mkdir()
    venv.create(environment, with_pip=False)
    made = Installed(environment, home, postgres_bin)
    site_packages = Path(made.python("-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip())
    pip(sys.executable, "--python", environment / "bin" / "python", "install", "--no-deps", wheel)
    for each in declared_dependencies():
        link(each, site_packages)
    return made


def pip(python: str | Path, *arguments: str | Path) -> None:
    command = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", "--isolated", *arguments]
    done = subprocess.run([*command, "--no-index"], cwd="/", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def declared_dependencies() -> Iterator[Distribution]:
    """Yield what pip would install with runfold, without the extras for developers."""
    waiting, seen = [Requirement("runfold")], set()
    while waiting:
        requirement = waiting.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        found = distribution(requirement.name)
        if key[0] != "runfold":
            yield found
        for text in found.requires or ():
            needed = Requirement(text)
            marker = needed.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *requirement.extras)):
                waiting.append(needed)


def link(found: Distribution, site_packages: Path) -> None:
    """Make a distribution visible in another environment."""
    for name in {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}:
        if not (target := site_packages / name).exists():
            target.symlink_to(Path(str(found.locate_file(name))))
    for file in found.files or ():
        if file.parent.name == "bin" and file.parts[0] == "..":
            target = site_packages.parents[2] / "bin" / file.name
            if not target.exists():
                target.symlink_to(Path(str(file.locate())).resolve())


def project_files(folder: Path) -> set[str]:
    """Return the files of a folder of the source tree, without those that Python and editors leave there."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }


# -- what it carries --------------------------------------------------------------------------------------------------


def test_the_wheel_carries_every_file_of_the_product(wheel: Path) -> None:
    files = {name for name in project_files(PACKAGE) if not name.startswith(DEVELOPERS_ONLY)}
    wanted = {f"runfold/{name}": PACKAGE / name for name in files}
    for target, folder in (("_migrations", "schema/migrations"), ("_projections", "projections")):
        files = project_files(PROJECT / folder)
        assert files, f"{folder}/ is empty: this test would check nothing"
        wanted |= {f"runfold/{target}/{name}": PROJECT / folder / name for name in files}
    assert [name for name in wanted if name.endswith("/queries.sql")], "no runtime SQL was looked for"
    with zipfile.ZipFile(wheel) as archive:
        carried = [name for name in archive.namelist() if ".dist-info/" not in name]
        assert sorted(carried) == sorted(wanted)
        for name in carried:
            assert archive.read(name) == wanted[name].read_bytes(), name


def test_an_editable_install_reads_the_source_tree_and_copies_nothing(tmp_path: Path) -> None:
    with chdir(PROJECT):
        name = build_editable(str(tmp_path))
    with zipfile.ZipFile(tmp_path / name) as archive:
        (pointer,) = [name for name in archive.namelist() if ".dist-info/" not in name]
        assert archive.read(pointer).decode().split() == [str(PROJECT / "src")]


# -- what it does -----------------------------------------------------------------------------------------------------


WHERE_FROM = """
import importlib.metadata, json, sys, runfold
from runfold.settings import projections_dir, migrations_dir

folders = [str(migrations_dir()), str(projections_dir())]
print(json.dumps([runfold.__file__, *folders, sys.path, importlib.metadata.version("runfold")]))
"""

ASYNC_READ = """
import asyncio, runfold

async def main():
    async with await runfold.connect_async() as store:
        print(len(await store.read_all()))

asyncio.run(main())
"""


def test_the_installed_wheel_is_what_is_imported(installed: Installed) -> None:
    ran = installed.python("-c", WHERE_FROM)
    assert ran.returncode == 0, ran.stderr
    module, migrations, projections, path, version = json.loads(ran.stdout)
    for each in (module, migrations, projections):
        assert Path(each).is_relative_to(installed.environment)
    assert not [entry for entry in path if Path(entry or "/").is_relative_to(PROJECT)]
    assert version == distribution("runfold").version


def test_only_declared_dependencies_are_there(installed: Installed) -> None:
    """Therefore what runs here needs nothing else: pytest, which is installed beside the source tree, is missing."""
    assert installed.python("-c", "import psycopg_pool").returncode == 0
    away = installed.python("-c", "import pytest")
    assert "ModuleNotFoundError" in away.stderr


def test_the_main_job_is_done_from_the_wheel(installed: Installed, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    traces = [trace_of(f"case {n}", ("a", "START"), ("a", "COMPLETE"), ("b", "COMPLETE")) for n in range(5)]
    log = write_log(tmp_path / "small.xes", traces)
    try:
        for arguments in (
            ["migrate"],
            ["import", "xes", log],
            ["worker", "--once"],
            ["projection", "verify"],
            ["migrate", "--check"],
        ):
            ran = installed.runfold(*arguments, cwd=folder)
            assert ran.returncode == 0, (arguments, ran.stdout, ran.stderr)
        listed = installed.runfold("execution", "list", "--json", cwd=folder)
        assert listed.returncode == 0, listed.stderr
        assert len(json.loads(listed.stdout)) == 5
        through = installed.python("-c", ASYNC_READ, cwd=folder)
        assert through.returncode == 0, through.stderr
        assert int(through.stdout) > 15
        stopped = installed.python("-m", "runfold", "db", "stop", "--json", cwd=folder)
        assert json.loads(stopped.stdout) == {"stopped": True}
    finally:
        remove(EmbeddedServer(folder / ".runfold", installed.postgres_bin))
    assert [path.name for path in folder.iterdir()] == [], "something else than .runfold/ was written"
    assert list(installed.home.iterdir()) == [], "something was written into the home"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["projection", "verify", "--help"], 0),
        ([], None),
        (["nonsense"], 2),
        (["migrate", "--nonsense"], 2),
        (["--url", "postgresql://u@127.0.0.1:1/x", "migrate", "--check"], 1),
        (["--url", "postgresql://u@127.0.0.1:1/x", "status", "--json"], 1),
    ],
    ids=lambda part: " ".join(part) or "nothing" if isinstance(part, list) else "",
)
def test_the_module_and_the_console_script_agree(installed: Installed, arguments: list[str], code: int | None) -> None:
    module = installed.python("-m", "runfold", *arguments)
    script = installed.runfold(*arguments)
    assert (module.returncode, module.stdout, module.stderr) == (script.returncode, script.stdout, script.stderr)
    assert module.stdout or module.stderr
    if code is not None:
        assert module.returncode == code
