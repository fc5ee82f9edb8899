"""Times: with a zone and without, in the forms that exporters write, and those that cannot be stored."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from runfold.errors import ImportFailed
from runfold.interop.xes_options import XesOptions, parse_timezone
from runfold.interop.xes_reading import read_traces
from runfold.interop.xes_times import BadTime, read_time
from tests.interop.xes_files import XesEventText, trace_of, write_log

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


@pytest.mark.parametrize(
    ("value", "zone", "utc"),
    [
        ("2006-07-24T00:00:00.000", AMSTERDAM, "2006-07-23T22:00:00"),
        ("2006-01-24T00:00:00", AMSTERDAM, "2006-01-23T23:00:00"),
        ("2006-07-24T00:00:00", timezone(timedelta(hours=-3, minutes=-30)), "2006-07-24T03:30:00"),
        ("2006-07-24", AMSTERDAM, "2006-07-23T22:00:00"),
        # Made twice by the change of clocks: the first of the two. Not made at all: as if the change had not been.
        ("2006-10-29T02:30:00", AMSTERDAM, "2006-10-29T00:30:00"),
        ("2006-03-26T02:30:00", AMSTERDAM, "2006-03-26T01:30:00"),
        # One with a zone keeps it.
        ("2006-07-24T00:00:00Z", AMSTERDAM, "2006-07-24T00:00:00"),
        ("2006-07-24T00:00:00+05:30", AMSTERDAM, "2006-07-23T18:30:00"),
    ],
)
def test_zone_given_is_that_of_times_without_one(value: str, zone: tzinfo, utc: str) -> None:
    assert read_time(value, zone) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "utc"),
    [
        ("2012-02-28T24:00:00Z", "2012-02-29T00:00:00"),
        ("2012-12-31T24:00:00.000+01:00", "2012-12-31T23:00:00"),
        (" 2012-02-29T10:00:00Z\n", "2012-02-29T10:00:00"),
        ("2012-02-29 10:00:00+00:00", "2012-02-29T10:00:00"),
        ("2012-02-29T10:00:00+0100", "2012-02-29T09:00:00"),
        ("2012-02-29T10:00:00.123456789Z", "2012-02-29T10:00:00.123456"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00"),
    ],
)
def test_forms_of_times_that_exporters_write_are_read(value: str, utc: str) -> None:
    assert read_time(value, None) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("2012-02-29T24:00:01Z", "is not a time"),
        ("2012-02-29T25:00:00Z", "is not a time"),
        ("2012-06-30T23:59:60Z", "is not a time"),
        ("9999-12-31T24:00:00Z", "is not a time"),
        ("0001-01-01T00:00:00Z", "is before 1970"),
        ("1948-01-26T22:59:00Z", "is before 1970"),
        ("1970-01-01T00:59:00+01:00", "is before 1970"),
        ("29.02.2012 10:00", "is not a time"),
        ("1330509600", "is not a time"),
    ],
)
def test_time_that_cannot_be_stored_is_refused(value: str, what: str) -> None:
    with pytest.raises(BadTime, match=what) as refused:
        read_time(value, UTC)
    assert "--skip-bad" in refused.value.hint


def test_time_without_zone_is_refused_with_the_option_that_gives_one(tmp_path: Path) -> None:
    path = write_log(tmp_path / "log.xes", [trace_of("1", XesEventText("a", time="2012-02-29T10:00:00"))])
    with pytest.raises(ImportFailed, match="has no zone") as refused:
        list(read_traces(path))
    assert "--timezone" in (refused.value.hint or "")
    [part] = read_traces(path, options=XesOptions(timezone=AMSTERDAM))
    assert part.events[0].time == datetime(2012, 2, 29, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("+01:00", 60), ("-0330", -210), ("+14:00", 840), ("UTC", 0), ("z", 0), ("Europe/Amsterdam", 60)],
)
def test_zones_are_given_by_name_or_offset(text: str, minutes: int) -> None:
    winter = datetime(2012, 1, 1, tzinfo=parse_timezone(text))
    assert winter.utcoffset() == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "text", ["", " ", "Europe", "Europe/Amsterdm", "+14:01", "+1:00", "+01:60", "../etc/passwd", "/etc/passwd", "é\0"]
)
def test_zone_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a time zone|is not an offset"):
        parse_timezone(text)


def test_zone_of_the_machine_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    here = read_time("2012-02-29T10:00:00", AMSTERDAM)
    monkeypatch.setitem(os.environ, "TZ", "Asia/Tokyo")
    assert read_time("2012-02-29T10:00:00", AMSTERDAM) == here
