"""The command `headgate`, and `python -m headgate`: an interrupt as it starts ends it like one that comes later."""

from __future__ import annotations

import signal
import sys

from headgate.errors import Cancelled


def main() -> int:
    """Run the command that the process was started with, and give its exit code."""
    try:
        # A tenth of a second and more, in which whoever typed the wrong thing presses Ctrl-C.
        from headgate.cli.main import main as command

        code = command()
    except KeyboardInterrupt:
        code = _stopped(Cancelled("The command was stopped before it began.", hint="Nothing was done."))
    # All is done and told: a signal would end what Python has to do at its end with a traceback.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    return code


def _stopped(error: Cancelled) -> int:
    """Tell without what the command line tells with, which may be half imported."""
    import json

    sys.stderr.write(f"Error: {error.message}\n  {error.hint}\n")
    if "--json" in sys.argv[1:]:
        sys.stdout.write(json.dumps({"error": error.to_dict()}) + "\n")
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main())
