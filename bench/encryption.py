"""Encrypting fields, compared with sending them plain: CPU of the client and of its whole append, in turns.

Each append is one NodeSucceeded whose output has 31, 2,000 or 20,000 characters, to a stream of a tenant, from one
client. The client's CPU is that of this process; the bytes are those that the log's column takes. The last rows are the
cipher alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median
from tempfile import TemporaryDirectory
from uuid import UUID, uuid4

import psycopg
from cryptography.fernet import Fernet

import runfold
from bench.rounds import Ratio, interleaved, report
from bench.servers import options, server
from runfold.events import NodeSucceeded
from runfold.events.envelope import NewEvent
from runfold.keys.cipher import TenantKey, new_key
from runfold.keys.policy import add_policies
from runfold.settings import Settings

SIZES = (31, 2_000, 20_000)


def cpu_of_appends(store: runfold.Store, size: int, count: int) -> float:
    """Return the microseconds of this process's CPU an append."""
    output = {"text": "x" * (size - 11)}
    stream = f"execution-{uuid4()}"
    began = time.process_time()
    for n in range(count):
        done = NodeSucceeded(activation=f"n{n}", node_id="n", end_time=0, output_data=output)
        store.append(stream, [NewEvent.of(done)])
    return (time.process_time() - began) / count * 1e6


def cpu_of(work: Callable[[], object], count: int) -> float:
    """Return the microseconds of this process's CPU a call."""
    began = time.process_time()
    for _ in range(count):
        work()
    return (time.process_time() - began) / count * 1e6


def main() -> None:
    """Run the bench."""
    arguments = options(__doc__, rounds=9).parse_args()
    count = 20 if arguments.quick else 200
    ratios: list[Ratio] = []
    facts: dict[str, object] = {}
    with server(arguments.url) as on, TemporaryDirectory() as keys:
        url = on.create(migrated=True)
        plain_tenant, tenant = uuid4(), uuid4()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("INSERT INTO auth.users (id) VALUES (%s)", [tenant])
            add_policies(connection, ["*"], user_id=tenant)
        given = Settings(master_keys=Fernet.generate_key().decode(), key_home=keys)  # type: ignore[arg-type]
        with (
            runfold.connect(url, user_id=plain_tenant, settings=given) as plain,
            runfold.connect(url, user_id=tenant, settings=given) as encrypted,
        ):
            for size in SIZES:
                sides = {
                    "encrypted": partial(cpu_of_appends, encrypted, size, count),
                    "plain": partial(cpu_of_appends, plain, size, count),
                }
                interleaved(sides, 1)
                took = interleaved(sides, arguments.rounds)
                ratios.append(Ratio.of(f"client's CPU, {size} characters", took["encrypted"], took["plain"]))
                facts |= {f"{size} {side}, µs an append": round(median(each)) for side, each in took.items()}
        with psycopg.connect(url) as connection:
            sizes = connection.execute(
                "SELECT user_id, octet_length((data -> 'output_data')::text), count(*) FROM runfold.events"
                " GROUP BY 1, 2 ORDER BY 2"
            ).fetchall()
            facts["bytes"] = {f"{'encrypted' if user == tenant else 'plain'} {size}": n for user, size, n in sizes}
    key = TenantKey(uuid4(), UUID(int=1), new_key())
    for size in SIZES:
        value = b"x" * size
        content = key.encrypt_field(value, identity="1", field="data")
        encrypting = partial(key.encrypt_field, value, identity="1", field="data")
        opening = partial(key.open_field, content, user_id=UUID(int=1), field="data")
        facts[f"{size} encrypting, µs"] = round(median(cpu_of(encrypting, 1000) for _ in range(5)), 1)
        facts[f"{size} opening, µs"] = round(median(cpu_of(opening, 1000) for _ in range(5)), 1)
    report("encryption", ratios, facts)


if __name__ == "__main__":
    main()
