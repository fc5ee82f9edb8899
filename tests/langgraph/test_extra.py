"""Without its extra, LangGraph's store says what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.process

WITHOUT = """
import sys
sys.modules["langgraph"] = None
import runfold
try:
    import runfold.langgraph
except runfold.errors.ExtraMissing as missing:
    print(missing.code, missing.extra, missing)
"""


def test_without_the_extra_the_error_names_it() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True)
    assert done.stdout.startswith("extra_missing langgraph "), done.stderr
    assert "pip install 'runfold[langgraph]'" in done.stdout
