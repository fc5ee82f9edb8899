"""What is read of a file, what is skipped, and what is refused, with which message."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import pytest

from runfold.errors import ImportFailed
from runfold.interop.xes_mapping import TraceMapping
from runfold.interop.xes_reading import CHUNK, EVENTS_PER_PART, LONGEST_TOKEN, read_traces
from tests.interop.replay import produced
from tests.interop.xes_files import (
    HEADER,
    XesEventText,
    XesTraceText,
    attribute,
    log_text,
    second,
    trace_of,
    write_log,
)

TWO_TRACES = [trace_of("1", ("a", "START"), ("a", "COMPLETE")), trace_of("2", ("b", None))]


def refusal(tmp_path: Path, text: str | bytes) -> ImportFailed:
    path = tmp_path / "bad.xes"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ImportFailed) as refused:
        produced(path)
    assert refused.value.hint
    return refused.value


def line_of(text: str, what: str) -> int:
    return text[: text.index(what)].count("\n") + 1


def test_gzip_is_known_by_its_content_and_not_by_its_name(tmp_path: Path) -> None:
    plain = write_log(tmp_path / "plain.xes", TWO_TRACES)
    packed = tmp_path / "packed.xes"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert produced(packed) == produced(plain)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<log ", '<x:log xmlns:x="urn:any" '),
        ('xmlns="http://www.xes-standard.org/"', ""),
        ('xmlns="http://www.xes-standard.org/"', 'xmlns="urn:another"'),
    ],
)
def test_namespace_does_not_matter(tmp_path: Path, old: str, new: str) -> None:
    text = log_text(TWO_TRACES)
    changed = text.replace(old, new)
    if "<x:log" in changed:
        changed = (
            changed.replace("</log>", "</x:log>").replace("<trace>", "<x:trace>").replace("</trace>", "</x:trace>")
        )
    assert changed != text
    (tmp_path / "log.xes").write_text(changed)
    assert produced(tmp_path / "log.xes") == produced(write_log(tmp_path / "plain.xes", TWO_TRACES))


def test_encoding_is_the_one_the_file_declares(tmp_path: Path) -> None:
    traces = [trace_of("Æble", ("gør", "START"))]
    expected = produced(write_log(tmp_path / "utf-8.xes", traces))
    for encoding in ("utf-16", "iso-8859-1"):
        text = log_text(traces).replace("UTF-8", encoding)
        (tmp_path / "other.xes").write_bytes(text.encode(encoding))
        assert produced(tmp_path / "other.xes") == expected


def test_only_what_stands_directly_on_log_trace_and_event_counts(tmp_path: Path) -> None:
    nested = attribute("concept:name", "wrong", inside=attribute("time:timestamp", "wrong", element="date"))
    noise = attribute("other", "x", inside=nested) + f'<list key="l"><values>{nested}</values></list>'
    trace = XesTraceText("1", [XesEventText("a", "START", more=noise)], more=noise)
    path = tmp_path / "log.xes"
    path.write_text(log_text([trace]).replace("<trace>", f"{noise}<trace>", 1))
    [part] = read_traces(path)
    assert (part.log_name, part.trace, part.events[0].name, part.events[0].time) == ("a log", "1", "a", second(0))


def test_attributes_of_a_trace_may_follow_its_events(tmp_path: Path) -> None:
    trace = XesTraceText("1", [("a", "START")], name_last=True)
    assert [part.trace for part in read_traces(write_log(tmp_path / "log.xes", [trace]))] == ["1"]


def test_name_that_follows_too_many_events_is_refused(tmp_path: Path) -> None:
    trace = XesTraceText("1", [("a", "START")] * (EVENTS_PER_PART + 1), name_last=True)
    what = f"no concept:name before its first {EVENTS_PER_PART:,} events"
    assert what in refusal(tmp_path, log_text([trace])).message


def test_log_without_traces_is_empty(tmp_path: Path) -> None:
    assert produced(write_log(tmp_path / "log.xes", [])) == []


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "<html><body/></html>", HEADER, '{"log": []}', b"\x00\x01\x02"])
def test_what_is_not_xes_is_refused_as_such(tmp_path: Path, text: str | bytes) -> None:
    assert "not XES" in refusal(tmp_path, text).message


def test_damaged_xml_is_refused_with_its_line(tmp_path: Path) -> None:
    text = log_text(TWO_TRACES).replace("</event>", "</evnt>", 1)
    refused = refusal(tmp_path, text)
    assert refused.facts["line"] == line_of(text, "</evnt>")
    assert f"line {refused.facts['line']}" in refused.message
    assert "mismatched tag" in refused.message
    assert refused.facts["trace"] == "1"


def test_file_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    text = log_text(TWO_TRACES)
    assert produced(write_log(tmp_path / "whole.xes", TWO_TRACES))
    for length in range(len(HEADER) + 10, text.rindex(">"), 7):
        refusal(tmp_path, text[:length])


def test_gzip_cut_off_or_damaged_is_refused_with_the_trace_it_had_reached(tmp_path: Path) -> None:
    traces = [trace_of(f"case {number}", *(("a", "START") for _ in range(20))) for number in range(300)]
    packed = gzip.compress(log_text(traces).encode())
    refused = refusal(tmp_path, packed[: len(packed) // 2])
    assert "cut off or damaged" in refused.message
    assert refused.facts["line"] > 1
    damaged = bytearray(packed)
    damaged[-6] ^= 0xFF  # in the checksum: all of the XML has been read, and yet it is not what was written
    assert "CRC" in refusal(tmp_path, bytes(damaged)).message
    assert "cut off or damaged" in refusal(tmp_path, packed + b"\x1f\x8b and more").message


def test_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.xes", tmp_path):
        with pytest.raises(ImportFailed, match="cannot be read"):
            list(read_traces(path))


def test_trace_without_name_is_refused(tmp_path: Path) -> None:
    text = log_text([TWO_TRACES[0], XesTraceText(None, [("a", "START")])])
    refused = refusal(tmp_path, text)
    assert "trace no. 2" in refused.message
    assert "the trace has no concept:name" in refused.message
    assert refused.facts["line"] == text[: text.rindex("<trace>")].count("\n") + 1


def test_trace_name_used_twice_is_refused(tmp_path: Path) -> None:
    refused = refusal(tmp_path, log_text([*TWO_TRACES, trace_of("1", ("a", "START"))]))
    assert "'1'" in refused.message
    assert "same concept:name" in refused.message


@pytest.mark.parametrize(
    ("event", "what"),
    [
        (XesEventText(None), "no concept:name"),
        (XesEventText(""), "no concept:name"),
        (XesEventText("a", time=None), "no time:timestamp"),
        (XesEventText("a", time=""), "no time:timestamp"),
        (XesEventText("a", time="yesterday"), "is not a time"),
        (XesEventText("a", time="2024-02-30T00:00:00Z"), "is not a time"),
        (XesEventText("a", time="2024-02-29T12:00:00"), "has no zone"),
        (XesEventText("a", time="2024-02-29"), "has no zone"),
        (XesEventText("a", time="10000-01-01T00:00:00Z"), "is not a time"),
        (XesEventText("a", time="-0044-03-15T12:00:00Z"), "is not a time"),
        (XesEventText("a", time="0001-01-01T00:00:00+01:00"), "is not a time"),
        (XesEventText("a", time="9999-12-31T23:59:59-01:00"), "is not a time"),
        (XesEventText("a", time="infinity"), "is not a time"),
        (XesEventText("a", time="1969-12-31T23:59:59.999Z"), "is before 1970"),
        (XesEventText("n" * 256), "is 256 long, more than 255"),
        (XesEventText("   "), "is blank"),
        (XesEventText("a\x85b"), "control character"),
        (XesEventText("a", more=attribute("concept:name", "&#10;x").replace("&amp;", "&")), "control character"),
    ],
)
def test_bad_event_is_refused_with_its_line_and_trace(tmp_path: Path, event: XesEventText, what: str) -> None:
    text = log_text([trace_of("good", ("a", "START")), trace_of("bad", ("a", "START"), event)])
    refused = refusal(tmp_path, text)
    assert what in refused.message
    assert "'bad'" in refused.message
    assert refused.facts["trace"] == "bad"
    assert refused.facts["line"] == text[: text.rindex("<event>")].count("\n") + 1
    assert f"bad.xes, line {refused.facts['line']}" in refused.message


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("c" * 256, "is 256 long, more than 255"),
        ("語" * 97, "stream id of 301 bytes"),
        (" \u3000 ", "is blank"),
        ("a\x7fb", "control character"),
    ],
)
def test_trace_name_the_log_would_refuse_is_refused(tmp_path: Path, name: str, what: str) -> None:
    assert what in refusal(tmp_path, log_text([trace_of(name, ("a", "START"))])).message


@pytest.mark.parametrize("name", ["c" * 255, "語" * 96, "a; drop table events;--", "../x", "a-b"])
def test_trace_name_at_the_limit_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    [append] = produced(write_log(tmp_path / "log.xes", [trace_of(name, ("a", "START"))]))
    assert append.stream_id == f"execution-{name}"


def test_bad_date_matters_only_where_it_is_used(tmp_path: Path) -> None:
    bad = attribute("REG_DATE", "soon", element="date")
    assert produced(write_log(tmp_path / "log.xes", [XesTraceText("1", [("a", "START")], more=bad)]))
    assert "'soon' is not a time" in refusal(tmp_path, log_text([XesTraceText("1", more=bad)])).message


def test_event_outside_of_a_trace_is_refused(tmp_path: Path) -> None:
    text = log_text(TWO_TRACES).replace("</log>", XesEventText("a").xml(0) + "</log>")
    assert "not inside a trace" in refusal(tmp_path, text).message


def test_log_name_after_its_first_trace_is_refused(tmp_path: Path) -> None:
    text = log_text(TWO_TRACES, name=None).replace("</log>", attribute("concept:name", "late") + "</log>")
    assert "comes after its first trace" in refusal(tmp_path, text).message


def test_entity_bomb_is_refused_before_it_expands(tmp_path: Path) -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE log [<!ENTITY e0 "{"x" * 100}">{entities}]>'
    text = log_text([XesTraceText("&e9;")]).replace("&amp;", "&").replace(HEADER, HEADER + bomb)
    tracemalloc.start()
    try:
        assert "document type" in refusal(tmp_path, text).message
        assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_external_entity_is_never_fetched(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    bomb = f'<!DOCTYPE log [<!ENTITY e SYSTEM "{secret.as_uri()}">]>'
    text = log_text(TWO_TRACES).replace(HEADER, HEADER + bomb).replace("</trace>", "&e;</trace>")
    assert "document type" in refusal(tmp_path, text).message


def test_endless_token_and_endless_nesting_are_refused(tmp_path: Path) -> None:
    start = log_text([]).removesuffix("</log>\n")
    size = LONGEST_TOKEN + 3 * CHUNK
    assert "longer than 4 MiB" in refusal(tmp_path, gzip.compress((start + "<!--" + "x" * size).encode(), 1)).message
    deep = start + '<list key="a">' * 200
    assert "nested deeper" in refusal(tmp_path, deep).message
    assert "nested deeper" in refusal(tmp_path, start + "<trace><event>" + '<list key="a">' * 200).message


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(traces: int) -> int:
        path = tmp_path / f"{traces}.xes"
        with path.open("w") as file:
            head, foot = log_text([]).split("</log>")
            file.write(head)
            for number in range(traces):
                file.write(trace_of(f"case {number}", ("a", "START"), ("a", "COMPLETE"), ("b", None)).xml())
            file.write("</log>" + foot)
        tracemalloc.start()
        try:
            for part in read_traces(path):
                TraceMapping(part).appends(part)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    small, large = peak(500), peak(4500)
    assert large - small < 4000 * 150, "a trace leaves more behind than the hash of its name"


def test_reading_tells_how_far_it_has_come(tmp_path: Path) -> None:
    packed = tmp_path / "log.xes.gz"
    packed.write_bytes(gzip.compress(log_text(TWO_TRACES).encode()))
    seen: list[int] = []
    list(read_traces(packed, on_bytes=seen.append))
    assert seen == sorted(seen)
    assert seen[-1] == packed.stat().st_size
