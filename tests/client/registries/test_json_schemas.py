"""PostgreSQL judges JSON Schemas as the meta-schema of draft 2020-12 does, in the library jsonschema."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from psycopg.types.json import Jsonb

COUNTS = (
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "minContains",
    "maxContains",
)
NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
TEXTS = ("title", "description", "$comment", "contentEncoding", "contentMediaType")
FLAGS = ("deprecated", "readOnly", "writeOnly", "uniqueItems")
SCHEMAS = (
    "items", "not", "if", "then", "else", "contains", "propertyNames", "additionalProperties", "unevaluatedItems",
    "unevaluatedProperties",
)  # fmt: skip
MAPS = ("properties", "$defs", "dependentSchemas", "definitions")
LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")

odd = st.sampled_from(
    [None, True, False, 0, 1, -1, 1.5, 2.0, "", "a", "object", [], [1], ["a"], ["a", "a"], {}, {"a": 1}]
)
types = st.sampled_from(["string", "object", "null", "no", 3, [], ["string", "null"], ["null", "null"], ["string", 3]])
leaves = st.dictionaries(
    st.sampled_from(
        (*COUNTS, *NUMBERS, *TEXTS, *FLAGS, "required", "enum", "examples", "type", "default", "const", "ours")
    ),
    odd,
    max_size=3,
) | types.map(lambda value: {"type": value})


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    either = inner | odd
    return (
        st.dictionaries(st.sampled_from(SCHEMAS), either, max_size=2)
        | st.dictionaries(
            st.sampled_from(MAPS), st.dictionaries(st.sampled_from("ab/~"), either, max_size=2) | odd, max_size=2
        )
        | st.dictionaries(st.sampled_from(LISTS), st.lists(either, max_size=2) | odd, max_size=2)
        | st.fixed_dictionaries({"dependentRequired": st.dictionaries(st.sampled_from("ab"), odd, max_size=2) | odd})
    )


documents = st.recursive(leaves, nested, max_leaves=6)


def fault(connection: psycopg.Connection[Any], document: Any) -> Any:
    (found,) = connection.execute("SELECT runfold.schema_fault(%s)", (Jsonb(document),)).fetchone() or ()
    return found


def test_a_document_is_a_schema_exactly_if_the_meta_schema_says_so(connection: psycopg.Connection[Any]) -> None:
    seen = set()

    @given(documents)
    def check(document: dict[str, Any]) -> None:
        valid = Draft202012Validator(Draft202012Validator.META_SCHEMA).is_valid(document)
        seen.add(valid)
        assert (fault(connection, document) is None) == valid

    check()
    assert seen == {True, False}


def test_control_a_rule_that_is_missing_is_found(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        "CREATE OR REPLACE FUNCTION runfold.keyword_fault(keyword text, value jsonb) RETURNS text"
        " LANGUAGE sql IMMUTABLE AS 'SELECT NULL'"
    )
    with pytest.raises(AssertionError):
        test_a_document_is_a_schema_exactly_if_the_meta_schema_says_so(connection)


@pytest.mark.parametrize(("levels", "refused"), [(64, False), (65, True)])
def test_schemas_are_at_most_64_deep(connection: psycopg.Connection[Any], levels: int, refused: bool) -> None:
    document: dict[str, Any] = {}
    for _ in range(levels):
        document = {"not": document}
    found = fault(connection, document)
    assert (found is not None) == refused
