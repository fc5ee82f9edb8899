"""Without its extra, an adapter says what to install; the handler of logging needs none."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.process

WITHOUT = """
import sys
for name in ("opentelemetry", "agents", "google"):
    sys.modules[name] = None
import runfold.adapters.logging
import runfold
try:
    import runfold.adapters.{module}
except runfold.errors.ExtraMissing as missing:
    print(missing.code, missing.extra, missing)
"""


@pytest.mark.parametrize(
    ("module", "extra"),
    [("opentelemetry", "opentelemetry"), ("otlp", "otlp"), ("otlp_server", "otlp"), ("openai_agents", "openai-agents")],
)
def test_without_the_extra_the_error_names_it(module: str, extra: str) -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT.format(module=module)], capture_output=True, text=True)
    assert done.stdout.startswith(f"extra_missing {extra} "), done.stderr
    assert f"pip install 'runfold[{extra}]'" in done.stdout
