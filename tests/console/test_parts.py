"""What the console is started with, what it says in words, and the status that all viewers share."""

from __future__ import annotations

import hashlib
import re
from importlib import resources
from pathlib import Path
from threading import Thread

import pytest

from runfold.console.assets import assets
from runfold.console.filters import Tokens as Conditions
from runfold.console.filters import parse
from runfold.console.links import Links
from runfold.console.options import Options
from runfold.console.signing_in import Tokens
from runfold.console.svg import element, percent
from runfold.console.trust import TrustKeeper
from runfold.console.values import json_value
from runfold.console.words import ago, size, took, visible
from runfold.errors import DatabaseUnavailable, InvalidInput


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])
def test_without_sign_in_it_listens_on_this_machine_only(host: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Options(host=host)
    assert refused.value.code == "console_needs_sign_in"
    assert "--auth" in (refused.value.hint or "")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_a_loopback_address_needs_no_sign_in(host: str) -> None:
    assert Options(host=host).host == host


@pytest.mark.parametrize("path", ["runfold", "/runfold/", "/a b", "//x", "/<script>"])
def test_a_wrong_base_path_is_refused(path: str) -> None:
    with pytest.raises(InvalidInput, match="base path"):
        Options(base_path=path)


@pytest.mark.parametrize("port", [-1, 65_536])
def test_a_port_out_of_range_is_refused(port: int) -> None:
    with pytest.raises(InvalidInput, match="not a port"):
        Options(port=port)
    assert Options(port=65_535).port == 65_535


def test_sign_in_by_token_needs_the_file() -> None:
    with pytest.raises(InvalidInput, match="--tokens"):
        Options(host="0.0.0.0", auth="token")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '[{"name": "x"}]',
        '[{"name": "x", "sha256": "00", "role": "operator"}]',
        '[{"name": "x", "sha256": "%s", "role": "tenant"}]' % ("0" * 64),
        '[{"name": "x", "sha256": "%s", "role": "operator", "password": "y"}]' % ("0" * 64),
    ],
)
def test_a_file_that_has_no_tokens_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "tokens.json"
    file.write_text(text)
    with pytest.raises(InvalidInput) as refused:
        Tokens.read(file)
    assert refused.value.code == "invalid_tokens"


def test_a_token_is_known_by_its_digest(tokens: Path) -> None:
    found = Tokens.read(tokens)
    assert (viewer := found.viewer_of("tenant")) is not None
    assert (viewer.name, viewer.operates) == ("Tim", False)
    assert found.viewer_of("") is None
    assert found.viewer_of("tenan") is None


def test_vendored_files_are_those_that_the_list_names() -> None:
    folder = resources.files("runfold.console").joinpath("static")
    listed = re.findall(
        r"^\| `([\w.-]+)` \|.*\| `(licences/[\w.-]+)` \| `([0-9a-f]{64})` \|$",
        folder.joinpath("VENDORED.md").read_text(),
        re.MULTILINE,
    )
    own = {"console.css", "console.js", "VENDORED.md", "licences"}
    assert {name for name, *_ in listed} == {file.name for file in folder.iterdir()} - own
    for name, licence, digest in listed:
        assert hashlib.sha256(folder.joinpath(name).read_bytes()).hexdigest() == digest
        assert folder.joinpath(licence).read_text()


def test_the_first_load_is_small() -> None:
    assert sum(len(asset.compressed or asset.content) for asset in assets().values()) <= 130 * 1024


def test_assets_are_named_by_their_digest() -> None:
    for asset in assets().values():
        assert re.fullmatch(r"[a-z-]+\.[0-9a-f]{12}\.(js|css|woff2)", asset.name)
    sheet = assets()["console.css"].content.decode()
    assert assets()["inter.woff2"].name in sheet
    assert "http" not in sheet


