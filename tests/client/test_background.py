"""Work in the background can be stopped at any moment."""

from __future__ import annotations

import threading

import pytest

from runfold.client.background import Background


def test_what_is_being_started_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    is_starting, may_start = threading.Event(), threading.Event()
    really_start = threading.Thread.start
    work = Background("some work", lambda: None, 0.01)

    def start(thread: threading.Thread) -> None:
        if thread.name == "some work":
            is_starting.set()
            assert may_start.wait(30)
        really_start(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    failed: list[BaseException] = []

    def stop() -> None:
        try:
            work.stop()
        except BaseException as error:
            failed.append(error)

    starting, stopping = threading.Thread(target=work.start), threading.Thread(target=stop)
    starting.start()
    assert is_starting.wait(30)
    stopping.start()
    stopping.join(0.2)  # it waits for the start, or has failed by now
    may_start.set()
    starting.join(30)
    stopping.join(30)
    assert failed == []
    assert not any(thread.name == "some work" for thread in threading.enumerate())
