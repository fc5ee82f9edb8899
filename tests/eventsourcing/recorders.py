"""Make recorders of an application as its factory does."""

from __future__ import annotations

from typing import Any, TypeVar

from runfold.eventsourcing import Datastore, RunfoldAggregateRecorder, RunfoldApplicationRecorder
from runfold.eventsourcing.originators import OriginatorIds
from runfold.runtime_sql import runtime_sql

statement = runtime_sql("runfold.eventsourcing")

TRecorder = TypeVar("TRecorder", bound=RunfoldAggregateRecorder)


def made(
    datastore: Datastore,
    recorder_class: type[TRecorder] = RunfoldApplicationRecorder,  # type: ignore[assignment]
    *,
    category: str = "accounts",
    text_ids: bool = False,
    **kwargs: Any,
) -> TRecorder:
    """Return a registered recorder of that category."""
    datastore.run(statement("register_application"), {"category": category, "name": category})
    return recorder_class(datastore, category=category, originator_ids=OriginatorIds(are_text=text_ids), **kwargs)
