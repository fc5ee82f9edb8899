"""The default classifier: first the name in an answer decides, then its text; an unclear answer stays open."""

# ruff: noqa: E501 - tables of cases

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runfold.domain.matching.classifier import Answer, FilteredOut, Match, Question, Undecided
from runfold.domain.matching.messages import read_message, unquoted
from runfold.domain.matching.rules import classify_by_rules, decide

ID = UUID("6f2c1f8e-2f5b-4a4e-9a59-0c8f3c2f9a11")
OTHER = UUID("7f2c1f8e-2f5b-4a4e-9a59-0c8f3c2f9a12")


def question(interaction_id: UUID = ID, **about: Any) -> Question:
    return Question(
        **{
            "interaction_id": interaction_id, "execution_id": "e", "node_id": "n", "interaction_type": "approval",
            "channel_type": "slack", "request_data": {}, **about,
        }
    )  # fmt: skip


def answer(payload: Any, channel: str = "slack", headers: dict[str, Any] | None = None, **about: Any) -> Answer:
    return Answer(
        response_id=uuid4(), workflow_id=uuid4(), channel=channel, raw_payload=payload, headers=headers,
        message=read_message(channel, payload, headers), received_at=datetime.now(UTC), **about,
    )  # fmt: skip


def in_thread(text: str, thread: str = "1.1") -> dict[str, Any]:
    event = {"type": "message", "channel": "C", "user": "U1", "ts": "9.9", "thread_ts": thread, "text": text}
    return {"event_id": "Ev1", "event": event}


BUTTON = {
    "type": "block_actions", "trigger_id": "T1", "user": {"id": "U1"}, "container": {"channel_id": "C", "message_ts": "1.1"},
    "message": {"ts": "1.1"}, "actions": [{"action_id": "approve", "block_id": str(ID), "value": "approve", "action_ts": "2"}],
}  # fmt: skip
MAIL = {
    "message_id": "<b@x>",
    "in_reply_to": "<a@x>",
    "from": "ann@x",
    "text": "Approved.\n\nOn Monday bob wrote:\n> no?",
}

