"""What every page shares: the templates, the frame's facts, and who looks."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from runfold.console import words
from runfold.console.database import Database
from runfold.console.links import Links
from runfold.console.options import Options
from runfold.console.signing_in import COOKIE, OPERATOR, Tokens, Viewer
from runfold.console.trust import TrustKeeper
from runfold.console.values import cut, json_value
from runfold.errors import RunfoldError

PAGES = (
    ("executions", "Executions", False),
    ("inbox", "Inbox", False),
    ("stuck", "Stuck", True),
    ("workflows", "Workflows", False),
    ("projections", "Projections", True),
    ("log", "Log", True),
    ("growth", "Growth", True),
)
"""The pages of the navigation: address, name, and whether operators alone have them."""
STORE_PAGES = frozenset({"projections", "log", "growth"})
THEME = "runfold_theme"


class SignInNeeded(RunfoldError):
    """Sign in with a token first."""

    code = "sign_in_needed"


class NoSuchPage(RunfoldError):
    """There is no such page: begin at the list of executions."""

    code = "no_such_page"


@dataclass(frozen=True)
class Frame:
    """The parts of a running console."""

    options: Options
    links: Links
    database: Database
    trust: TrustKeeper
    tokens: Tokens | None

    def viewer(self, request: Request) -> Viewer:
        """Return who looks; raises SignInNeeded."""
        if self.tokens is None:
            return OPERATOR
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        found = self.tokens.viewer_of(bearer or request.cookies.get(COOKIE, ""))
        if found is None:
            raise SignInNeeded
        return found

    def operator(self, request: Request) -> Viewer:
        """Return the operator who looks; for others the page does not exist."""
        viewer = self.viewer(request)
        if not viewer.operates:
            raise NoSuchPage
        return viewer

    def page(
        self, request: Request, template: str, *, active: str, status_code: int = 200, **facts: Any
    ) -> HTMLResponse:
        """Return a whole page."""
        viewer: Viewer | None
        try:
            viewer = self.viewer(request)
        except RunfoldError:
            viewer = None
        trust = self.trust.current()
        text = (
            templates()
            .get_template(template)
            .render(
                links=self.links,
                request_query=dict(request.query_params),
                viewer=viewer,
                pages=[page for page in PAGES if viewer is not None and (viewer.operates or not page[2])],
                store_pages=STORE_PAGES,
                active=active,
                trust=trust,
                now=time.time() * 1000,
                theme=theme_of(request),
                **facts,
            )
        )
        response = HTMLResponse(text, status_code)
        response.headers["vary"] = "Cookie"
        return response

    def part(self, template: str, **facts: Any) -> str:
        """Return a part of a page."""
        return templates().get_template(template).render(links=self.links, now=time.time() * 1000, **facts)


def theme_of(request: Request) -> str | None:
    """Return the theme that the viewer chose, None for the system's."""
    chosen = request.cookies.get(THEME)
    return chosen if chosen in ("dark", "light") else None


@cache
def templates() -> jinja2.Environment:
    """Return the templates; every text in them is escaped."""
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("runfold.console"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "took": words.took,
        "clock": words.clock,
        "day": words.day,
        "date_clock": words.date_clock,
        "count": words.count,
        "size": words.size,
        "visible": words.visible,
        "json": json_value,
        "cut": cut,
    }
    found.globals |= {"sign": words.sign, "ago": words.ago, "Markup": Markup}
    return found
