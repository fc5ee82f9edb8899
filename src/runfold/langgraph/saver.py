"""LangGraph's BaseCheckpointSaver on the log: a thread is a stream of one tenant."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from runfold.errors import ExtraMissing

try:
    from langgraph.checkpoint.base import (
        WRITES_IDX_MAP,
        BaseCheckpointSaver,
        ChannelVersions,
        Checkpoint,
        CheckpointMetadata,
        CheckpointTuple,
        get_checkpoint_id,
        get_checkpoint_metadata,
    )
except ImportError as missing:
    raise ExtraMissing(
        "LangGraph's checkpointer needs langgraph-checkpoint",
        hint="pip install 'runfold[langgraph]'",
        extra="langgraph",
    ) from missing

from runfold.events.faults import fault
from runfold.langgraph.loading import Loader, config_of
from runfold.langgraph.saving import Put, writes_event
from runfold.langgraph.thread_log import Event, Open, ThreadLog
from runfold.langgraph.threads import PRUNED, RUNS_DELETED, THREAD_DELETED, runs_in, sorted_writes
from runfold.memory import checks

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.serde.base import SerializerProtocol

    from runfold.client.sync.store import Store

_PAGE = 50


class RunfoldSaver(BaseCheckpointSaver[str]):
    """The checkpoints of one user's threads, in the log: a thread is the stream `langgraph-<thread_id>`.

    `store` is a service's; the streams belong to `user_id`. Safe to share between threads and tasks.
    """

    def __init__(
        self, store: Store, user_id: UUID | str | None = None, *, serde: SerializerProtocol | None = None
    ) -> None:
        super().__init__(serde=serde)
        found = store.user_id if user_id is None else user_id
        self.user_id = checks.uuid(found, "/user_id")
        self._log = ThreadLog(store, self.user_id)

    @property
    def _loader(self) -> Loader:
        return Loader(self._log, self.serde)  # the library changes the serializer of a copy

    # -- reading -------------------------------------------------------------------------------------------------------

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return the checkpoint that a config names, or the newest of its thread and namespace; None without one."""
        thread_id, ns = _place(config)
        with self._log.thread(thread_id) as opened:
            name = get_checkpoint_id(config) or opened.state.latest(ns)
            if name is None or name not in opened.state.checkpoints.get(ns, {}):
                return None
            return next(iter(self._loader.tuples(thread_id, opened, [(ns, name)], None)), None)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - the library's
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Return the checkpoints of a thread, the newest first; without a config those of all threads of the user."""
        bound = get_checkpoint_id(before) if before else None
        thread_ids = [config["configurable"]["thread_id"]] if config else self._log.thread_ids()
        only = get_checkpoint_id(config) if config else None
        ns = config["configurable"].get("checkpoint_ns") if config else None

        def found() -> Iterator[CheckpointTuple]:
            for thread_id in thread_ids:
                with self._log.thread(str(thread_id)) as opened:
                    names = [
                        (where, name)
                        for where, saved in opened.state.checkpoints.items()
                        if ns is None or where == ns
                        for name in sorted(saved, reverse=True)
                        if (not only or name == only) and (not bound or name < bound)
                    ]
                for start in range(0, len(names), _PAGE):
                    with self._log.thread(str(thread_id)) as opened:
                        page = self._loader.tuples(str(thread_id), opened, names[start : start + _PAGE], filter)
                    yield from page

        return islice(found(), None if limit is None else max(limit, 0))

    # -- writing -------------------------------------------------------------------------------------------------------

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Record a checkpoint with the values of its new versions, and return the config that names it."""
        thread_id, ns = _place(config)
        body = {**checkpoint}
        values = cast(dict[str, Any], body.pop("channel_values"))
        typed = {
            channel: self.serde.dumps_typed(values[channel]) if channel in values else None for channel in new_versions
        }
        kept = cast(dict[str, Any], get_checkpoint_metadata(config, metadata))
        header = {
            "ns": ns,
            "id": checkpoint["id"],
            "parent": get_checkpoint_id(config),
            "run": kept.get("run_id") if isinstance(kept.get("run_id"), str) else None,
            "delta": "counters_since_delta_snapshot" in kept,
        }
        with self._log.thread(thread_id, fresh=False) as opened:
            put = Put(opened, header, self.serde.dumps_typed(body), self.serde.dumps_typed(kept))
            self._log.append(opened, lambda before: put.events(before, new_versions, typed))
            opened.recent.update(put.recent)
        return config_of(thread_id, ns, checkpoint["id"])

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Record what a task has written that belongs to the checkpoint of a config; what is recorded already stays."""
        thread_id, ns = _place(config)
        name = config["configurable"]["checkpoint_id"]
        found = [
            (WRITES_IDX_MAP.get(channel, n), channel, self.serde.dumps_typed(value))
            for n, (channel, value) in enumerate(writes)
        ]
        with self._log.thread(thread_id, fresh=False) as opened:

            def plan(_: int) -> list[Event]:
                there = opened.state.writes.get((ns, name), {})
                new = [write for write in found if write[0] < 0 or (task_id, write[0]) not in there]
                return [writes_event(ns, name, task_id, task_path, new)] if new else []

            self._log.append(opened, plan)

    def delete_thread(self, thread_id: str) -> None:
        """Record that a thread is deleted: from then on nothing of it is read. Its events stay in the log."""
        with self._log.thread(thread_id) as opened:
            self._log.append(opened, lambda _: [(THREAD_DELETED, {}, [])] if opened.state.version else [])
            opened.recent.clear()

    def delete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Record that the checkpoints of runs are deleted; this reads every thread of the user."""
        for thread_id in self._log.thread_ids() if run_ids else ():
            with self._log.thread(thread_id) as opened:

                def plan(_: int, opened: Open = opened) -> list[Event]:
                    there = runs_in(opened.state, run_ids)
                    return [(RUNS_DELETED, {"runs": there}, [])] if there else []

                self._log.append(opened, plan)

    def prune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Record that only the newest checkpoint of each namespace is kept, or with `delete` none."""
        if strategy not in ("keep_latest", "delete"):
            raise fault("not_allowed", "/strategy", limit=["keep_latest", "delete"], found=strategy)
        for thread_id in thread_ids:
            if strategy == "delete":
                self.delete_thread(thread_id)
                continue
            with self._log.thread(thread_id) as opened:

                def plan(_: int, opened: Open = opened) -> list[Event]:
                    gone = opened.state.to_prune()
                    return [(PRUNED, {"gone": gone}, [])] if gone else []

                self._log.append(opened, plan)

    def copy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy all checkpoints and writes of a thread to another one, in their order."""
        copied = [*self.list({"configurable": {"thread_id": source_thread_id}})][::-1]
        seen: set[tuple[str, str, Any]] = set()
        with self._log.thread(source_thread_id) as opened:
            writes = {key: dict(found) for key, found in opened.state.writes.items()}
        for found in copied:
            ns, name = found.config["configurable"]["checkpoint_ns"], found.config["configurable"]["checkpoint_id"]
            versions = found.checkpoint["channel_versions"]
            new = {
                channel: version
                for channel, version in versions.items()
                if channel in found.checkpoint["channel_values"] and (ns, channel, version) not in seen
            }
            seen |= {(ns, channel, version) for channel, version in new.items()}
            parent = found.parent_config["configurable"]["checkpoint_id"] if found.parent_config else None
            self.put(config_of(target_thread_id, ns, parent), found.checkpoint, found.metadata, new)
            tasks: dict[tuple[str, str], list[tuple[str, Any]]] = {}
            ordered = [*sorted_writes(writes.get((ns, name), {}))]
            for (task, write), (_, channel, value) in zip(ordered, found.pending_writes or (), strict=False):
                tasks.setdefault((task, write.path), []).append((channel, value))
            for (task, path), pairs in tasks.items():
                self.put_writes(config_of(target_thread_id, ns, name), pairs, task, path)

    def get_next_version(self, current: str | None, channel: None) -> str:  # noqa: ARG002 - the library's
        """Return a version after this one that no fork of the thread gives to another value."""
        count = 0 if current is None else int(str(current).partition(".")[0])
        return f"{count + 1:08}.{random.getrandbits(40):010x}"

    # -- asyncio -------------------------------------------------------------------------------------------------------

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return as `get_tuple`; the database is asked in a thread, as by all methods for asyncio."""
        return await asyncio.to_thread(self.get_tuple, config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - the library's
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Return as `list`."""
        found = self.list(config, filter=filter, before=before, limit=limit)
        while page := await asyncio.to_thread(lambda: [*islice(found, _PAGE)]):
            for each in page:
                yield each

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Record as `put`."""
        return await asyncio.to_thread(self.put, config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Record as `put_writes`."""
        await asyncio.to_thread(self.put_writes, config, writes, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete as `delete_thread`."""
        await asyncio.to_thread(self.delete_thread, thread_id)

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        """Delete as `delete_for_runs`."""
        await asyncio.to_thread(self.delete_for_runs, run_ids)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Prune as `prune`."""
        await asyncio.to_thread(lambda: self.prune(thread_ids, strategy=strategy))

    async def acopy_thread(self, source_thread_id: str, target_thread_id: str) -> None:
        """Copy as `copy_thread`."""
        await asyncio.to_thread(self.copy_thread, source_thread_id, target_thread_id)


def _place(config: RunnableConfig) -> tuple[str, str]:
    configurable = config["configurable"]
    return str(configurable["thread_id"]), configurable.get("checkpoint_ns", "")
