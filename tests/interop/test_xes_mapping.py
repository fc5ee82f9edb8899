"""Each rule of the mapping on a small log."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from runfold.errors import ImportFailed
from runfold.events import VOCABULARY
from runfold.events.envelope import NewEvent
from runfold.interop.xes_mapping import XES_IDS, workflow_id
from runfold.interop.xes_options import XesOptions, parse_transitions
from runfold.interop.xes_reading import EVENTS_PER_PART
from tests.interop.replay import events_of, produced, replay
from tests.interop.xes_files import XesEventText, XesTraceText, attribute, second, trace_of, write_log

PENDING, RUNNING, SUCCESS = ("PENDING", 0), ("RUNNING", 0), ("SUCCESS", 0)


def rows_of(tmp_path: Path, *transitions: str | None) -> list[tuple[str, int]]:
    """Return the rows for one node's transitions."""
    trace = trace_of("case", *(("node", transition) for transition in transitions))
    return replay(produced(write_log(tmp_path / "log.xes", [trace])))["case"].rows().get("node", [])


@pytest.mark.parametrize(
    ("transitions", "rows"),
    [
        (["SCHEDULE"], [PENDING]),
        (["SCHEDULE", "SCHEDULE"], [PENDING, PENDING]),
        (["SCHEDULE", "START"], [RUNNING]),
        (["START"], [RUNNING]),
        (["START", "START"], [("RUNNING", 1)]),
        (["SCHEDULE", "START", "START", "START"], [("RUNNING", 2)]),
        (["START", "START", "COMPLETE"], [("SUCCESS", 1)]),
        (["START", "COMPLETE", "START"], [SUCCESS, RUNNING]),
        (["START", "START", "COMPLETE", "START", "START"], [("SUCCESS", 1), ("RUNNING", 1)]),
        (["START", "SCHEDULE"], [RUNNING, PENDING]),
        (["START", "SCHEDULE", "START", "COMPLETE"], [RUNNING, SUCCESS]),
        (["START", "SCHEDULE", "COMPLETE", "COMPLETE"], [RUNNING, SUCCESS, SUCCESS]),
        (["SCHEDULE", "COMPLETE"], [SUCCESS]),
        (["COMPLETE"], [SUCCESS]),
        (["COMPLETE", "COMPLETE"], [SUCCESS, SUCCESS]),
        ([None, ""], [SUCCESS, SUCCESS]),
        (["schedule", "Start", "cOMPLETE"], [SUCCESS]),
        (["SUSPEND"], []),
        (["START", "suspend", "resume", "COMPLETE"], [SUCCESS]),
    ],
)
def test_transitions_leave_the_rows_the_mapping_says(
    tmp_path: Path, transitions: list[str | None], rows: list[tuple[str, int]]
) -> None:
    assert rows_of(tmp_path, *transitions) == rows


def test_nodes_of_a_trace_do_not_meet(tmp_path: Path) -> None:
    trace = trace_of("case", ("a", "START"), ("b", "START"), ("a", "COMPLETE"), ("b", "START"))
    assert replay(produced(write_log(tmp_path / "log.xes", [trace])))["case"].rows() == {
        "a": [SUCCESS],
        "b": [("RUNNING", 1)],
    }


def test_traces_do_not_meet(tmp_path: Path) -> None:
    traces = [trace_of("1", ("a", "START")), trace_of("2", ("a", "START"))]
    executions = replay(produced(write_log(tmp_path / "log.xes", traces)))
    assert executions["1"].rows() == executions["2"].rows() == {"a": [RUNNING]}


def test_first_event_creates_and_starts_and_last_one_ends(tmp_path: Path) -> None:
    trace = trace_of(
        "case 7", XesEventText("a", "START", resource="ann"), XesEventText("a", "COMPLETE", resource="bob")
    )
    [append] = produced(write_log(tmp_path / "log.xes", [trace], name="my log"))
    assert append.stream_id == "execution-case 7"
    assert append.expected_version == 0
    events = events_of([append], "execution-case 7")
    started, ended = (int(second(number).timestamp() * 1000) for number in (0, 1))
    node = {"activation": "a#1", "node_id": "a", "node_type": "ACTION"}
    assert [(event.type, event.data) for event in events] == [
        (
            "ExecutionCreated",
            {"execution_id": "case 7", "workflow_id": str(workflow_id("my log")), "mode": "TRIGGER"},
        ),
        ("ExecutionStarted", {"start_time": started}),
        ("NodeStarted", node | {"attempt": 1, "start_time": started}),
        ("NodeSucceeded", node | {"end_time": ended}),
        ("ExecutionSucceeded", {"end_time": ended}),
    ]
    assert [event.occurred_at for event in events] == [second(0)] * 3 + [second(1)] * 2
    assert [event.metadata for event in events] == [{"actor": "ann"}] * 3 + [{"actor": "bob"}] * 2


