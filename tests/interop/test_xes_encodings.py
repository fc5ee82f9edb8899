"""Encodings: which are read, which are refused, and what is said of a declaration that is not true."""

from __future__ import annotations

import codecs
import gzip
from pathlib import Path
from random import Random

import pytest

from runfold.errors import ImportFailed
from runfold.interop.xes_options import XesOptions
from tests.interop.replay import produced
from tests.interop.xes_files import log_text, trace_of, write_log


def text_in(encoding: str, traces: object, declared: str | None = None) -> bytes:
    text = log_text(traces)  # type: ignore[arg-type]
    return text.replace('encoding="UTF-8"', f'encoding="{declared or encoding}"').encode(encoding)


def refusal(tmp_path: Path, content: bytes) -> ImportFailed:
    path = tmp_path / "log.xes"
    path.write_bytes(content)
    with pytest.raises(ImportFailed) as refused:
        produced(path)
    assert refused.value.hint
    assert "\n" not in str(refused.value)
    assert "cut off or damaged" not in refused.value.message
    return refused.value


@pytest.mark.parametrize(
    ("encoding", "declared", "name"),
    [
        ("utf-8", "utf8", "语 gør"),
        ("utf-8", "UTF_8", "语 gør"),
        ("utf-8-sig", "UTF-8", "语 gør"),
        ("utf-8-sig", "utf-8-sig", "语 gør"),
        ("utf-16", "UTF-16", "语 gør"),
        ("utf-16", "utf16", "语 gør"),
        ("utf-16-le", "UTF-16LE", "语 gør"),
        ("utf-16-be", "utf_16_be", "语 gør"),
        ("iso-8859-1", "latin1", "gør"),
        ("iso-8859-15", "ISO-8859-15", "5 €"),
        ("windows-1252", "windows-1252", "5 €"),
        ("koi8-r", "KOI8-R", "шаг"),
        ("ascii", "ascii", "step"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_encoding_that_can_be_read_is_read_by_any_of_its_names(
    tmp_path: Path, encoding: str, declared: str, name: str, packed: bool
) -> None:
    traces = [trace_of(name, (name, "START"))]
    content = text_in(encoding, traces, declared)
    (tmp_path / "other.xes").write_bytes(gzip.compress(content) if packed else content)
    assert produced(tmp_path / "other.xes") == produced(write_log(tmp_path / "utf-8.xes", traces))


@pytest.mark.parametrize("order", ["le", "be"])
@pytest.mark.parametrize("marked", [False, True])
def test_utf_16_is_read_in_either_order_with_and_without_mark(tmp_path: Path, order: str, marked: bool) -> None:
    traces = [trace_of("语", ("gør", "START"))]
    mark = (codecs.BOM_UTF16_LE if order == "le" else codecs.BOM_UTF16_BE) if marked else b""
    (tmp_path / "other.xes").write_bytes(mark + text_in(f"utf-16-{order}", traces, "UTF-16"))
    assert produced(tmp_path / "other.xes") == produced(write_log(tmp_path / "utf-8.xes", traces))


@pytest.mark.parametrize(
    "declared",
    [
        "GBK",
        "gb18030",
        "Shift_JIS",
        "Big5",
        "iso2022_jp",
        "UTF-7",
        "cp037",
        "unicode_escape",
        "rot13",
        "idna",
        "x-unknown",
    ],
)
def test_encoding_that_is_not_read_is_refused_by_its_name(tmp_path: Path, declared: str) -> None:
    traces = [trace_of("1", ("a", "START"))]
    refused = refusal(tmp_path, text_in("ascii", traces, declared))
    assert f"declares the encoding '{declared}', which is not read" in refused.message
    assert "UTF-8" in (refused.hint or "")
    assert refused.facts["line"] == 1
    # Its name alone is what it is refused for.
    (tmp_path / "right.xes").write_bytes(text_in("ascii", traces, "US-ASCII"))
    assert produced(tmp_path / "right.xes")


def test_utf_32_is_refused_as_such(tmp_path: Path) -> None:
    for encoding in ("utf-32", "utf-32-le", "utf-32-be"):
        assert "UTF-32" in refusal(tmp_path, text_in(encoding, [trace_of("1", ("a", "START"))], "UTF-32")).message


@pytest.mark.parametrize(
    ("written", "declared", "what"),
    [
        ("utf-8", "UTF-16", "declares the encoding 'UTF-16', but it is not written in it"),
        ("utf-8", "utf-16le", "declares the encoding 'utf-16le', but it is not written in it"),
        ("utf-16", "UTF-8", "it is written in UTF-16"),
        ("utf-16", "ISO-8859-1", "it is written in UTF-16"),
        ("utf-16-be", "GBK", "it is written in UTF-16"),
        ("utf-16", "x-unknown", "it is written in UTF-16"),
        ("iso-8859-1", "UTF-8", "the byte 0xF8 is not UTF-8"),
        ("windows-1252", "US-ASCII", "the byte 0xF8 is not US-ASCII"),
    ],
)
def test_declaration_that_is_not_true_is_refused_with_what_is_there(
    tmp_path: Path, written: str, declared: str, what: str
) -> None:
    traces = [trace_of("1", ("a", "START"), ("gør", "START"))]
    content = text_in(written, traces, declared)
    refused = refusal(tmp_path, content)
    assert what in refused.message
    assert "first line" in (refused.hint or "")
    if "byte" in what:
        before, _, _ = content.partition(b"\xf8")
        line, column = before.count(b"\n") + 1, len(before) - before.rindex(b"\n")
        assert f"line {line}, column {column}: the byte" in refused.message


def test_file_without_a_declaration_is_utf_8_and_else_refused(tmp_path: Path) -> None:
    traces = [trace_of("1", ("gør", "START"))]
    text = log_text(traces).partition("\n")[2]
    (tmp_path / "log.xes").write_text(text, encoding="utf-8")
    assert produced(tmp_path / "log.xes") == produced(write_log(tmp_path / "declared.xes", traces))
    assert "the byte 0xF8 is not UTF-8" in refusal(tmp_path, text.encode("iso-8859-1")).message


def test_damage_that_is_no_matter_of_encoding_is_not_blamed_on_it(tmp_path: Path) -> None:
    content = text_in("utf-8", [trace_of("1", ("gør", "START"))]).replace(b"</event>", b"<</event>")
    (tmp_path / "log.xes").write_bytes(content)
    with pytest.raises(ImportFailed, match=r"damaged at line .* not well-formed"):
        produced(tmp_path / "log.xes")


def test_no_damage_ends_in_anything_but_a_refusal(tmp_path: Path) -> None:
    random = Random(7)
    traces = [trace_of("1", ("gør", "START"), ("a", None)), trace_of("2", ("b", "COMPLETE"))]
    contents = [text_in(encoding, traces) for encoding in ("utf-8", "utf-16", "iso-8859-1")]
    contents.append(gzip.compress(contents[0], 1))
    pieces = [
        b"<",
        b'"',
        b"\xff",
        b"\0",
        b"&#0;",
        b"</trace>",
        b'encoding="GBK"',
        b"concept:name",
        b"utf-7",
        b"\x1f\x8b",
    ]
    refused: list[ImportFailed] = []
    for _ in range(1500):
        damaged = bytearray(random.choice(contents))
        at = random.randrange(len(damaged) if random.random() < 0.7 else 120)
        kind = random.randrange(3)
        if kind == 0:
            damaged[at] = random.randrange(256)
        elif kind == 1:
            damaged[at:at] = random.choice(pieces)
        else:
            del damaged[at : at + random.randint(1, 30)]
        (tmp_path / "log.xes").write_bytes(damaged)
        try:
            produced(tmp_path / "log.xes", XesOptions(skip_bad=random.random() < 0.5))
        except ImportFailed as failed:
            refused.append(failed)
    assert all(failed.hint and "\n" not in str(failed) for failed in refused)
    assert 500 < len(refused) < 1500, "the damage was none, or it left nothing that can be read"
