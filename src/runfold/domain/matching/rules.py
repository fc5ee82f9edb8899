"""The default classifier: rules, no network, the same verdict for the same input.

What an answer names decides, the most exact first; only an answer that names nothing is taken by its words, and only
where one single question can be meant. The score is the first column times the second:

| it names | | it says | |
|---|---|---|---|
| the interaction's id | 1.0 | data: a button's value, a form | 1.0 |
| its correlation id | 0.95 | yes or no in its first words; one of the options; any text where text is asked for | 1.0 |
| a message that was sent for it, or its thread | 0.9 | yes or no further on | 0.8 |
| nothing, and one question on its channel can be meant | 0.7 | | |

A product of 0.5 and more matches. One question can be meant where a single one is open on the channel, was asked before
the answer came in, and no other of the workflow has ended on that channel in the week before. What names an interaction
that has ended is filtered out, and so is what a machine wrote; everything else stays open.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from runfold.domain.matching.classifier import Answer, FilteredOut, Match, Question, Undecided, Verdict

LEAST_SCORE = 0.5

_YES_WORDS = "yes y yep yeah ok okay sure approve approved approves accept accepted agree agreed confirm confirmed lgtm"
_NO_WORDS = "no n nope reject rejected rejects deny denied decline declined disapprove disapproved refuse refused"
_YES = {*re.split(" ", _YES_WORDS), "+1", "👍", "✅"}
_NO = {*re.split(" ", _NO_WORDS), "-1", "👎", "❌"}
_NOT = frozenset(("not", "don't", "dont", "cannot", "can't", "never"))
_WORD = re.compile(r"[+-]1|[\w']+|[👍👎✅❌]")
# Of these words one decides alone; further on it is one word among others.
_FIRST_WORDS = 3


def classify_by_rules(answer: Answer, questions: Sequence[Question]) -> Verdict:
    """Judge an answer by what it names, then by its words; the module's table has the scores."""
    message = answer.message
    if message.automatic:
        return FilteredOut(0.0, "an automatic message, written by no person")
    named, how, score = _named(answer, questions)
    if len(named) > 1:
        return Undecided(f"names {len(named)} open questions by {how}")
    if not named and answer.ended:
        ends = ", ".join(f"{interaction} ({status})" for interaction, status in answer.ended.items())
        return FilteredOut(0.9, f"answers what has ended: {ends}")
    if not named and message.names:
        return Undecided(f"names {', '.join(message.names)}, which is not an open question")
    if not named:
        named = [one for one in questions if one.channel_type == answer.channel and one.asked_first]
        how, score = f"the only open question on {answer.channel}", 0.7
        if len(named) != 1:
            return Undecided(f"names nothing, and {len(named)} questions are open on {answer.channel}")
        if answer.may_be_late:
            return Undecided(f"names nothing, and may be late for another question on {answer.channel}")
    (question,) = named
    said = _said(question, answer, anything_goes=score > 0.7)
    if said is None:
        return Undecided(f"{how}, but it says nothing that answers: {question.interaction_type}")
    data, certainty, what = said
    total = round(score * certainty, 2)
    if total < LEAST_SCORE:
        return Undecided(f"{how}, {what}, but {total} is too little")
    return Match(question.interaction_id, total, f"{how}; {what}", data, message.sender)


def _named(answer: Answer, questions: Sequence[Question]) -> tuple[list[Question], str, float]:
    """Return the questions that the answer names in the most exact way, how, and the score of that."""
    message = answer.message
    ids = {name.lower() for name in message.interaction_ids}
    by_id = [one for one in questions if str(one.interaction_id) in ids]
    if by_id:
        return by_id, "interaction id", 1.0
    # A thread or a button may carry either: what the sender was given to send back is looked for everywhere.
    by_correlation = [one for one in questions if one.correlation_id and one.correlation_id in message.names]
    if by_correlation:
        return by_correlation, "correlation id", 0.95
    by_message = [one for one in questions if set(_messages_of(one)) & set(message.replies_to)]
    return by_message, "the message it replies to", 0.9


def _messages_of(question: Question) -> list[str]:
    said = [question.request_data.get(name) for name in ("message_id", "thread_id", "thread_ts")]
    return [*question.message_ids, *(name for name in said if isinstance(name, str))]


def _said(question: Question, answer: Answer, *, anything_goes: bool) -> tuple[Any, float, str] | None:
    """Return what it answers, how certainly (0 to 1), and in words; None where it does not answer such a question."""
    message = answer.message
    text = message.text.strip()
    # The fields of a form could be about anything: they count for a question that the message names.
    form = message.form if anything_goes else {}
    data = {**form, **(message.data or {})} if form and isinstance(message.data, Mapping | None) else message.data
    if question.interaction_type in ("approval", "review"):
        if (approved := _approved(data)) is not None:
            return _with_text({"approved": approved}, data, text), 1.0, _yes_or_no(approved)
        decision, certainty = decide(text)
        if decision is None:
            return None
        return {**form, "approved": decision, "text": text}, certainty, _yes_or_no(decision)
    if message.data is not None:
        return data, 1.0, "sends data"
    if form and question.interaction_type != "selection":
        return _with_text({}, form, text), 1.0, "sends data"
    if question.interaction_type == "selection":
        option = _option(question.request_data, text)
        return None if option is None else ({**form, "selection": option, "text": text}, 1.0, "names an option")
    # Any text would answer: it has to say which question it answers.
    return ({"text": text}, 1.0, "sends text") if text and anything_goes else None


def decide(text: str) -> tuple[bool | None, float]:
    """Return yes, no or neither, and how certainly: 1.0 by one of the first words, 0.8 by a later one."""
    words = [word.lower() for word in _WORD.findall(text)]
    found: list[tuple[int, bool]] = []
    for place, word in enumerate(words):
        negated = place > 0 and words[place - 1] in _NOT
        if word in _YES:
            found.append((place, not negated))
        elif word in _NO and not negated:
            found.append((place, False))
    decisions = {decision for _, decision in found}
    if len(decisions) != 1:
        return None, 0.0
    (decision,) = decisions
    return decision, 1.0 if found[0][0] < _FIRST_WORDS else 0.8


def _approved(data: Any) -> bool | None:
    """Return the decision that structured data carries."""
    if isinstance(data, bool):
        return data
    if isinstance(data, str):
        return decide(data)[0]
    if isinstance(data, Mapping):
        for name in ("approved", "value", "decision"):
            if (found := _approved(data.get(name))) is not None:
                return found
    return None


def _with_text(decision: dict[str, Any], data: Any, text: str) -> dict[str, Any]:
    return {**(data if isinstance(data, Mapping) else {}), **decision, **({"text": text} if text else {})}


def _option(request: Mapping[str, Any], text: str) -> Any:
    """Return the option that the text names by its value or its label."""
    options = request.get("options")
    for option in options if isinstance(options, list) else ():
        names = option.values() if isinstance(option, Mapping) else (option,)
        if text and text.casefold() in {str(name).casefold() for name in names}:
            return option.get("value", text) if isinstance(option, Mapping) else option
    return None


def _yes_or_no(approved: bool) -> str:
    return "says yes" if approved else "says no"
