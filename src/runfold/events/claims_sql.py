"""PostgreSQL's copy of what the event classes claim: the rules as rows, and quick tests for events that have one."""

from __future__ import annotations

import re
from collections.abc import Iterable

from runfold.events import VOCABULARY, types_that_end

_Row = tuple[str, str, str, str | None, str | None, str | None, str | None, str | None]


def claim_rule_rows() -> list[_Row]:
    """Return the rows of `runfold.claim_rules`: what each event takes, releases, or has computed."""
    rows: list[_Row] = []
    for name, event in VOCABULARY.items():
        claim = event.claims
        if claim is None:
            continue
        if claim.follows is not None:
            rows.append((name, claim.kind, "follows", None, None, None, None, claim.follows))
            continue
        rows.append((name, claim.kind, "takes", claim.key, claim.finer_key, claim.name, claim.refusal, None))
        if event.moves is not None:
            ends = types_that_end(event.moves.machine)
            rows += [(end, claim.kind, "releases", None, None, claim.name, None, None) for end in ends]
        if claim.within is not None:
            rows += [
                (end, claim.kind, "releases", None, None, None, None, None) for end in types_that_end(claim.within)
            ]
    return rows


def _families(types: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the first words that only these types of the vocabulary begin with, and the types without such a word.

    Few tests cost an append less than many; a type of others that begins so is only looked up in vain.
    """
    wanted = list(types)
    others = {_first_word(name) for name in VOCABULARY if name not in wanted}
    words = dict.fromkeys(word for name in wanted if (word := _first_word(name)) not in others)
    return list(words), [name for name in wanted if _first_word(name) not in words]


def _first_word(name: str) -> str:
    found = re.match(r"[A-Z][a-z]*", name)
    return found[0] if found else name


def claiming_functions() -> dict[str, str]:
    """Write the tests for events that have a claim rule: of one type, and over the events of a call."""
    words, types = _families(dict.fromkeys(row[0] for row in claim_rule_rows()))
    tests = [f"pg_catalog.starts_with(type, '{word}')" for word in words]
    tests += [f"type IN ({', '.join(map(repr, types))})"] if types else []
    paths = [f'@ starts with "{word}"' for word in words] + [f'@ == "{type_}"' for type_ in types]
    return {
        "functions/has_claim_rule.sql": f"""-- Whether events of a type may have a rule in runfold.claim_rules.
--
-- grant: nobody
CREATE FUNCTION runfold.has_claim_rule(type text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT {" OR ".join(tests)}
$$;
""",
        "functions/claiming_events.sql": f"""-- The path to the types of a call's events that has_claim_rule is true of.
--
-- grant: nobody
CREATE FUNCTION runfold.claiming_events() RETURNS jsonpath
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT '$[*].events[*].type ? ({" || ".join(paths)})'::jsonpath
$$;
""",
    }
