"""runfold works with the oldest and the newest packages of its ranges, and with each Python that is installed here.

Each environment is made by pip from the index, as a user's is, and runs a part of the tests of every room.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

pytestmark = [pytest.mark.large, pytest.mark.process, pytest.mark.database]

PROJECT = Path(__file__).parents[2]
OTHERS = ("3.11", "3.12", "3.13", "3.14")
TOOLS = ["pytest", "pytest-xdist", "hypothesis", "pglast", "pycryptodome", "msgspec", "hatchling", "ruff"]

# A part of each room: where it meets the packages that it imports.
CHOSEN = [
    "tests/events/test_values.py",
    "tests/events/test_vocabulary.py",
    "tests/events/test_judges_agree.py",
    "tests/domain",
    "tests/database/test_connections.py",
    "tests/projections/definition",
    "tests/projections/folding/test_parking.py",
    "tests/projections/user/test_both_forms.py",
    "tests/client/log",
    "tests/client/handles/test_handles.py",
    "tests/client/handles/test_async_handles.py",
    "tests/client/handles/test_values_and_errors.py",
    "tests/eventsourcing/test_application.py",
    "tests/eventsourcing/test_published_cases.py",
    "tests/cli/test_lists.py",
    "tests/cli/test_start.py",
    "tests/cli/test_words.py",
    "tests/cli/test_operating.py",
]
FEW = ["tests/client/log/test_unclosed.py", "tests/client/log/test_async_store.py", "tests/cli/test_lists.py"]


# Where each extra meets its packages.
OF_EXTRAS = {
    "archive": ["tests/archive/test_files.py"],
    "console": ["tests/console/test_api.py", "tests/console/test_guarded.py"],
    "encryption": ["tests/keys/test_encryption.py"],
    "health": ["tests/health/test_endpoints.py"],
    "langchain": ["tests/adapters/test_langchain.py"],
    "langgraph": ["tests/langgraph/test_saver.py", "tests/langgraph/test_store.py"],
    "openai-agents": ["tests/adapters/test_openai_agents.py"],
    "opentelemetry": ["tests/adapters/test_opentelemetry.py"],
    "otlp": ["tests/adapters/test_otlp.py"],
    "sqlalchemy": ["tests/docs/test_modules.py"],
}
# What their tests need beside them.
BESIDE = {
    "console": ["httpx"],
    "langchain": ["langgraph>=1.1,<2"],
    "langgraph": ["cryptography"],
    "otlp": ["opentelemetry-exporter-otlp-proto-http"],
}


def project() -> dict[str, Any]:
    """Return the table `project` of pyproject.toml."""
    return dict(tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"])


def declared() -> list[Requirement]:
    """Return the packages that runfold needs, with their ranges."""
    return [Requirement(text) for text in project()["dependencies"]]


def extras() -> dict[str, list[Requirement]]:
    """Return the packages that each extra needs, with their ranges."""
    needed = project()["optional-dependencies"].items()
    return {extra: [Requirement(text) for text in texts] for extra, texts in needed if extra != "dev"}


def oldest(needed: Requirement) -> str:
    """Return the requirement of the lower end of a range."""
    (lower,) = [one.version for one in needed.specifier if one.operator == ">="]
    extras = f"[{','.join(sorted(needed.extras))}]" if needed.extras else ""
    return f"{needed.name}{extras}=={lower}"


def interpreters() -> dict[str, Path]:
    """Return the Pythons on the PATH, and those behind pyenv's shims (which may choose another), by their versions."""
    found = {}
    for version in OTHERS:
        path = shutil.which(f"python{version}")
        root = Path(path).parents[1] if path else Path.home() / ".pyenv"
        pyenv = sorted(root.glob(f"versions/{version}.*/bin/python"))
        if pyenv or path:
            found[version] = pyenv[-1] if pyenv else Path(str(path))
    return found


Make = Callable[..., Path]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """A function that makes an environment with runfold, once for each choice, and returns its Python."""

    @cache
    def make(python: Path, *packages: str) -> Path:
        folder = tmp_path_factory.mktemp("environment")
        made = folder / "bin" / "python"
        run([python, "-m", "venv", folder])
        run([made, "-m", "pip", "install", "--quiet", *packages, *TOOLS, "--editable", PROJECT])
        return made

    return make


def run(command: list[str | Path]) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(command, cwd=PROJECT, env=kept, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
    return done.stdout


def passed(python: Path, tests: list[str]) -> int:
    """Run tests in an environment, and return how many passed; one that fails fails this one."""
    said = run(
        [python, "-m", "pytest", "-q", "-m", "not large", "-p", "no:cacheprovider", "--numprocesses", "2", *tests]
    )
    (count,) = re.findall(r"(\d+) passed", said)
    return int(count)


def versions(python: Path) -> dict[str, str]:
    said = run([python, "-m", "pip", "list", "--format", "freeze"])
    return dict(line.lower().replace("_", "-").split("==") for line in said.splitlines() if "==" in line)


def test_every_package_has_a_range() -> None:
    for needed in [*declared(), *chain.from_iterable(extras().values())]:
        operators = {one.operator for one in needed.specifier}
        assert operators == {">=", "<"}, f"{needed}: another package of the user's environment may need another version"


def test_the_oldest_packages_of_the_ranges_do(environment: Make) -> None:
    python = environment(Path(sys.executable), *map(oldest, declared()))
    there = versions(python)
    for needed in declared():
        (lower,) = [one.version for one in needed.specifier if one.operator == ">="]
        assert Requirement(f"x=={lower}").specifier.contains(there[needed.name.lower().replace("_", "-")])
    assert passed(python, CHOSEN) > 500


def test_the_newest_packages_of_the_ranges_do(environment: Make) -> None:
    assert passed(environment(Path(sys.executable)), CHOSEN) > 500


@pytest.mark.parametrize("extra", sorted(extras()))
def test_the_oldest_packages_of_an_extra_do(extra: str, environment: Make) -> None:
    needed = extras()[extra]
    python = environment(Path(sys.executable), *map(oldest, needed), *BESIDE.get(extra, []))
    there = versions(python)
    for one in needed:
        assert Requirement(oldest(one)).specifier.contains(there[one.name.lower().replace("_", "-")])
    assert passed(python, OF_EXTRAS[extra]) >= 5


@pytest.mark.parametrize("version", OTHERS)
def test_every_python_that_is_installed_does(version: str, environment: Make) -> None:
    if (python := interpreters().get(version)) is None:
        pytest.skip(f"Python {version} is not installed")
    assert passed(environment(python), FEW) > 50


def test_control_a_package_below_its_range_is_found(environment: Make) -> None:
    python = environment(Path(sys.executable), *map(oldest, declared()))
    run([python, "-m", "pip", "install", "--quiet", "--no-deps", "pydantic==2.0", "pydantic-core==2.0.1"])
    with pytest.raises(AssertionError, match="StringConstraints"):
        passed(python, ["tests/events/test_values.py"])