MATCHES: dict[str, tuple[Answer, Question, float, Any]] = {
    "a button under the message": (answer(BUTTON), question(), 1.0, {"value": "approve", "approved": True, "text": "approve"}),
    "a reply in the thread": (
        answer(in_thread("yes, go on")), question(message_ids=["1.1"]), 0.9, {"approved": True, "text": "yes, go on"},
    ),
    "a thread that the request names": (
        answer(in_thread("not approved")), question(request_data={"thread_ts": "1.1"}), 0.9,
        {"approved": False, "text": "not approved"},
    ),
    "a decision further on": (
        answer(in_thread("I looked at it and think we reject it")), question(message_ids=["1.1"]), 0.72,
        {"approved": False, "text": "I looked at it and think we reject it"},
    ),
    "a mail that replies": (
        answer(MAIL, "email"), question(channel_type="email", message_ids=["a@x"]), 0.9, {"approved": True, "text": "Approved."},
    ),
    "a correlation id in a header": (
        answer({"approved": False}, "webhook", {"X-Correlation-Id": "c1"}), question(correlation_id="c1"), 0.95,
        {"approved": False},
    ),
    "the interaction's id from the application": (
        answer({"interaction_id": str(ID).upper(), "data": {"approved": True, "limit": 5}}, "in_app"), question(), 1.0,
        {"approved": True, "limit": 5},
    ),
    "a form's fields beside a decision": (
        answer({"interaction_id": str(ID), "approved": True, "limit": 5, "comment": "fine", "by": "ann"}, "webhook"), question(), 1.0,
        {"approved": True, "limit": 5, "text": "fine"},
    ),
    "a form's fields beside a word": (
        answer({"correlation_id": "c1", "text": "yes", "limit": 5}, "webhook"), question(correlation_id="c1"), 0.95,
        {"approved": True, "limit": 5, "text": "yes"},
    ),
    "a decision in a form's own field": (
        answer({"interaction_id": str(ID), "decision": "rejected", "user": {"email": "ann@x"}}, "webhook"), question(), 1.0,
        {"approved": False, "decision": "rejected"},
    ),
    "a form is an input": (
        answer({"interaction_id": str(ID), "city": "Bern", "nights": 2, "user": "ann"}, "webhook"),
        question(interaction_type="input"), 1.0, {"city": "Bern", "nights": 2},
    ),
    "input is any text": (
        answer(in_thread("42")), question(interaction_type="input", message_ids=["1.1"]), 0.9, {"text": "42"},
    ),
    "a selection by its label": (
        answer(in_thread("the blue one")),
        question(interaction_type="selection", message_ids=["1.1"],
                 request_data={"options": [{"label": "The blue one", "value": "b"}, "red"]}),
        0.9, {"selection": "b", "text": "the blue one"},
    ),
    "words alone, where one question can be meant": (
        answer({"event": {"text": "ok", "user": "U1", "ts": "3.3", "channel": "D"}}), question(), 0.7,
        {"approved": True, "text": "ok"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MATCHES)
def test_what_names_a_question_and_answers_it_is_matched(case: str) -> None:
    given_answer, asked, score, data = MATCHES[case]
    unrelated = question(OTHER, channel_type="email" if asked.channel_type != "email" else "slack")
    verdict = classify_by_rules(given_answer, [unrelated, asked])
    assert isinstance(verdict, Match), verdict
    assert (verdict.interaction_id, verdict.score, verdict.response_data) == (ID, score, data)
    assert verdict.reasoning


@pytest.mark.parametrize(
    "said",
    [
        {"by": "ann"},
        {"user": "ann"},
        {"user": {"id": "ann"}},
        {"user": {"email": "ann"}},
        {"by": {"name": "ann"}},
        {"responder": "ann"},
        {"user_id": "ann"},
    ],
)
def test_who_sent_a_form_is_the_responder(said: dict[str, Any]) -> None:
    verdict = classify_by_rules(answer({"interaction_id": str(ID), "approved": True, **said}, "webhook"), [question()])
    assert isinstance(verdict, Match)
    assert (verdict.responder, verdict.response_data) == ("ann", {"approved": True})


OPEN: dict[str, tuple[Answer, list[Question]]] = {
    "a form that names nothing": (
        answer({"event": "ping", "decision": "yes"}, "webhook"),
        [question(channel_type="webhook"), question(OTHER, channel_type="email", interaction_type="input")],
    ),
    "a form that names nothing, beside an input": (
        answer({"event": "ping"}, "webhook"), [question(channel_type="webhook", interaction_type="input")],
    ),
    "nothing is open": (answer(in_thread("yes")), []),
    "another thread": (answer(in_thread("yes", "8.8")), [question(message_ids=["1.1"])]),
    "words, and two open questions": (answer({"text": "yes"}), [question(), question(OTHER)]),
    "words, asked after": (answer({"text": "yes"}), [question(asked_first=False)]),
    "words, may be late": (answer({"text": "yes"}, may_be_late=True), [question()]),
    "words on another channel": (answer({"text": "yes"}, "webhook"), [question()]),
    "names what is not known yet": (answer({"interaction_id": str(OTHER), "approved": True}, "in_app"),
                                    [question(channel_type="in_app")]),
    "a thread with two questions": (answer(in_thread("yes")), [question(message_ids=["1.1"]), question(OTHER, message_ids=["1.1"])]),
    "no decision": (answer(in_thread("what does it cost?")), [question(message_ids=["1.1"])]),
    "both": (answer(in_thread("yes and no")), [question(message_ids=["1.1"])]),
    "no such option": (answer(in_thread("green")),
                       [question(interaction_type="selection", message_ids=["1.1"], request_data={"options": ["red"]})]),
    "text for no question in particular": (answer({"text": "42"}), [question(interaction_type="input")]),
}  # fmt: skip


@pytest.mark.parametrize("case", OPEN)
def test_what_is_unclear_stays_open(case: str) -> None:
    verdict = classify_by_rules(*OPEN[case])
    assert isinstance(verdict, Undecided), verdict
    assert verdict.reasoning


@pytest.mark.parametrize(
    "given_answer",
    [
        answer({"event": {"bot_id": "B1", "text": "yes"}}),
        answer({**MAIL, "headers": {"Auto-Submitted": "auto-replied"}}, "email"),
        answer({"interaction_id": str(OTHER), "approved": True}, "in_app", ended={OTHER: "timeout"}),
    ],
    ids=["a bot", "an automatic reply", "late"],
)
def test_what_answers_nothing_is_filtered_out(given_answer: Answer) -> None:
    verdict = classify_by_rules(given_answer, [question(channel_type=given_answer.channel)])
    assert isinstance(verdict, FilteredOut), verdict


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda c: st.lists(c) | st.dictionaries(st.text(), c),
    max_leaves=8,
)
NAMES = ("event", "actions", "text", "ts", "thread_ts", "user", "message", "container", "headers", "references", "data",
         "interaction_id", "in_reply_to", "from", "channel", "message_id", "body", "options", "auto_submitted")  # fmt: skip


@given(
    st.sampled_from(["slack", "email", "webhook", "in_app"]),
    JSON | st.dictionaries(st.sampled_from(NAMES), JSON),
    st.none() | st.dictionaries(st.sampled_from(NAMES), JSON),
)
def test_no_payload_is_refused_and_none_answers_a_question_that_is_not_open(
    channel: str, payload: Any, headers: dict[str, Any] | None
) -> None:
    said = answer(payload, channel, headers)
    verdict = classify_by_rules(said, [question(channel_type=channel), question(OTHER, channel_type=channel)])
    assert not isinstance(verdict, Match) or verdict.interaction_id in (ID, OTHER)
    if isinstance(verdict, Match):
        assert 0.5 <= verdict.score <= 1


def test_the_same_message_has_the_same_name_and_another_has_another() -> None:
    again = {**in_thread("yes"), "event_time": 5}
    assert answer(in_thread("yes")).message.message_id == answer(again).message.message_id
    assert answer(BUTTON).message.message_id != answer({**BUTTON, "trigger_id": "T2"}).message.message_id
    assert answer(MAIL, "email").message.message_id == "b@x"
    assert answer({"text": "hm"}, "webhook").message.message_id is None


@pytest.mark.parametrize(
    ("text", "decision"),
    [("Yes!", True), ("LGTM", True), ("+1", True), ("👎", False), ("don't approve", False), ("not approved", False),
     ("", None), ("yesterday", None), ("yes no", None), ("nobody knows", None)],
)  # fmt: skip
def test_words_decide(text: str, decision: bool | None) -> None:
    assert decide(text)[0] is decision


def test_what_a_mail_quotes_is_not_what_it_says() -> None:
    assert unquoted("I agree\n> no\nOn 1 May, Bob <b@x> wrote:\nreject") == "I agree"
