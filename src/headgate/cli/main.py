"""The command `headgate`: its commands put together, and the edge at which an error becomes text and an exit code."""

from __future__ import annotations

import errno
import gc
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from headgate.cli.commands import projects, quarantine, reading, records, run, serving, versions
from headgate.cli.invocation import SIGNALS, Invocation, only_tell, shared_options
from headgate.cli.output.streams import drop_output, is_of_output, make_usable
from headgate.cli.output.writer import TextWriter
from headgate.cli.parameters import spare_validators
from headgate.errors import Cancelled, HeadgateError, StorageError, UsageError, did_you_mean, was_interrupted
from headgate.version import __version__

# What keeps a file from being read or written without anybody's mistake in here.
_OF_THE_MACHINE = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
}
_ABOUT = """A lakehouse in one package: nothing reaches main until its checks pass.

Start with: headgate init my-lake, then headgate sources add FILE, then headgate run.
"""


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"headgate {__version__}\n")
        raise typer.Exit


def _program(
    invocation: Invocation,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """The shared options may stand before the name of the command."""


def program() -> typer.Typer:
    """The command line as Typer has it, all commands registered."""
    app = typer.Typer(
        name="headgate", help=_ABOUT, no_args_is_help=True, rich_markup_mode="rich", suggest_commands=False
    )
    app.callback()(shared_options(_program))
    app.info.help = _ABOUT
    for module in (run, quarantine, reading, versions, records, serving, projects):
        module.add(app)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: What stands after `headgate`; default: those of the process.

    Returns:
        The exit code.
    """
    # A command is mostly its start: collecting what imports left costs more than it frees. The first run of a project
    # with thirty models makes half a million objects and leaves hardly a cycle of them; with a fifth of this there are
    # three collections, of 0.1 s each, and 7 % less memory. With 300 models it is 1.4 s of 23, and 70 MB of 376.
    gc.set_threshold(1_000_000, 20, 20)
    make_usable()
    given = list(sys.argv[1:] if arguments is None else arguments)
    invocation = Invocation(json="--json" in given)
    signal.signal(signal.SIGTERM, _interrupt)
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        code = _run(given, invocation)
        only_tell()
        sys.stdout.flush()
        # Nor is there anything to gain from one last collection at the end of the process.
        gc.freeze()
    except BrokenPipeError:
        # The reader has what it wanted (`| head`).
        drop_output()
        return 128 + signal.SIGPIPE
    except OSError as error:
        drop_output()
        return _untold(error)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return code


def _run(arguments: list[str], invocation: Invocation) -> int:
    try:
        command = spare_validators(typer.main.get_command(program()))
        if "_HEADGATE_COMPLETE" in os.environ:
            command.main(args=arguments, prog_name="headgate")
        # Not `command.main`: that turns interrupts and closed pipes into exits of its own.
        with command.make_context("headgate", arguments, obj=invocation) as context:
            command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    except HeadgateError as error:
        return _failed(error, invocation)
    except TyperException as error:
        return _misused(error, invocation)
    except (typer.Abort, KeyboardInterrupt):
        return _failed(_stopped(), invocation)
    except BrokenPipeError:
        raise
    except Exception as error:  # the edge: a person gets a sentence, --debug the traceback
        if was_interrupted(error):
            return _failed(_stopped(), invocation)
        if isinstance(error, OSError) and is_of_output(error):
            raise
        if isinstance(error, OSError) and error.filename is not None and error.errno in _OF_THE_MACHINE:
            return _failed(_unusable(error), invocation)
        bug = HeadgateError(
            f"Something that should not happen did: {type(error).__name__}: {error}",
            hint="This is a bug in headgate. Run the command again with --debug and report what it prints.",
        )
        bug.__cause__ = error
        return _failed(bug, invocation)
    return 0


def _stopped() -> Cancelled:
    # A signal may come after the last thing that was to be done.
    return Cancelled(
        "The command was stopped.", hint="Nothing is half done; headgate log shows whether a change had reached main."
    )


def _unusable(error: OSError) -> HeadgateError:
    told = StorageError(
        f"'{os.fsdecode(error.filename)}' cannot be read or written: {error.strerror}.",
        hint="Check who may read and write it, and that there is room; then run the command again.",
    )
    told.__cause__ = error
    return told


def _untold(error: OSError) -> int:
    """Tell that the result could not be told; in no other way, for a document would go where the result went."""
    told = StorageError(
        f"The result cannot be written to standard output: {error.strerror}.",
        hint="What the command changed stands: headgate log and headgate runs show it.",
    )
    TextWriter().error(told)
    return told.exit_code


def _failed(error: HeadgateError, invocation: Invocation) -> int:
    only_tell()
    invocation.writer.error(error, debug=invocation.debug, context=invocation.context)
    return error.exit_code


def _misused(error: Any, invocation: Invocation) -> int:
    """Tell what Typer did not understand; a group that was called without a subcommand shows its help."""
    if type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(error.message + "\n")
        return 2
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "headgate"
    message, hint = _explained(error, context)
    told = UsageError(message, place=path, hint="\n".join(part for part in (hint, f"See: {path} --help") if part))
    return _failed(told, invocation)


def _explained(error: Any, context: Any) -> tuple[str, str | None]:
    """Typer's message, and the closest name when a command or an option is unknown."""
    unknown = getattr(error, "option_name", None)
    if type(error).__name__ == "NoSuchOption" and context is not None:
        options = [name for parameter in context.command.params for name in parameter.opts if name.startswith("-")]
        return f"There is no option '{unknown}'.", did_you_mean(str(unknown), options)
    text = str(error.format_message())
    commands = getattr(context.command, "commands", None) if context else None
    if commands and text.startswith("No such command"):
        name = text.split("'")[1]
        return f"There is no command '{name}'.", did_you_mean(name, commands)
    return text, None


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Being asked to end is being interrupted: what is going on is cleaned up."""
    raise KeyboardInterrupt
