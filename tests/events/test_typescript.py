"""The exported TypeScript compiles, takes what the server takes, and refuses what it refuses."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from runfold.events import VOCABULARY
from runfold.events.shapes import FILES
from tests.events.examples import ALL_EVENTS, data_for

COMPILER = "typescript@5"

GOOD = """
import type { Append, Appended, EventData, NewEvent, RecordedEvent } from "./runfold-events";

const created: NewEvent = {
  type: "ExecutionCreated",
  event_id: "5b0c9d2e-53b6-4f39-9d11-3f8a2b7f6a01",
  occurred_at: "2026-03-01T12:00:00Z",
  data: { execution_id: "order-12", workflow_id: "0d5a2c1e-7b64-4a5e-8f0e-9a7c5b1d2e3f", mode: "WEBHOOK" },
};
const append: Append = { stream_id: "execution-order-12", expected_version: 0, events: [created] };
const texts: Append<string> = { stream_id: "execution-order-12", expected_version: "0", events: [created] };
const next = (done: Appended<string>): string => done.version;

export function label(event: RecordedEvent): string {
  switch (event.type) {
    case "NodeStarted":
      return `${event.data.activation} began at ${event.data.start_time + 1}`;
    case "ExecutionFailed":
      return event.data.error_message.toUpperCase();
    default:
      return event.type;
  }
}
export const fields: (keyof EventData["NodeStarted"])[] = ["activation", "input_data"];
export { append, next, texts };
"""

# What must not compile, each with what the compiler names.
HEAD = 'import type { EventData, NewEvent, RecordedEvent } from "./runfold-events";\n'
BAD = {
    "a string for a number": (
        'export const data: EventData["ExecutionStarted"] = { start_time: "1772366401000" };',
        "'string' is not assignable to type 'number'",
    ),
    "an unknown mode": (
        'export const data: EventData["ExecutionCreated"] = { execution_id: "e", workflow_id: "w", mode: "BATCH" };',
        "BATCH",
    ),
    "a required field that is missing": (
        'export const data: EventData["ExecutionFailed"] = { end_time: 1 };',
        "error_message",
    ),
    "an unknown field": ('export const data: EventData["ExecutionStarted"] = { start_time: 1, zz: 2 };', "zz"),
    "null for what is not given": (
        'export const data: EventData["ExecutionPaused"] = { reason: null };',
        "null",
    ),
    "the data of another type": (
        'export const e: NewEvent = { type: "NodeStarted", event_id: "e", occurred_at: "t", data: { start_time: 1 } };',
        "data",
    ),
    "a type that only runfold appends": (
        'export const event: NewEvent = { type: "WorkflowDeleted", event_id: "e", occurred_at: "t", data: {} };',
        "WorkflowDeleted",
    ),
    "a field of another type after narrowing": (
        'export const at = (event: RecordedEvent) => (event.type === "NodeStarted" ? event.data.error_message : "");',
        "error_message",
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the compiler and the exported file."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    made = tmp_path_factory.mktemp("typescript")
    (made / "package.json").write_text('{"private": true}')
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", COMPILER], cwd=made, check=True, capture_output=True)
    (made / FILES["typescript"].name).write_text(FILES["typescript"].text(), encoding="utf-8")
    return made


def compiled(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    """Compile a program with the strictest checks, of the declarations as well."""
    (folder / "program.ts").write_text(program, encoding="utf-8")
    flags = ["--strict", "--exactOptionalPropertyTypes", "--noEmit", "--skipLibCheck", "false", "--target", "es2022"]
    command = [folder / "node_modules" / ".bin" / "tsc", *flags, "program.ts"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.mark.large
@pytest.mark.process
def test_a_program_that_uses_it_rightly_compiles(folder: Path) -> None:
    done = compiled(folder, GOOD)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.large
@pytest.mark.process
def test_the_data_of_every_type_compiles(folder: Path) -> None:
    lines = ['import type { EventData } from "./runfold-events";']
    for everything in (True, False):
        for event in ALL_EVENTS:
            written = json.dumps(data_for(event, everything=everything))
            name = f"{event.event_type()}{'Full' if everything else ''}"
            lines.append(f'export const a{name}: EventData["{event.event_type()}"] = {written};')
    done = compiled(folder, "\n".join(lines))
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.large
@pytest.mark.process
@pytest.mark.parametrize("case", BAD)
def test_control_what_the_server_refuses_does_not_compile(folder: Path, case: str) -> None:
    program, named = BAD[case]
    done = compiled(folder, HEAD + program)
    assert done.returncode != 0
    assert named in done.stdout


def test_every_type_is_declared_once() -> None:
    text = FILES["typescript"].text()
    for name in VOCABULARY:
        assert text.count(f"export interface {name} {{") == 1
        assert f"  {name}: {name};" in text
