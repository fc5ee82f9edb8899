"""LangGraph's BaseStore over the documents and vectors of one tenant."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from runfold.errors import ExtraMissing

try:
    from langgraph.store.base import (
        BaseStore,
        GetOp,
        IndexConfig,
        Item,
        ListNamespacesOp,
        Op,
        PutOp,
        Result,
        SearchItem,
        SearchOp,
        TTLConfig,
        ensure_embeddings,
        get_text_at_path,
        tokenize_path,
    )
except ImportError as missing:
    raise ExtraMissing(
        "LangGraph's store needs langgraph-checkpoint", hint="pip install 'runfold[langgraph]'", extra="langgraph"
    ) from missing

from runfold.client.sync.service import Service
from runfold.client.sync.tenant import Tenant
from runfold.client.vector_rows import vector_errors
from runfold.events.faults import fault
from runfold.langgraph.filters import conditions, pattern
from runfold.memory import checks
from runfold.runtime_sql import runtime_sql

if TYPE_CHECKING:
    from runfold.client.sync.log import Log

_sql = runtime_sql("runfold.langgraph")

_Place = tuple[str, str]
_Vectors = dict[str, list[float]]


@dataclass
class _Batch:
    """Operations by kind. Reads see what was there before the batch; of two writes of one item the last counts."""

    size: int = 0
    gets: dict[int, GetOp] = field(default_factory=dict)
    searches: dict[int, SearchOp] = field(default_factory=dict)
    lists: dict[int, ListNamespacesOp] = field(default_factory=dict)
    puts: dict[_Place, PutOp] = field(default_factory=dict)
    texts: dict[_Place, dict[str, str]] = field(default_factory=dict)
    """Of each item the texts that are embedded, by the path that they come from."""


class RunfoldStore(BaseStore):
    """What agents of LangGraph remember of one user, in PostgreSQL.

    A namespace is a collection of documents. The user is the one of the constructor, never a label of a namespace:
    `store.as_user(user)` for a tenant under its policies, or a store with `user_id` for a service.
    """

    supports_ttl = True

    def __init__(
        self,
        store: Tenant | Log,
        user_id: UUID | str | None = None,
        *,
        index: IndexConfig | None = None,
        ttl: TTLConfig | None = None,
    ) -> None:
        self._session: Tenant | Service = store if isinstance(store, Tenant) else Service(store)
        found = store.user_id if user_id is None else user_id
        self.user_id = checks.uuid(found, "/user_id")
        self.ttl_config = ttl
        self.index_config: dict[str, Any] | None = None if index is None else dict(index)
        self.embeddings = None if index is None else ensure_embeddings(index.get("embed"))
        self._fields = [(path, tokenize_path(path)) for path in ((index or {}).get("fields") or ["$"])]

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Return the result of each operation; all writes are done together, after the reads, or none is."""
        batch = self._batch(ops)
        texts, queries = _texts(batch)
        vectors: _Vectors = {}
        if self.embeddings is not None:
            if texts:
                vectors |= zip(texts, self.embeddings.embed_documents(texts), strict=True)
            asked = {query: self.embeddings.embed_query(query) for query in queries}
            return self._run(batch, vectors, asked)
        return self._run(batch, vectors, {})

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Return the result of each operation, as `batch`; the database is asked in a thread."""
        batch = self._batch(ops)
        texts, queries = _texts(batch)
        vectors: _Vectors = {}
        asked: _Vectors = {}
        if self.embeddings is not None:
            if texts:
                vectors |= zip(texts, await self.embeddings.aembed_documents(texts), strict=True)
            asked = {query: await self.embeddings.aembed_query(query) for query in queries}
        return await asyncio.to_thread(self._run, batch, vectors, asked)

    def _batch(self, ops: Iterable[Op]) -> _Batch:
        batch = _Batch()
        for place, op in enumerate(ops):
            batch.size = place + 1
            if isinstance(op, GetOp):
                batch.gets[place] = op
            elif isinstance(op, SearchOp):
                batch.searches[place] = op
            elif isinstance(op, ListNamespacesOp):
                batch.lists[place] = op
            elif isinstance(op, PutOp):
                item = (_collection(op.namespace), checks.name(op.key, "/key"))
                batch.puts[item] = op
                batch.texts[item] = self._texts_of(op)
            else:
                raise ValueError(f"Unknown operation type: {type(op)}")  # noqa: TRY004 - as the library's own stores
        return batch

    def _texts_of(self, op: PutOp) -> dict[str, str]:
        """Return the texts of an item that are embedded, by the path that they come from."""
        if op.value is None or op.index is False or self.embeddings is None:
            return {}
        fields = self._fields if op.index is None else [(path, tokenize_path(path)) for path in op.index]
        found: dict[str, str] = {}
        for path, tokens in fields:
            texts = get_text_at_path(op.value, path if path == "$" else tokens)
            found |= {path if len(texts) == 1 else f"{path}.{n}": text for n, text in enumerate(texts)}
        return found

    def _run(self, batch: _Batch, vectors: _Vectors, asked: _Vectors) -> list[Result]:
        results: list[Result] = [None] * batch.size
        if batch.gets:
            for place, item in zip(batch.gets, self._get([*batch.gets.values()]), strict=True):
                results[place] = item
        for place, search in batch.searches.items():
            results[place] = self._search(search, asked)
        for place, asked_list in batch.lists.items():
            results[place] = self._list(asked_list)
        if batch.puts:
            self._put(batch, vectors)
        return results

    def _get(self, ops: Sequence[GetOp]) -> list[Item | None]:
        rows = self._session.fetch(
            _sql("get_items"),
            {
                "user": self.user_id,
                "collections": [_collection(op.namespace) for op in ops],
                "keys": [op.key for op in ops],
                "refresh": [op.refresh_ttl for op in ops],
            },
        )
        items: list[Item | None] = [None] * len(ops)
        for row in rows:
            place = row.pop("place") - 1
            items[place] = Item(namespace=ops[place].namespace, key=ops[place].key, **row)
        return items

    def _search(self, op: SearchOp, asked: _Vectors) -> list[SearchItem]:
        parameters: dict[str, Any] = {
            "user": self.user_id,
            "prefix": ".".join(op.namespace_prefix),
            "conditions": checks.json_text(conditions(op.filter), "/filter"),
            "query": op.query or None,
            "limit": checks.integer(op.limit, "/limit", 0, 2**31 - 1),
            "offset": checks.integer(op.offset, "/offset", 0, 2**31 - 1),
            "refresh": op.refresh_ttl,
        }
        vector = asked.get(op.query) if op.query else None
        if vector is None or not any(vector):
            rows = self._session.fetch(_sql("search_items"), parameters)
        else:
            parameters |= {"vector": orjson.dumps(vector).decode(), "dimensions": len(vector)}
            with vector_errors():
                rows = self._session.fetch(_sql("search_items_by_vector"), parameters)
        return [SearchItem(tuple(row.pop("collection_name").split(".")), row.pop("id"), **row) for row in rows]

    def _list(self, op: ListNamespacesOp) -> list[tuple[str, ...]]:
        matching = op.match_conditions or ()
        rows = self._session.fetch(
            _sql("list_namespaces"),
            {
                "user": self.user_id,
                "patterns": [pattern(each.path, suffix=each.match_type == "suffix") for each in matching],
                "depth": op.max_depth,
                "limit": op.limit,
                "offset": op.offset,
            },
        )
        return [tuple(row["path"]) for row in rows]

    def _put(self, batch: _Batch, vectors: _Vectors) -> None:
        items = [_written(place, op) for place, op in batch.puts.items()]
        user = {"user": self.user_id}
        with vector_errors(), self._session.transaction() as cursor:
            cursor.execute(_sql("put_items"), {**user, "items": orjson.dumps(items).decode()})
            if self.embeddings is None:
                return
            collections, keys = ([*part] for part in zip(*batch.puts, strict=True))
            cursor.execute(_sql("delete_vectors"), {**user, "collections": collections, "keys": keys})
            rows = [
                _vector(place, path, text, vectors[text])
                for place, texts in batch.texts.items()
                for path, text in texts.items()
                if any(vectors[text])  # a vector of length 0 is near to nothing
            ]
            if rows:
                made = {
                    "collections": [row["collection"] for row in rows],
                    "dimensions": len(next(iter(vectors.values()))),
                }
                cursor.execute(_sql("put_collections"), {**user, **made})
                cursor.execute(_sql("put_vectors"), {**user, "rows": orjson.dumps(rows).decode()})


def _texts(batch: _Batch) -> tuple[list[str], list[str]]:
    """Return the texts to embed, and the queries, each once."""
    texts = dict.fromkeys(text for found in batch.texts.values() for text in found.values())
    return [*texts], [*dict.fromkeys(op.query for op in batch.searches.values() if op.query)]


def _collection(namespace: tuple[str, ...]) -> str:
    return checks.name(".".join(namespace), "/namespace")


def _written(place: _Place, op: PutOp) -> dict[str, Any]:
    """Return an item as `put_items` takes it; without content, it is deleted."""
    found: dict[str, Any] = {"collection": place[0], "key": place[1]}
    if op.value is None:
        return found
    text = checks.json_text(op.value, "/value", "object")
    words = " ".join(_leaves(op.value))
    return {
        **found,
        "value": orjson.loads(text),
        "content": text,
        "search_content": words,
        "minutes": _minutes(op.ttl),
    }


def _minutes(ttl: float | None) -> float | None:
    most = checks.MAX_LIFE / timedelta(minutes=1)
    if ttl is not None and not 0 < ttl <= most:
        raise fault("out_of_range", "/ttl", limit=["0", f"{most:.0f} minutes"], found=ttl)
    return ttl


def _leaves(value: Any) -> Iterable[str]:
    """Return the texts and numbers of a value, for a search of words."""
    if isinstance(value, Mapping):
        value = [*value.values()]
    if isinstance(value, list | tuple):
        for each in value:
            yield from _leaves(each)
    elif value is not None:
        yield str(value)


def _vector(place: _Place, path: str, text: str, vector: Sequence[float]) -> dict[str, Any]:
    """Return a vector as `put_vectors` takes it."""
    collection, key = place
    name = f"{key}#{path}"
    return {
        "collection": collection,
        "vector_key": name if len(name) <= 255 else hashlib.sha256(name.encode()).hexdigest(),
        "text": text,
        "embedding": orjson.dumps([float(number) for number in vector]).decode(),
        "metadata": {"key": key, "path": path},
    }
