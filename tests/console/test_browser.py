"""In Chromium: no page has a violation of its policy or of accessibility, and everything works by keys.

It needs Debian's `chromium`, and npm for axe-core.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from runfold.console.app import build
from runfold.console.options import Options
from runfold.projections.definition.catalogue import load_catalogue
from runfold.settings import Settings

pytestmark = pytest.mark.large

CHROMIUM = shutil.which("chromium")
AXE = "axe-core@4.14.1"
SIZES = ((1280, 800), (1920, 1080), (390, 844))
PAGES = (
    "/executions",
    "/executions/claim-2",
    "/executions/claim-2?event=30",
    "/executions/claim-3",
    "/executions/large-1",
    "/executions/claim-1/diff/claim-2",
    "/inbox",
    "/stuck",
    "/workflows",
    "/projections",
    "/log",
    "/growth",
    "/executions/none",
)


@pytest.fixture(scope="module")
def address(filled: str) -> Iterator[str]:
    """The address of a console that is served."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        app = build(filled, Settings(), load_catalogue(), Options(port=port))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium."""
    if CHROMIUM is None:
        pytest.fail("these tests drive Debian's Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script of axe-core."""
    folder = tmp_path_factory.mktemp("axe")
    packed = subprocess.run(["npm", "pack", "--silent", AXE], cwd=folder, check=True, capture_output=True, text=True)
    with tarfile.open(folder / packed.stdout.strip()) as archive:
        archive.extract("package/axe.min.js", folder, filter="data")
    return Path(folder, "package", "axe.min.js").read_text()


class Seen:
    """A page in a browser, and what its console said."""

    def __init__(self, browser: Any, address: str, path: str, *, size: tuple[int, int], theme: str) -> None:
        self.context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=theme, bypass_csp=False
        )
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.page.on("console", lambda m: self.said.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.goto(address + path)

    def __enter__(self) -> Seen:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("path", PAGES)
def test_no_page_violates_anything(browser: Any, axe: str, address: str, path: str, theme: str) -> None:
    for size in SIZES:
        with Seen(browser, address, path, size=size, theme=theme) as seen:
            seen.page.wait_for_selector("footer.trust")
            width = seen.page.evaluate("document.documentElement.scrollWidth")
            assert width <= size[0], f"{path} is {width} wide on {size[0]}"
            expected = ["status of 404"] if path.endswith("/none") else []
            assert [text for text in seen.said if not any(each in text for each in expected)] == []
            # The policy of the page refuses a script of a test, which the protocol of the browser may run.
            seen.page.evaluate(f"(() => {{ const module = undefined, define = undefined; {axe} }})()")
            found = seen.page.evaluate(
                "axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']})"
            )
            assert [
                (each["id"], [node["html"][:160] for node in each["nodes"][:3]]) for each in found["violations"]
            ] == []


def test_an_inline_script_would_be_noticed(browser: Any, address: str) -> None:
    with Seen(browser, address, "/executions", size=SIZES[0], theme="dark") as seen:
        seen.page.evaluate(
            "() => document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.x = 1'}))"
        )
        assert any("Content Security Policy" in text for text in seen.said)


def test_everything_is_reached_by_keys(browser: Any, address: str) -> None:
    with Seen(browser, address, "/inbox", size=SIZES[0], theme="dark") as seen:
        page = seen.page
        page.keyboard.press("g")
        page.keyboard.press("e")
        page.wait_for_url("**/executions")
        page.keyboard.press("j")
        page.keyboard.press("Enter")
        page.wait_for_url("**/executions/*")
        page.goto(f"{address}/executions/claim-2")
        page.keyboard.press("ArrowLeft")
        page.wait_for_url("**event=59*")
        page.wait_for_selector("text=As of event 59")
        page.keyboard.press("Home")
        page.wait_for_selector("text=As of event 1 ")
        page.keyboard.press("End")
        page.wait_for_selector("text=Now, after event 60 of 60")
        page.keyboard.press("?")
        page.wait_for_selector("dialog[open]")
        page.keyboard.press("Escape")
        page.keyboard.press("t")
        page.wait_for_selector("html[data-theme=light]")
        page.goto(f"{address}/executions")
        page.keyboard.press("/")
        page.keyboard.type("claim-3")
        page.keyboard.press("Enter")
        page.wait_for_url("**/executions/claim-3")
        assert seen.said == []


def test_the_strip_is_renewed_without_loading(browser: Any, address: str) -> None:
    with Seen(browser, address, "/executions", size=SIZES[0], theme="dark") as seen:
        seen.page.evaluate("document.querySelector('footer.trust').dataset.mark = ''")
        seen.page.evaluate("document.querySelector('footer.trust').textContent = 'old'")
        seen.page.wait_for_selector("footer.trust >> text=safe head", timeout=60_000)
        assert seen.page.evaluate("document.querySelector('footer.trust').dataset.mark") == ""
