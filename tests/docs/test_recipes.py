"""The recipes of CONTRIBUTING.md, followed in a copy of the tree: each file that they name is edited, and no other.

What the generators write is not edited by hand. Then a database is migrated, an event appended and folded by the copy's
code, and the row compared with the copy's reference model.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GENERATED = (
    "schema/generated/",
    "schema/migrations/",
    "src/runfold/client/sync/",
    "schema/tables/",
    "src/runfold/projections/definition/types_by_machine.json",
)
COPIED = ("src", "schema", "projections", "tests", "pyproject.toml")

Edits = Mapping[str, Callable[[str], str]]


def after(mark: str, added: str) -> Callable[[str], str]:
    """An edit: what is added follows the mark, which is there once."""
    return lambda text: replaced(text, mark, mark + added)


def replaced(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
    return text.replace(old, new)


EVENT: Edits = {
    "src/runfold/events/execution.py": after(
        "    end_time: EpochMs\n    error_data: GivenJson\n\n\n",
        '''class NodeTimedOut(NodeEvent, moves=NODE.to("ERROR", by="time_out")):
    """The activation ended because its time ran out."""

    end_time: EpochMs
    reason: Text | None = None


''',
    ),
    "src/runfold/domain/execution.py": after(
        "    # Pauses\n\n",
        '''\
    def time_out_node(
        self, activation: str, reason: str | None = None, *, end_time: int | None = None, attempt: int | None = None
    ) -> Self:
        """End the activation because its time ran out."""
        node = self._check_node(activation, "time_out", "ERROR", attempt)
        return self._with(
            events.NodeTimedOut(
                activation=activation, node_id=node.node_id, end_time=or_now_ms(end_time), reason=reason
            )
        )

''',
    ),
    "src/runfold/client/aio/node.py": after(
        "        await self._record(Execution.fail_node, _error_data(error), end_time=end_time)\n\n",
        '''    async def time_out(self, reason: str | None = None, *, end_time: int | None = None) -> None:
        """End the activation because its time ran out."""
        await self._do(Execution.time_out_node, reason, end_time=end_time)

''',
    ),
    "tests/model/nodes.py": after('    "NodeFailed": "ERROR",\n', '    "NodeTimedOut": "ERROR",\n'),
    "tests/model/payloads.py": after(
        '    "NodeFailed": ({"node_id": node_id, "end_time": milliseconds, "error_data": json_value},'
        ' {"attempt": attempt}),\n',
        '    "NodeTimedOut": ({"node_id": node_id, "end_time": milliseconds}, {"reason": label}),\n',
    ),
    "tests/client/handles/test_bad_input.py": after(
        '    events.NodeFailed: (NODE.fail_node, {"node_id"}),\n',
        '    events.NodeTimedOut: (NODE.time_out_node, {"node_id"}),\n',
    ),
}
"""NodeTimedOut: a class, its command, the handle's method, and what the tests say of them by themselves."""

FIELD: Edits = {
    "src/runfold/events/execution.py": lambda text: after(
        '    """The execution that this one does again."""\n', '    budget: int | None\n    """In cents."""\n'
    )(after("    retry_of: Name | None = None\n", "    budget: Count | None = None\n")(text)),
    "schema/tables/workflow_executions.sql": after("    retry_of varchar(255),\n", "    budget integer,\n"),
    "projections/workflow_executions.sql": lambda text: replaced(
        replaced(text, "       retry_of, workflow_version,", "       retry_of, budget, workflow_version,"),
        "f.created ->> 'retry_of', f.created ->> 'workflow_version',",
        "f.created ->> 'retry_of', (f.created ->> 'budget')::integer, f.created ->> 'workflow_version',",
    ),
    "tests/model/executions.py": after(
        '        "retry_of": data.get("retry_of"),\n', '        "budget": data.get("budget"),\n'
    ),
    "tests/model/payloads.py": after(
        '            "retry_of": one_of(*EXECUTION_IDS),\n', '            "budget": one_of(100, 0),\n'
    ),
}
"""`budget` of ExecutionCreated: the field and the parameter, a column, its fold, and the model's words for it."""

# Appends by the handles, folds, and compares every table with the reference model.
LIVE = """
import sys
from uuid import UUID

import psycopg

import runfold
from runfold.errors import IllegalTransition
from tests.fixtures.processes import drain
from tests.model import reference
from tests.model.compare import assert_tables_equal, read_tables
from tests.model.tables import Recorded

url = sys.argv[1]
with runfold.connect(url) as store:
    store.workflow = UUID(int=9, version=4)
    {commands}
    events = store.read_all()
drain(url)
expected = reference.fold(
    Recorded(**{{name: getattr(event, name) for name in Recorded.__dataclass_fields__}}) for event in events
)
with psycopg.connect(url, autocommit=True) as connection:
    {facts}
    assert_tables_equal(expected, read_tables(connection))
"""