def test_event_without_resource_has_no_actor(tmp_path: Path) -> None:
    [append] = produced(write_log(tmp_path / "log.xes", [trace_of("case", ("a", "COMPLETE"))]))
    assert all(isinstance(event, NewEvent) and event.metadata == {} for event in append.events)


def test_unnamed_transition_adds_a_log_line_and_changes_no_node(tmp_path: Path) -> None:
    trace = trace_of("case", ("a", "assign"), ("a", "START"), XesEventText("a", "suspend", resource="ann"))
    appends = produced(write_log(tmp_path / "log.xes", [trace]))
    execution = replay(appends)["case"]
    assert execution.status == "SUCCESS"
    assert execution.rows() == {"a": [RUNNING]}
    assert execution.logs == ["a: assign", "a: suspend"]
    first, last = events_of(appends, "log-case")
    assert last.data == {"level": "INFO", "event_type": "workflow_progress", "message": "a: suspend", "node_id": "a"}
    assert (first.occurred_at, last.occurred_at) == (second(0), second(2))
    assert last.metadata == {"actor": "ann"}
    assert [append.expected_version for append in appends] == [0, 0]


def test_trace_of_only_unnamed_transitions_starts_and_ends(tmp_path: Path) -> None:
    appends = produced(write_log(tmp_path / "log.xes", [trace_of("case", ("a", "assign"))]))
    types = ["ExecutionCreated", "ExecutionStarted", "ExecutionSucceeded"]
    assert [event.type for event in events_of(appends, "execution-case")] == types


@pytest.mark.parametrize(
    ("more", "at"),
    [
        ("", "1970-01-01T00:00:00+00:00"),
        (
            attribute("REG_DATE", "2011-10-01T02:00:00.5+02:00", element="date"),
            "2011-10-01T00:00:00.500000+00:00",
        ),
        (
            attribute("x", "y", inside=attribute("z", "1999-01-01T00:00:00Z", element="date"))
            + attribute("a", "2000-01-01T00:00:00Z", element="date")
            + attribute("b", "2001-01-01T00:00:00Z", element="date"),
            "2000-01-01T00:00:00+00:00",
        ),
    ],
)
def test_trace_without_events_starts_and_succeeds_at_once(tmp_path: Path, more: str, at: str) -> None:
    appends = produced(write_log(tmp_path / "log.xes", [XesTraceText("empty", more=more)]))
    events = events_of(appends, "execution-empty")
    assert [event.type for event in events] == ["ExecutionCreated", "ExecutionStarted", "ExecutionSucceeded"]
    assert {event.occurred_at.isoformat() for event in events} == {at}
    assert replay(appends)["empty"].status == "SUCCESS"


def test_ids_are_the_same_in_every_run_and_unlike_in_every_place(tmp_path: Path) -> None:
    traces = [
        trace_of("1", ("a", "START"), ("a", "START"), ("a", "wait")),
        trace_of("2", ("a", "START")),
        XesTraceText("3"),
    ]
    first = produced(write_log(tmp_path / "one.xes", traces))
    assert produced(write_log(tmp_path / "two.xes", traces)) == first
    other = produced(write_log(tmp_path / "three.xes", traces, name="another log"))
    ids = [event.event_id for append in first + other for event in append.events if isinstance(event, NewEvent)]
    assert len(ids) == len(set(ids)) == 2 * (6 + 4 + 3)


def test_growing_at_the_end_changes_nothing_before_it(tmp_path: Path) -> None:
    traces = [trace_of(str(number), ("a", "START"), ("b", None)) for number in range(5)]
    grown = produced(write_log(tmp_path / "grown.xes", traces))
    assert grown[:3] == produced(write_log(tmp_path / "log.xes", traces[:3]))


def test_workflow_is_named_by_the_log_and_else_by_the_file(tmp_path: Path) -> None:
    unnamed = write_log(tmp_path / "loans.xes", [XesTraceText("1")], name=None)
    [created, *_] = events_of(produced(unnamed), "execution-1")
    assert created.data is not None
    assert UUID(created.data["workflow_id"]) == workflow_id("loans")
    assert workflow_id("loans") not in {XES_IDS, workflow_id("Loans")}


def test_activations_of_names_at_the_limit_stay_within_it_and_apart(tmp_path: Path) -> None:
    names = ["n" * 255, "n" * 254 + "m", "n" * 253]
    trace = trace_of("case", *((name, "COMPLETE") for name in names * 2))
    events = events_of(produced(write_log(tmp_path / "log.xes", [trace])), "execution-case")
    activations = [event.data["activation"] for event in events if event.data and "activation" in event.data]
    assert len(set(activations)) == len(activations) == 6
    assert max(map(len, activations)) == 255
    assert activations[2] == "n" * 253 + "#1"


