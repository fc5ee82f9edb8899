# Generated from ../aio/responses.py by `make sync`: edit that file, never this one.
"""Responses: a message that comes in is kept, classified, and answers one question at most."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from runfold.client.sync.interactions import read_waiting
from runfold.client.sync.log import Log, statement
from runfold.client.sync.writer import change_streams
from runfold.domain.aggregate import Aggregate
from runfold.domain.commands import append_of
from runfold.domain.execution import Execution
from runfold.domain.interaction import Interaction
from runfold.domain.matching.classifier import Answer, Classifier, FilteredOut, Match, Question, Undecided
from runfold.domain.matching.messages import Message, read_message
from runfold.domain.matching.outcomes import NO_WORKFLOW, Classified, Received, response_id_of
from runfold.domain.matching.rules import classify_by_rules
from runfold.domain.response import Response
from runfold.domain.waiting_pause import answered
from runfold.errors import ExecutionEnded, IllegalTransition, VersionConflict
from runfold.events.encoding import encoding_with
from runfold.events.envelope import RecordedEvent
from runfold.events.fields import Channel
from runfold.events.ids import new_id
from runfold.events.machines import INTERACTION
from runfold.events.streams import stream_id

# So long after a question's end an answer that names nothing may still be meant for it.
_LATE = timedelta(days=7)
_PAGE = 500
_UNKNOWN = "names no interaction that is known"
_BEFORE_ALL = datetime(1, 1, 1, tzinfo=UTC)


class Responses:
    """The messages that came in through channels."""

    def __init__(self, store: Log) -> None:
        self._store = store

    def receive(
        self,
        *,
        channel: Channel,
        raw_payload: Any,
        headers: dict[str, Any] | None = None,
        workflow_id: UUID | None = None,
        message_id: str | None = None,
        received_at: datetime | None = None,
    ) -> Received:
        """Keep a message as it came in. `classify` judges it, now or later.

        `message_id` is the channel's name of the message, read from the payload where it is not given: delivered
        again, it is recognized and kept once. Without `workflow_id`, the workflow of the interaction that it names is
        taken; a message that names none is kept for NO_WORKFLOW until its interaction is known.
        """
        message = read_message(channel, raw_payload, headers)
        tenant = self._store.user_id
        if workflow_id is None:
            workflow_id, tenant = self._place(message)
        elif tenant is None:
            rows = self._store._retried(statement("workflow_tenant"), {"workflow": workflow_id})
            tenant = rows[0][0] if rows else None
        name = message_id or message.message_id
        response_id = new_id() if name is None else response_id_of(workflow_id, channel, name)
        with encoding_with(self._store.default):
            response = Response.named(response_id).receive(
                workflow_id=workflow_id,
                source_channel=channel,
                raw_payload=raw_payload,
                headers=headers,
                received_at=received_at,
            )
        return Received(response_id, workflow_id, not self._is_new(response, tenant, name))

    def get(self, response_id: UUID) -> Response:
        """Return the response as the log has it; its status is None if there is none of that id."""
        stream = Response.named(response_id)
        return stream.after(self._store.read_stream(stream.id))

    def classify(self, response_id: UUID, *, classifier: Classifier = classify_by_rules) -> Classified:
        """Classify a response beside the open questions of its workflow, and record the verdict.

        A match, the answer and the end of the pause are one append: of two answers to one question, or an answer and
        its timeout, one is recorded. An answer that comes too late is filtered out with that reason, and never tried on
        another question. An undecided one stays open, for `sweep`. An error of the classifier is recorded with the
        response.
        """
        recorded = self._store.read_stream(stream_id("response", response_id))
        response = Response.named(response_id).after(recorded)
        if response.status is None:
            raise IllegalTransition(
                f"{response.id} does not exist: classify() is not possible; allowed: receive()",
                stream_id=response.id,
                machine="response",
                state=None,
                command="classify",
                allowed=("receive",),
            )
        if response.status != "unprocessed":
            return Classified(response_id, response.status, interaction_id=response.interaction_id, now=False)
        if response.workflow_id == NO_WORKFLOW:
            return self._move(response, recorded[0].metadata.get("message_id"))
        answer, questions = self._gathered(response, recorded[0])
        try:
            verdict = classifier(answer, questions)
        except Exception as error:
            return self._failed(response, f"{type(error).__name__}: {error}")
        if isinstance(verdict, Undecided):
            return Classified(response_id, "unprocessed", verdict.reasoning)
        if isinstance(verdict, FilteredOut):
            return self._filtered_out(response, verdict)
        if verdict.interaction_id not in {question.interaction_id for question in questions}:
            return self._failed(response, f"the classifier names {verdict.interaction_id}, which is not open")
        return self._matched(response, verdict, getattr(classifier, "__name__", type(classifier).__name__))

    def reason(self, response_id: UUID, *, classifier: Classifier = classify_by_rules) -> str | None:
        """Return why a response is open, as the classifier would judge it now; None for one that is not.

        Records nothing.
        """
        recorded = self._store.read_stream(stream_id("response", response_id))
        response = Response.named(response_id).after(recorded)
        if response.status != "unprocessed":
            return None
        if response.workflow_id == NO_WORKFLOW:
            channel = response.source_channel or ""
            workflow_id, _ = self._place(read_message(channel, response.raw_payload, response.headers))
            if workflow_id == NO_WORKFLOW:
                return _UNKNOWN
            return f"not classified since its question is known, of workflow {workflow_id}"
        answer, questions = self._gathered(response, recorded[0])
        try:
            verdict = classifier(answer, questions)
        except Exception as error:
            return f"the classifier fails: {type(error).__name__}: {error}"
        return verdict.reasoning if isinstance(verdict, Undecided) else f"not classified yet: {verdict.reasoning}"

    def match(
        self, response_id: UUID, interaction_id: UUID, response_data: Any, *, by: str, responder: str | None = None
    ) -> Classified:
        """Match a response with an interaction by hand; it is recorded as `classify` does.

        Raises IllegalTransition when either of them is not open.
        """
        verdict = Match(interaction_id, 1.0, f"matched by {by}", response_data, responder)
        response = self.get(response_id)
        return self._matched(response, verdict, by, by_hand=True)

    def filter_out(self, response_id: UUID, *, by: str, reason: str) -> Classified:
        """Filter a response out by hand: it answers no question."""
        verdict = FilteredOut(0.0, f"filtered out by {by}: {reason}")
        return self._filtered_out(self.get(response_id), verdict)

    def reopen(self, response_id: UUID, *, by: str) -> Response:
        """Open a response again that was filtered out, or failed, so that it is classified once more."""

        def change(response: Response) -> Iterable[Aggregate]:
            yield response.reopen(by)

        (changed,) = change_streams(self._store, change, Response.named(response_id))
        assert isinstance(changed, Response)
        return changed

    def sweep(
        self, *, workflow_id: UUID | None = None, classifier: Classifier = classify_by_rules
    ) -> Iterator[Classified]:
        """Classify every response that is still open, the oldest first: some came before their question was stored."""
        after_time, after_id = _BEFORE_ALL, UUID(int=0)
        while True:
            parameters = {"workflow": workflow_id, "after_time": after_time, "after_id": after_id, "limit": _PAGE}
            rows = self._store._retried(statement("unprocessed_responses"), parameters)
            for response_id, received_at in rows:
                yield self.classify(response_id, classifier=classifier)
                after_time, after_id = received_at, response_id
            if len(rows) < _PAGE:
                return

    def _is_new(self, response: Response, tenant: UUID | None, message_id: str | None) -> bool:
        """Record a response; return False when its message had come before."""
        metadata = {} if message_id is None else {"message_id": message_id}
        try:
            self._store.append_many([append_of(response, user_id=tenant, metadata=metadata)])
        except VersionConflict:
            return False
        return True

    def _place(self, message: Message) -> tuple[UUID, UUID | None]:
        """Return the workflow and the tenant of the interactions that a message names, if they have one in common."""
        named = self._named(message)
        places = {(workflow_id, user_id) for _, workflow_id, user_id, _, _ in named}
        return places.pop() if len(places) == 1 else (NO_WORKFLOW, self._store.user_id)

    def _named(self, message: Message) -> list[tuple[Any, ...]]:
        if not message.names:
            return []
        parameters = {"names": list(message.names), "tenant": self._store.user_id}
        return self._store._retried(statement("interactions_named"), parameters)

    def _move(self, response: Response, message_id: str | None) -> Classified:
        """If the workflow is known by now, move the response there and classify it; otherwise leave it."""
        response_id = UUID(response.name)
        channel = response.source_channel or ""
        message = read_message(channel, response.raw_payload, response.headers)
        workflow_id, tenant = self._place(message)
        if workflow_id == NO_WORKFLOW:
            return Classified(response_id, "unprocessed", _UNKNOWN)
        moved = Response.named(response_id_of(workflow_id, channel, message_id or response.name)).receive(
            workflow_id=workflow_id,
            source_channel=channel,  # type: ignore[arg-type]  # it was received so
            raw_payload=response.raw_payload,
            headers=response.headers,
        )
        self._is_new(moved, tenant, message_id)
        self._filtered_out(response, FilteredOut(0.0, f"received again for workflow {workflow_id}: {moved.name}"))
        return self.classify(UUID(moved.name))

    def _gathered(self, response: Response, received: RecordedEvent) -> tuple[Answer, list[Question]]:
        """Return the answer, and the questions that are open now."""
        workflow, channel = response.workflow_id or NO_WORKFLOW, response.source_channel or ""
        message = read_message(channel, response.raw_payload, response.headers)
        parameters = {"workflow": workflow, "tenant": received.user_id}
        rows = self._store._retried(statement("current_interactions"), parameters)
        asked = [self._store.encryption.opened_data(row[3], row[5]) for row in rows]
        before = {"workflow": workflow, "channel": channel, "since": received.recorded_at - _LATE}
        ends = self._store._retried(statement("last_end"), before)
        named = self._named(message)
        ended_now = any(
            INTERACTION.has_ended(row[2]) and request["channel_type"] == channel
            for row, request in zip(rows, asked, strict=True)
        )
        answer = Answer(
            response_id=UUID(response.name),
            workflow_id=workflow,
            channel=channel,
            raw_payload=response.raw_payload,
            headers=response.headers,
            message=message,
            received_at=received.recorded_at,
            ended={row[0]: row[3] for row in named if row[1] == workflow and INTERACTION.has_ended(row[3])},
            may_be_late=ended_now or bool(ends),
        )
        return answer, [
            Question(
                interaction_id=interaction_id,
                execution_id=request["execution_id"],
                node_id=request["node_id"],
                interaction_type=request["interaction_type"],
                channel_type=request["channel_type"],
                request_data=request["request_data"] if isinstance(request["request_data"], dict) else {},  # erased
                correlation_id=request.get("correlation_id"),
                tags=request.get("tags") or (),
                message_ids=message_ids,
                asked_first=asked_at < received.position,
            )
            for (interaction_id, asked_at, status, _, message_ids, _), request in zip(rows, asked, strict=True)
            if status == "pending"
        ]

    def _matched(self, response: Response, verdict: Match, classifier: str, *, by_hand: bool = False) -> Classified:
        """Record a match with the answer and the end of the pause, or that the response came too late."""
        response_id, interaction_id = UUID(response.name), verdict.interaction_id

        def change(response: Response, interaction: Interaction, *executions: Execution) -> Iterable[Aggregate]:
            if response.status != "unprocessed" and not by_hand:
                return
            ended = next((f"execution {one.name} is {one.status}" for one in executions if one.has_ended), None)
            if interaction.status != "pending":
                ended = f"interaction {interaction_id} is {interaction.status}"
            if ended is not None and not by_hand:
                late = f"{verdict.reasoning}; too late: {ended}"
                yield response.filter_out(ai_relevance_score=verdict.score, ai_reasoning=late)
                return
            yield response.match(
                interaction_id,
                ai_relevance_score=verdict.score,
                ai_reasoning=verdict.reasoning,
                classifier=classifier,
            )
            yield from answered(
                interaction,
                executions,
                verdict.response_data,
                responder=verdict.responder,
                response_id=response_id,
            )

        interaction = Interaction.named(interaction_id)
        interaction = interaction.after(self._store.read_stream(interaction.id))
        execution_id = interaction.execution_id
        executions = [] if execution_id is None else [read_waiting(self._store, execution_id)]
        try:
            changed = change_streams(self._store, change, response, interaction, *executions)
        except ExecutionEnded:
            if by_hand:
                raise
            # It ended since it was read: the answer is judged again, as one that comes too late.
            return self._matched(response, verdict, classifier)
        if not changed:
            return self.classify(response_id)
        (decided, *others) = changed
        assert isinstance(decided, Response)
        if not others:
            reasoning = f"{verdict.reasoning}; too late: interaction {interaction_id} has ended"
            return Classified(response_id, decided.status or "", reasoning, verdict.score)
        return Classified(
            response_id, "matched", verdict.reasoning, verdict.score, interaction_id, verdict.response_data
        )

    def _filtered_out(self, response: Response, verdict: FilteredOut) -> Classified:
        def change(response: Response) -> Iterable[Aggregate]:
            if response.status == "unprocessed":
                yield response.filter_out(ai_relevance_score=verdict.score, ai_reasoning=verdict.reasoning)

        return self._decided(
            response, change, Classified(UUID(response.name), "filtered_out", verdict.reasoning, verdict.score)
        )

    def _failed(self, response: Response, error: str) -> Classified:
        def change(response: Response) -> Iterable[Aggregate]:
            if response.status == "unprocessed":
                yield response.fail(error)

        return self._decided(response, change, Classified(UUID(response.name), "error", error))

    def _decided(self, response: Response, change: Any, outcome: Classified) -> Classified:
        """Record a verdict about the response alone, unless another writer has decided it meanwhile."""
        if change_streams(self._store, change, response):
            return outcome
        return self.classify(outcome.response_id)
