"""Processes that work at the same time: each takes its orders through a pipe and returns its times."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from typing import Any


class Processes:
    """Processes that run one function, each with its arguments, a barrier and a pipe.

    The function sends anything when it is ready. Then it takes orders until it gets None, meets the others at the
    barrier, and sends the times of its beginning and end.
    """

    def __init__(self, work: Callable[..., None], arguments: Sequence[tuple[Any, ...]]) -> None:
        spawn = multiprocessing.get_context("spawn")
        ready = spawn.Barrier(len(arguments))
        self._pipes = []
        self._processes = []
        for own in arguments:
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=work, args=(*own, ready, theirs), daemon=True)
            process.start()
            self._pipes.append(ours)
            self._processes.append(process)
            ours.recv()  # one after the other: the library's tables are made by the first

    def __len__(self) -> int:
        return len(self._processes)

    def seconds(self, order: tuple[Any, ...]) -> float:
        """Give all of them an order; return the seconds from the first one's beginning to the last one's end."""
        for pipe in self._pipes:
            pipe.send(order)
        times: list[tuple[float, float]] = [pipe.recv() for pipe in self._pipes]
        return max(ended for _, ended in times) - min(began for began, _ in times)

    def end(self) -> None:
        for pipe in self._pipes:
            pipe.send(None)
        for process in self._processes:
            process.join()