def test_parts_of_an_address_are_quoted() -> None:
    assert (
        Links("/x").to("executions", "a/b?c#d é", node="<n>", none=None)
        == "/x/executions/a%2Fb%3Fc%23d%20%C3%A9?node=%3Cn%3E"
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("status:error min:10s", {"status": "error", "min": "10s"}),
        ("gateway timeout", {"error": "gateway timeout"}),
        ('workflow:"my flow" boom', {"workflow": "my flow", "error": "boom"}),
        ('"no end', {"error": '"no end'}),
        ("other:thing", {"error": "other:thing"}),
        ("", {}),
    ],
)
def test_the_filter_field_is_read_as_people_write(text: str, found: dict[str, str]) -> None:
    assert parse(text) == found
    assert dict(Conditions.of({"q": text, "mode": "manual"}).values) == {"mode": "manual", **found}


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, ""),
        (0, "0 ms"),
        (999, "999 ms"),
        (1000, "1.0 s"),
        (59_949, "59.9 s"),
        (59_950, "1m 00s"),
        (125_000, "2m 05s"),
        (6_765_000, "1h 52m"),
        (100 * 3_600_000, "4d 4h"),
        (-90_000, "-1m 30s"),
    ],
)
def test_durations_are_short(ms: int | None, text: str) -> None:
    assert took(ms) == text


def test_times_and_sizes_in_words() -> None:
    assert [ago(each, 10_000_000) for each in (None, 10_000_000, 9_940_000, 10_300_000)] == [
        "",
        "now",
        "1m ago",
        "in 5m",
    ]
    assert [size(each) for each in (None, 12, 1500, 3_400_000_000)] == ["", "12 B", "1.5 kB", "3.4 GB"]


def test_what_turns_a_line_around_is_written_out() -> None:
    assert visible("a\u202eb\x00c") == "a⟨U+202E⟩b⟨U+0000⟩c"
    assert visible("line\nnext\ttab 😀 مرحبا") == "line\nnext\ttab 😀 مرحبا"
    assert visible("x" * 10, 5) == "xxxx…"


def test_texts_in_drawings_are_escaped() -> None:
    assert (
        str(element("text", "<b>&", x=percent(12.3456), class_='"'))
        == '<text x="12.346%" class="&#34;">&lt;b&gt;&amp;</text>'
    )
    assert [percent(each) for each in (-5, 200, float("nan"))] == ["0%", "100%", "0%"]


def test_values_are_escaped_cut_and_bounded() -> None:
    assert "<script>" not in json_value({"<script>": "<script>alert(1)</script>"})
    assert "⟨U+202E⟩" in json_value("\u202e")
    assert "cut here: 20.0 kB in all" in json_value("x" * 19_998)
    assert json_value(list(range(1000))).count("<span") == 0
    deep: list[object] = []
    for _ in range(200):
        deep = [deep]
    assert 100 < json_value(deep).count("[") <= 201


def test_one_read_of_the_status_serves_two_hundred_viewers() -> None:
    now = [0.0]
    keeper = TrustKeeper(lambda: ({"groups": []}, 3), clock=lambda: now[0])
    viewers = [Thread(target=keeper.current) for _ in range(200)]
    for viewer in viewers:
        viewer.start()
    for viewer in viewers:
        viewer.join()
    assert keeper.reads == 1
    now[0] = 1.9
    keeper.current()
    assert keeper.reads == 1
    now[0] = 2.0
    keeper.current()
    assert keeper.reads == 2


def test_while_the_database_is_away_the_last_rows_stay_and_say_so() -> None:
    now, away = [0.0], [False]

    def read() -> tuple[dict[str, object], int]:
        if away[0]:
            raise DatabaseUnavailable("no server answers")
        return {"groups": [], "safe_head": 7, "leader": None, "held_back_by": [], "parked_streams": []}, 1

    keeper = TrustKeeper(read, clock=lambda: now[0])
    assert not keeper.current().away
    away[0], now[0] = True, 5.0
    trust = keeper.current()
    assert (trust.away, trust.word, trust.tone, trust.as_of) == (True, "database away", "bad", 7)
    away[0], now[0] = False, 10.0
    assert not keeper.current().away
