"""Every how-to works for those whom it is for: code as an engine, commands as the page of roles says, SQL as the owner.

The owner is no superuser, and no command but `migrate` is run by it.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from tests.cli.test_documented_roles import ROLES
from tests.docs.pages import DOCS, blocks
from tests.docs.running import Runner
from tests.docs.test_code_blocks import GIVEN, LANGUAGES, NOT_RUN, named
from tests.fixtures.owned import LOGINS, OWNER, PASSWORD, Owned

# What a page's code needs besides an engine's role, as the page says.
ALSO = {
    "edit-workflows": "GRANT runfold_operator, runfold_gateway TO {}",
    "record-model-calls-and-costs": "GRANT runfold_operator, runfold_gateway TO {}",
    "serve-tenants": "GRANT runfold_operator, runfold_gateway TO {}",
    "emit-events": "GRANT runfold_operator TO {}",
    "export-and-import-events": "GRANT runfold_operator TO {}",
    "run-an-eventsourcing-application": "GRANT runfold_operator TO {0}; GRANT CREATE ON SCHEMA public TO {0}",
}
# These pages need pgvector, which a superuser has to create: test_code_blocks.py runs them.
WITH_VECTORS = {"search", "use-langgraph"}
# The SQL of these pages is about tables that the application made.
OWN_TABLES = {"run-an-eventsourcing-application"}
APPLICATION = "an_application"

HOW_TOS = [
    page
    for page in sorted((DOCS / "how-to").glob("*.md"))
    if blocks(page, *LANGUAGES) and page.stem not in WITH_VECTORS and page not in NOT_RUN
]


class RolesRunner(Runner):
    """Runs each block as the role that it is for."""

    def __init__(self, owned: Owned, folder: Path, ended: ExitStack) -> None:
        super().__init__(owned.login(OWNER), folder, ended)
        self.owned = owned
        self.administrator = owned.superuser
        self.sql_as = self.url

    def _run_sql(self, text: str) -> None:
        owners, self.url = self.url, self.sql_as
        try:
            super()._run_sql(text)
        finally:
            self.url = owners

    def url_of(self, words: list[str]) -> str:
        """The login of the first role that the page of roles names for the command; else the owner's."""
        line = " ".join(words[1:])
        best = max((command for command in ROLES if _is(line, command)), key=len, default=None)
        if best is None:
            return self.url
        return self.owned.login(LOGINS[min(ROLES[best])])


def _is(line: str, command: str) -> bool:
    """Whether a line is this command, with the option that the page lists with it."""
    name, _, option = command.partition(" --")
    return f"{line} ".startswith(f"{name} ") and (not option or f"--{option}" in line.split())


@pytest.mark.parametrize("page", HOW_TOS, ids=named)
def test_a_how_to_works_for_the_roles_that_it_is_for(
    page: Path, owned: Owned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = owned.another(page.stem.replace("-", "_"))
    monkeypatch.chdir(tmp_path)
    login = LOGINS["runfold_engine"]
    if page.stem in ALSO:
        login = f"{APPLICATION}_{page.stem.replace('-', '_')}"
        with psycopg.connect(own.login(OWNER), autocommit=True) as owner:
            owner.execute(f"CREATE ROLE {login} LOGIN PASSWORD '{PASSWORD}' IN ROLE runfold_engine")
            owner.execute(ALSO[page.stem].format(login))
    monkeypatch.setenv("RUNFOLD_DATABASE_URL", own.login(login))
    if page in GIVEN:
        GIVEN[page](own.superuser)
    with ExitStack() as ended:
        runner = RolesRunner(own, tmp_path, ended)
        if page.stem in OWN_TABLES:
            runner.sql_as = own.login(login)
        for block in blocks(page, *LANGUAGES):
            runner.run(block)


def test_control_a_command_as_the_wrong_role_fails_its_page(owned: Owned, tmp_path: Path) -> None:
    page = DOCS / "how-to" / "rebuild-and-verify.md"
    own = owned.another("control")
    with psycopg.connect(own.superuser, autocommit=True) as connection:
        connection.execute("REVOKE SELECT (deployment_config) ON public.workflows FROM runfold_projector")
    with ExitStack() as ended:
        runner = RolesRunner(own, tmp_path, ended)
        (first, *_) = [block for block in blocks(page, "console") if "rebuild" in block.text]
        with pytest.raises(AssertionError, match="permission denied for table workflows"):
            runner.run(first)
