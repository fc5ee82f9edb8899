"""The command `runfold`: `runfold <noun> <verb>`.

Exit codes: 0 success; 1 an error (one line on stderr that says what to do), a difference that was found, or an
interruption; 2 wrong usage.
"""

from __future__ import annotations

import sys
import traceback


def main() -> None:
    """Run the command line and end the process with its exit code."""
    from runfold.cli.app import build
    from runfold.cli.invocation import current

    try:
        build()(prog_name="runfold")
    except Exception as exc:
        from runfold.cli.output import print_text
        from runfold.database.connections import map_error
        from runfold.errors import RunfoldError

        error = exc if isinstance(exc, RunfoldError) else map_error(exc)
        if current().debug or error is None:
            print_text("".join(traceback.format_exception(exc)), err=True)
        said = f"{type(exc).__name__}: {exc}" if error is None else str(error)
        print_text(f"error: {' '.join(said.split())}", err=True)
        sys.exit(1)