def test_long_trace_comes_in_parts_that_join_seamlessly(tmp_path: Path) -> None:
    length = 2 * EVENTS_PER_PART + 1
    transitions = ("SCHEDULE", "START", "START", "COMPLETE", "other")
    events = [("a", transitions[number % len(transitions)]) for number in range(length)]
    appends = produced(write_log(tmp_path / "log.xes", [trace_of("long", *events)]))
    execution = [append for append in appends if append.stream_id == "execution-long"]
    assert len(execution) == 3
    for stream_id in ("execution-long", "log-long"):
        version = 0
        for append in (append for append in appends if append.stream_id == stream_id):
            assert append.expected_version == version
            version += len(append.events)
    types = [event.type for append in execution for event in append.events if isinstance(event, NewEvent)]
    assert (types[0], types[1], types[-1]) == ("ExecutionCreated", "ExecutionStarted", "ExecutionSucceeded")
    assert types.count("ExecutionCreated") == types.count("ExecutionSucceeded") == 1
    [rows] = replay(appends)["long"].rows().values()
    assert rows == [("SUCCESS", 1)] * (length // 5) + [PENDING]


def test_trace_of_exactly_one_part_still_ends(tmp_path: Path) -> None:
    events = [("a", "COMPLETE")] * EVENTS_PER_PART
    [append] = produced(write_log(tmp_path / "log.xes", [trace_of("full", *events)]))
    assert len(append.events) == EVENTS_PER_PART + 3
    assert replay([append])["full"].status == "SUCCESS"


def test_events_are_those_of_the_vocabulary(tmp_path: Path) -> None:
    steps = [("a", transition) for transition in ("SCHEDULE", "START", "COMPLETE", "other")]
    appends = produced(write_log(tmp_path / "log.xes", [XesTraceText("case", steps), XesTraceText("empty")]))
    seen = set()
    for append in appends:
        for event in append.events:
            assert isinstance(event, NewEvent)
            assert VOCABULARY[event.type].from_data(event.data or {}).to_data() == event.data
            assert append.stream_id.partition("-")[0] == VOCABULARY[event.type].category()
            seen.add(event.type)
    assert len(seen) == 7


def history(tmp_path: Path, *events: XesEventText) -> list[tuple[str, str, int | None]]:
    """Of one trace: the type, the activation and the attempt of each event of a node."""
    appends = produced(write_log(tmp_path / "log.xes", [trace_of("case", *events)]))
    return [
        (event.type, event.data["activation"], event.data.get("attempt"))
        for event in events_of(appends, "execution-case")
        if event.data and "activation" in event.data
    ]


def test_instances_of_a_node_that_overlap_are_activations_of_their_own(tmp_path: Path) -> None:
    def event(transition: str, instance: str | None) -> XesEventText:
        return XesEventText("a", transition, instance=instance)

    overlapping = [event("start", "i1"), event("start", "i2"), event("complete", "i1"), event("complete", "i2")]
    assert history(tmp_path, *overlapping) == [
        ("NodeStarted", "a#1", 1),
        ("NodeStarted", "a#2", 1),
        ("NodeSucceeded", "a#1", None),
        ("NodeSucceeded", "a#2", None),
    ]
    # The same without instances is one activation and its retry: only the instance tells them apart.
    assert history(tmp_path, *(XesEventText("a", one.transition) for one in overlapping)) == [
        ("NodeStarted", "a#1", 1),
        ("NodeStarted", "a#1", 2),
        ("NodeSucceeded", "a#1", None),
        ("NodeSucceeded", "a#2", None),
    ]


def test_instance_is_scheduled_started_retried_and_ended_beside_others(tmp_path: Path) -> None:
    steps = [("SCHEDULE", "x"), ("SCHEDULE", "y"), ("START", "x"), ("START", None), ("START", "x"), ("COMPLETE", "y")]
    events = [XesEventText("a", transition, instance=instance) for transition, instance in steps]
    assert history(tmp_path, *events, XesEventText("a", "START", instance="x"), XesEventText("b", instance="x")) == [
        ("NodeScheduled", "a#1", None),
        ("NodeScheduled", "a#2", None),
        ("NodeStarted", "a#1", 1),
        ("NodeStarted", "a#3", 1),
        ("NodeStarted", "a#1", 2),
        ("NodeSucceeded", "a#2", None),
        ("NodeStarted", "a#1", 3),
        ("NodeSucceeded", "b#1", None),
    ]


def test_instance_that_is_empty_is_none(tmp_path: Path) -> None:
    events = [XesEventText("a", "START", instance=""), XesEventText("a", "COMPLETE")]
    assert [activation for _, activation, _ in history(tmp_path, *events)] == ["a#1", "a#1"]


def test_instances_overlap_across_the_parts_of_a_long_trace(tmp_path: Path) -> None:
    middle = [XesEventText("b", "COMPLETE")] * EVENTS_PER_PART
    start = [XesEventText("a", "START", instance=instance) for instance in "xy"]
    end = [XesEventText("a", "COMPLETE", instance=instance) for instance in "xy"]
    of_a = [step for step in history(tmp_path, *start, *middle, *end) if step[1].startswith("a#")]
    assert [activation for _, activation, _ in of_a] == ["a#1", "a#2", "a#1", "a#2"]


def test_no_node_names_a_parent(tmp_path: Path) -> None:
    # What names none is shown at the root of the tree, and no log can make a ring of nodes.
    parent = XesEventText("a", "START", more=attribute("parent_activation", "a#1"))
    appends = produced(write_log(tmp_path / "log.xes", [trace_of("case", parent, ("a", "COMPLETE"))]))
    assert not [event for event in events_of(appends, "execution-case") if "parent_activation" in (event.data or {})]


INCIDENT = [
    ("Accepted", "In Progress"),
    ("Queued", "Awaiting Assignment"),
    ("Accepted", "Assigned"),
    ("Done", "Closed"),
]


def test_lifecycle_of_the_logs_own_makes_nodes_where_it_is_explained(tmp_path: Path) -> None:
    path = write_log(tmp_path / "log.xes", [trace_of("case", *INCIDENT)])
    assert replay(produced(path))["case"].rows() == {}
    steps = parse_transitions(["in progress=start", "Assigned=complete", "Closed=complete"])
    execution = replay(produced(path, XesOptions(transitions=steps)))["case"]
    assert execution.rows() == {"Accepted": [SUCCESS], "Done": [SUCCESS]}
    assert execution.logs == ["Queued: Awaiting Assignment"]


def test_every_other_transition_may_have_a_step_that_the_standard_ones_keep(tmp_path: Path) -> None:
    path = write_log(tmp_path / "log.xes", [trace_of("case", *INCIDENT, ("a", "START"))])
    execution = replay(produced(path, XesOptions(transitions=parse_transitions(["*=complete", "Assigned=log"]))))[
        "case"
    ]
    assert execution.rows() == {"Accepted": [SUCCESS], "Queued": [SUCCESS], "Done": [SUCCESS], "a": [RUNNING]}
    assert execution.logs == ["Accepted: Assigned"]


def test_transition_of_the_standard_may_be_explained_otherwise(tmp_path: Path) -> None:
    path = write_log(tmp_path / "log.xes", [trace_of("case", ("a", "START"), ("a", None), ("b", "assign"))])
    steps = parse_transitions(["complete=log", "assign=schedule"])
    execution = replay(produced(path, XesOptions(transitions=steps)))["case"]
    assert execution.rows() == {"a": [RUNNING], "b": [PENDING]}
    assert execution.logs == ["a: COMPLETE"]


@pytest.mark.parametrize("texts", [["start"], ["=start"], ["a=begin"], ["a="], [""], ["a=start", "A=complete"]])
def test_transition_that_says_no_step_is_refused(texts: list[str]) -> None:
    with pytest.raises(ValueError, match=r"STEP|two steps"):
        parse_transitions(texts)
    assert parse_transitions(["a=b=Start", "a=b=start"]) == {"A=B": "start"}


def test_prefix_makes_other_executions_with_other_ids(tmp_path: Path) -> None:
    traces = [trace_of("1", ("a", "START"), ("a", "wait"))]
    path = write_log(tmp_path / "log.xes", traces)
    plain, prefixed = produced(path), produced(path, XesOptions(prefix="tickets/"))
    assert [append.stream_id for append in prefixed] == ["execution-tickets/1", "log-tickets/1"]
    assert events_of(prefixed, "execution-tickets/1")[0].data == {
        **(events_of(plain, "execution-1")[0].data or {}),
        "execution_id": "tickets/1",
    }
    ids = [event.event_id for append in plain + prefixed for event in append.events if isinstance(event, NewEvent)]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("prefix", ["p" * 255, "語" * 97, "a\n"])
def test_prefix_that_makes_no_execution_id_is_refused(tmp_path: Path, prefix: str) -> None:
    path = write_log(tmp_path / "log.xes", [trace_of("1", ("a", "START"))])
    with pytest.raises(ImportFailed, match="the id ") as refused:
        produced(path, XesOptions(prefix=prefix))
    assert "line" in refused.value.facts
