"""A model is built when its event is made for the first time, so that a command builds none it does not need."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.process

IMPORTED = """
from runfold.events import VOCABULARY
print(sum(event.__pydantic_complete__ for event in VOCABULARY.values()))
"""

# All threads make the same events first; the interpreter switches between them as often as it can.
AT_ONCE = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
sys.setswitchinterval(1e-6)
from runfold.errors import InvalidInput
from runfold.events import VOCABULARY
together = threading.Barrier(8)
def make():
    together.wait()
    for event in VOCABULARY.values():
        try:
            event(nothing_of_this_name=1)
        except InvalidInput as refused:
            assert refused.code in ("required", "unknown_field"), refused
with ThreadPoolExecutor(8) as pool:
    [made.result() for made in [pool.submit(make) for _ in range(8)]]
print(sum(event.__pydantic_complete__ for event in VOCABULARY.values()) == len(VOCABULARY))
"""


def printed(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def test_importing_the_vocabulary_builds_no_model() -> None:
    assert printed(IMPORTED) == "0"


def test_threads_that_make_an_event_first_at_the_same_time_all_succeed() -> None:
    assert printed(AT_ONCE) == "True"