class Copy:
    """A copy of the tree, in which a recipe is followed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in COPIED:
            source, target = ROOT / name, folder / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
            else:
                shutil.copy(source, target)

    def edit(self, edits: Edits) -> None:
        for name, change in edits.items():
            path = self.folder / name
            path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")

    def run(self, *words: str) -> str:
        """Run Python on the copy's modules, as a user would in it."""
        path = os.pathsep.join([str(self.folder / "src"), str(self.folder)])
        done = subprocess.run(
            [sys.executable, "-W", "ignore::RuntimeWarning", *words],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def generate(self, migration: str, server_url: str) -> None:
        """Run the generators: `make generated sync`, and `make migration NAME=...`."""
        self.run("-m", "runfold.events.sql", "--write", "schema/generated")
        self.run("src/runfold/generate_sync.py", "--write")
        said = self.run("-m", "runfold.database.sources", "--migration", migration, "--url", server_url)
        assert f"_{migration}.sql" in said
        assert "for you to write" not in said

    def changed(self) -> set[str]:
        """The files that are not what they are in the tree."""
        files = {path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file()}
        return {
            name
            for name in files
            if "__pycache__" not in name
            and not ((ROOT / name).is_file() and (ROOT / name).read_bytes() == (self.folder / name).read_bytes())
        }


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path / "runfold")


def recipe(title: str) -> set[str]:
    """The files that a recipe of CONTRIBUTING.md names in its table."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (section,) = re.findall(rf"^## Recipe: {title}\n(.*?)(?=^## )", page, re.DOTALL | re.MULTILINE)
    return set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))


def by_hand(copy: Copy, edits: Edits) -> set[str]:
    """The files that were touched and that no generator wrote."""
    return {name for name in copy.changed() if name in edits or not name.startswith(GENERATED)}


def test_the_recipe_for_an_event_is_complete(copy: Copy, server_url: str, empty_database_url: str) -> None:
    copy.edit(EVENT)
    copy.generate("add_node_timed_out", server_url)
    assert by_hand(copy, EVENT) == set(EVENT) == recipe("add an event")
    assert len(EVENT) <= 6
    copy.run("-m", "runfold", "--url", empty_database_url, "migrate")
    copy.run(
        "-c",
        LIVE.format(
            commands="""
    run = store.executions.create(workflow_id=store.workflow, mode="MANUAL", execution_id="e", start=True)
    node = run.node("n", node_type="ACTION")
    node.start()
    node.time_out("an hour is over")
    assert node.status == "ERROR"
    try:
        node.time_out()
    except IllegalTransition as refused:
        assert refused.command == "time_out"
    else:
        raise AssertionError("it had ended")""",
            facts="""assert connection.execute("SELECT status FROM node_executions").fetchall() == [("ERROR",)]""",
        ),
        empty_database_url,
    )
    copy.run(
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/events/test_effects.py"),
        *("tests/domain/test_command_names.py", "tests/domain/test_folds_follow_the_classes.py"),
        *("tests/client/handles/test_bad_input.py", "-k", "NodeTimedOut or event or command or fold or status"),
    )


def test_the_recipe_for_a_field_is_complete(copy: Copy, server_url: str, empty_database_url: str) -> None:
    copy.edit(FIELD)
    copy.generate("add_budget", server_url)
    assert by_hand(copy, FIELD) == set(FIELD) == recipe("add a field")
    assert len(FIELD) <= 5
    copy.run("-m", "runfold", "--url", empty_database_url, "migrate")
    copy.run(
        "-c",
        LIVE.format(
            commands="""
    store.executions.create(workflow_id=store.workflow, mode="MANUAL", execution_id="e", budget=250)
    store.executions.create(workflow_id=store.workflow, mode="MANUAL", execution_id="f")""",
            facts="""assert set(connection.execute("SELECT budget FROM workflow_executions")) == {(250,), (None,)}""",
        ),
        empty_database_url,
    )
    copy.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/events/test_shared_parameters.py")


def test_control_an_edit_that_a_recipe_does_not_name_is_noticed(copy: Copy) -> None:
    copy.edit({**EVENT, "src/runfold/cli/words.py": lambda text: text + "\n"})
    assert by_hand(copy, EVENT) - set(EVENT) == {"src/runfold/cli/words.py"}
