"""The command `runfold`: `runfold <noun> <verb>`.

Exit codes: 0 success; 1 an error (one line on stderr that says what to do) or a difference that was found; 2 wrong
usage; 130 an interruption.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and end the process with its exit code."""
    from runfold.cli.ending import Interrupted, close_output, decoded, interrupted, output_failed, prepare_output

    try:
        prepare_output()
        sys.argv[1:] = decoded(sys.argv[1:])
        code = _run()
        code = close_output() or code
    except (KeyboardInterrupt, Interrupted):
        code = interrupted(sys.argv[1:])
        close_output()
    except OSError as failed:
        code = output_failed(failed)
    sys.exit(code)


def _run() -> int:
    """Run the command line and return its exit code; an error is a line on stderr."""
    from runfold.cli.app import build
    from runfold.cli.ending import is_of_output
    from runfold.cli.invocation import current

    try:
        build()(prog_name="runfold")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    except Exception as exc:
        if is_of_output(exc):
            raise
        import traceback

        from runfold.cli.output import print_text
        from runfold.database.connections import map_error
        from runfold.errors import RunfoldError

        error = exc if isinstance(exc, RunfoldError) else map_error(exc)
        if current().debug or error is None:
            print_text("".join(traceback.format_exception(exc)), err=True)
        said = f"{type(exc).__name__}: {exc}" if error is None else str(error)
        print_text(f"error: {' '.join(said.split())}", err=True)
        return 1
    return 0
