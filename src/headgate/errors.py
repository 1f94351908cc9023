"""The one tree of errors.

Each class is a true sentence about what went wrong, carries an HTTP status and an exit code of the
command line, and is raised with four things: what it is about, the value that was met, the place
(file, line or row) and the next step. The parts are kept as attributes, so that the command line, the JSON
output and a server render the same error without parsing text.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import ClassVar

_SIGNALLED = "Query interrupted"


class HeadgateError(Exception):
    """Base of every error that headgate raises on purpose.

    Args:
        message: What is wrong, with the thing and the value, as one sentence.
        place: Where: `file:line`, a row, a branch, a URL.
        hint: What to do next.
        data: Further facts for machines; must be JSON-serialisable.
    """

    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        place: str | None = None,
        hint: str | None = None,
        data: dict[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.hint = hint
        self.data = data or {}

    def __str__(self) -> str:
        parts = [self.message]
        if self.place:
            parts.append(f"at {self.place}")
        if self.hint:
            parts.append(self.hint)
        return "\n".join(parts)

    def to_dict(self) -> dict[str, object]:
        """The error as one JSON object: `type`, `message`, `place`, `hint`, `data`."""
        return {
            "type": type(self).__name__,
            "message": self.message,
            "place": self.place,
            "hint": self.hint,
            "data": self.data,
        }


class UsageError(HeadgateError):
    """The command or call was not understood."""

    status = 400
    exit_code = 2


class ProjectError(HeadgateError):
    """A file of the project is missing or says something that cannot be."""

    status = 400
    exit_code = 2


class NotFound(HeadgateError):
    """Something that was named does not exist."""

    status = 404


class RefNotFound(NotFound):
    """No branch, tag, commit or time of that name."""


class TableNotFound(NotFound):
    """No table or view of that name in the state that was asked."""


class AlreadyExists(HeadgateError):
    """Something of that name exists already."""

    status = 409


class Conflict(HeadgateError):
    """Two changes touch the same tables and cannot be joined."""

    status = 409
    exit_code = 4


class StaleRef(Conflict):
    """A ref moved between reading and writing it; the write can be tried again."""


class ReadOnly(HeadgateError):
    """A write was sent to a tag, a commit, a time or a read-only session."""

    status = 409
    exit_code = 2


class Refused(HeadgateError):
    """A check, the contract or the gate said no."""

    status = 422
    exit_code = 3


class ContractError(Refused):
    """Data that breaks its contract in a way the contract does not tolerate."""


class DataError(HeadgateError):
    """A file or value that cannot be read as what it is said to be."""

    status = 422


class QueryError(HeadgateError):
    """A SQL statement that the engine rejects."""

    status = 400


class ModelError(HeadgateError):
    """A dbt model, test, seed or snapshot that does not parse or does not run."""


class CorruptHistory(HeadgateError):
    """The catalog's history does not add up."""


class MissingExtra(HeadgateError):
    """An optional library is needed and not installed."""

    exit_code = 2


class StorageError(HeadgateError):
    """The disk, the object store or the state database does not answer as it should."""

    status = 503


class FileMissing(StorageError):
    """A file that something refers to is not there."""


class FileChanged(StorageError):
    """A file was written to while it was read."""

    status = 409


class FileTaken(StorageError):
    """A new file was to be written under the name of one that is there."""

    status = 409


class Unauthorized(HeadgateError):
    """Whoever asks did not say who they are, or not with a token that holds."""

    status = 401


class Forbidden(HeadgateError):
    """Whoever asks may not do this."""

    status = 403


class ServerError(HeadgateError):
    """A server does not answer, or not as a server of headgate does."""

    status = 502


class Cancelled(HeadgateError):
    """The run was stopped from outside before it was done."""

    exit_code = 130


def origins(error: BaseException) -> Iterator[BaseException]:
    """An error, then what it came of, whether it was raised from that or while that was handled."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__


def was_interrupted(error: BaseException) -> bool:
    """Whether an error came of a signal: libraries that catch everything raise another one in its place."""
    # DuckDB tells of a signal that came while a statement ran by a plain RuntimeError, and pydantic of one that came
    # while it made a class by a SchemaError, of which nothing is the cause.
    return any(
        isinstance(each, KeyboardInterrupt)
        or (type(each) is RuntimeError and _SIGNALLED in str(each))
        or (type(each).__name__ == "SchemaError" and KeyboardInterrupt.__name__ in str(each))
        for each in origins(error)
    )


def did_you_mean(name: str, candidates: Iterable[str]) -> str | None:
    """A hint that names the closest candidate, or the candidates when there are few, or None."""
    known = sorted(candidates)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if close:
        return f"Did you mean '{close[0]}'?"
    if known and len(known) <= 8:
        return "There are: " + ", ".join(known) + "."
    return None


def counted(number: int, noun: str) -> str:
    """A number and what is counted, `1 row` and `1,200 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
