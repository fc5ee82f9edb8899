"""If the quick check accepts a call's text, jsonb keeps its values: the exact path finds no fault in it.

The quick check looks for large numbers in one of two ways, the cheaper one for the text; both are tested here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runfold.events import VOCABULARY
from tests.events.examples import append, data_for, envelope
from tests.events.judging import verdicts

Connection = psycopg.Connection[Any]

asking = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

# What makes jsonb small for its text, so that the path looks, and large, so that the regular expression does.
PADDINGS = {"path": json.dumps("a text " * 60), "regular expression": json.dumps([1] * 100)}

EDGE_NUMBERS = [
    "0", "-0", "0.0", "-0.0", "0e400", "0e-400", "0E-20000", "1e-20000", "999999999999999999", "-999999999999999999",
    "1000000000000000000", "-1000000000000000000", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "-9223372036854775809", "18446744073709551616", "1e17", "1e18", "1e19", "-1e19", "1e308", "1.7976931348623157e308",
    "1.8e308", "-1.8e308", "1e309", "1e400", "1e-18", "1e-19", "1e-20", "-1e-20", "1e-300", "5e-324", "2e-324",
    "-1e-324",
    "1e-400", "0.0000000000000000000", "0.00000000000000000001", "123456789012345678.9", "1234567890123456789.5",
]  # fmt: skip
number_texts = st.one_of(
    st.sampled_from(EDGE_NUMBERS),
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["", "-"]),
        st.integers(0, 10**22),
        st.one_of(st.just(""), st.from_regex(r"\.[0-9]{1,25}", fullmatch=True)),
        st.one_of(st.just(""), st.builds("e{}".format, st.integers(-350, 350))),
    ),
)
string_texts = st.one_of(
    st.sampled_from(
        [
            '""',
            '":"',
            r'"\u003a"',
            r'"\u003A:"',
            r'"\u0000"',
            '"1234567890123456789012"',
            '" 12345678901234567890"',
            '"0.00000000000000000000001"',
            r'"\ud800"',
            r'"\\u003a"',
        ]
    ),
    st.text(max_size=12).map(json.dumps),
    st.text(max_size=12, alphabet=st.characters(exclude_categories=["Cs"])).map(
        lambda s: json.dumps(s, ensure_ascii=False)
    ),
)
keys = st.one_of(st.sampled_from(['"a"', '"b"', r'"\u0061"', '":"', '"a:b"', '""']), string_texts)


def _objects(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    member = st.builds("{}:{}".format, keys, values)
    return st.lists(member, max_size=4).map(lambda members: "{" + ",".join(members) + "}")


def _arrays(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(values, max_size=4).map(lambda items: "[" + ",".join(items) + "]")


json_texts = st.recursive(
    st.one_of(number_texts, string_texts, st.sampled_from(["true", "false", "null"])),
    lambda values: st.one_of(_objects(values), _arrays(values)),
    max_leaves=12,
)
"""JSON as people may write it: keys twice and escaped, numbers that no double and no bigint holds."""


def call_text(value: str, padding: str) -> str:
    """Return a call of one event that is valid except for this value somewhere in its data."""
    event = envelope("NodeSucceeded", data_for(VOCABULARY["NodeSucceeded"]) | {"output_data": "HERE"})
    call = json.dumps([append(event, stream_id="execution-e1")], separators=(",", ":"))
    return call.replace('"HERE"', f'{{"padding":{padding},"value":{value}}}')


def unsound(connection: Connection, texts: Sequence[str]) -> list[str]:
    """Return the calls about which validate_appends, with its quick check, and the exact path disagree."""
    exact = verdicts(connection, "raise_append_fault", texts)
    validated = verdicts(connection, "validate_appends", texts)
    return [
        f"{text}: exact path {wanted}, validate_appends {found}"
        for text, wanted, found in zip(texts, exact, validated, strict=True)
        if wanted != found
    ]


@pytest.mark.parametrize("padding", PADDINGS)
def test_each_way_is_taken(connection: Connection, padding: str) -> None:
    """Otherwise the tests below would test only one of the two."""
    text = call_text("1", PADDINGS[padding])
    row = connection.execute(
        "SELECT pg_column_size(j) < octet_length(j::text) * 6 / 5, runfold.json_is_exact(%(t)s::text, j, j::text)"
        " FROM (SELECT %(t)s::jsonb || '[]' AS j) AS call",
        {"t": text},
    ).fetchone()
    assert row == (padding == "path", True)


@pytest.mark.parametrize("padding", PADDINGS)
def test_edges_of_numbers(connection: Connection, padding: str) -> None:
    values = [shape.format(number) for number in EDGE_NUMBERS for shape in ("{}", "[[{}]]", '[{{"a":[0,{}]}}]')]
    assert not unsound(connection, [call_text(value, PADDINGS[padding]) for value in values])


@asking
@given(values=st.lists(json_texts, min_size=1, max_size=25), padding=st.sampled_from(list(PADDINGS)))
def test_what_the_quick_check_takes_has_no_fault(connection: Connection, values: list[str], padding: str) -> None:
    assert not unsound(connection, [call_text(value, PADDINGS[padding]) for value in values])


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(
    ("part", "instead"),
    [
        ("1000000000000000000", "1e309"),
        ("{19}", "{200}"),
        ("'.0000000000000000000'", "'no zeros'"),
        ("':'", "'no colon'"),
    ],
)
def test_a_check_that_misses_something_is_found_out(
    connection: Connection, padding: str, part: str, instead: str
) -> None:
    """Negative control: without one of its parts, the check accepts wrong calls."""
    if (part, padding) in (("1000000000000000000", "regular expression"), ("{19}", "path")):
        pytest.skip("the other way does not have this part")
    values = [*EDGE_NUMBERS, '{"a":1,"a":2}']
    with connection.transaction(force_rollback=True):
        row = connection.execute(
            "SELECT pg_get_functiondef('runfold.json_is_exact(text,jsonb,text)'::regprocedure)"
        ).fetchone()
        assert row is not None
        assert part in row[0]
        connection.execute(row[0].replace(part, instead))
        assert unsound(connection, [call_text(value, PADDINGS[padding]) for value in values])


@pytest.mark.parametrize("value", ['"call 12345678901234567890 back"', '"[1234567890123456789]"'])
def test_digits_in_a_text_are_no_large_number(connection: Connection, value: str) -> None:
    text = call_text(value, PADDINGS["path"])
    row = connection.execute("SELECT runfold.json_is_exact(%(t)s::text, %(t)s::jsonb, %(t)s::jsonb::text)", {"t": text})
    assert row.fetchone() == (True,)
