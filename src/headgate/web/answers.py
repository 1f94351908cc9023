"""The two answers that take long: the rows of a query, and a merge through its checks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from anyio import CapacityLimiter

from headgate.engines.answers import ResultColumn, python_values
from headgate.engines.duckdb import query_stopped
from headgate.errors import Cancelled, HeadgateError
from headgate.events import Event
from headgate.lakehouse import Lakehouse
from headgate.remote import arrowstream
from headgate.remote.encoding import encode, exact, plain
from headgate.remote.protocol import LINES
from headgate.run.asking import Question
from headgate.run.lake import Lake
from headgate.web.streaming import Put, Work

if TYPE_CHECKING:
    import pyarrow as pa

QUERIES = 4
"""How many queries run at once, each with its share of the engine's memory; others wait their turn."""

# A smaller answer is complete before it is sent, so that an error in its last row has a status of its own.
_HELD_BACK = 4 * 1024 * 1024
_PIECE = 256 * 1024
_JSON = "application/json"


def querying(lake: Lake, arguments: Mapping[str, Any], accept: str, limiter: CapacityLimiter) -> Work:
    """The answer to a query: Arrow's stream format where that is accepted, else one JSON object."""
    asked = _Asked(lake, arguments["sql"], arguments.get("ref", "main"), arrow=arrowstream.MEDIA_TYPE in accept)
    media_type = arrowstream.MEDIA_TYPE if asked.arrow else _JSON
    return Work(asked.run, asked.stop, media_type, limiter)


class _Asked:
    """One query from its request to its last row."""

    def __init__(self, lake: Lake, sql: str, ref: str, *, arrow: bool) -> None:
        self.arrow = arrow
        self._lake = lake
        self._sql = sql
        self._ref = ref
        self._question: Question | None = None
        self._stopped = False

    def run(self, put: Put) -> None:
        """Make the answer."""
        with Question(self._lake, self._sql, self._ref, QUERIES) as question:
            self._question = question
            if self._stopped:
                raise query_stopped()
            columns, schema = question.ask()
            pieces = (
                arrowstream.write(columns, schema, question.batches())
                if self.arrow
                else _rows_as_json(columns, question.batches())
            )
            _put_all(pieces, put)

    def stop(self) -> None:
        """End it, from another thread."""
        self._stopped = True
        if self._question:
            self._question.stop()


def _put_all(pieces: Iterator[bytes], put: Put) -> None:
    """Hand pieces over, many small ones together, and the first of them late."""
    held: list[bytes] = []
    size, most, begun = 0, _HELD_BACK, False
    try:
        for piece in pieces:
            held.append(piece)
            size += len(piece)
            if size > most:
                put(b"".join(held))
                held.clear()
                size, most, begun = 0, _PIECE, True
    except HeadgateError:
        if begun and held:
            put(b"".join(held))
        raise
    if held:
        put(b"".join(held))


def _rows_as_json(columns: Sequence[ResultColumn], batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
    names = [column.name for column in columns]
    yield f'{{"columns": {encode(plain(columns))}, "rows": ['.encode()
    separator = ""
    for batch in batches:
        rows = zip(*python_values(batch), strict=True)
        for row in rows:
            yield (separator + encode(plain(dict(zip(names, row, strict=True))))).encode()
            separator = ", "
    yield b"]}"


def merging(lakehouse: Lakehouse, arguments: Mapping[str, Any], accept: str, limiter: CapacityLimiter) -> Work:
    """A merge: its events and its result, a line each, where that is accepted; else the result as JSON in the end.

    As one document the answer has the status of the error that ended the merge.
    """
    merge = _Merge(lakehouse, arguments)
    if LINES in accept:
        return Work(merge.as_lines, merge.stop, LINES, limiter, heartbeat=b"\n")
    work = Work(merge.as_document, merge.stop, _JSON, limiter)
    merge.work = work
    return work


class _Merge:
    """One merge from its request to its result."""

    work: Work | None = None

    def __init__(self, lakehouse: Lakehouse, arguments: Mapping[str, Any]) -> None:
        self._lakehouse = lakehouse
        self._arguments = arguments
        self._stopped = False
        self._told_to_stop = False
        self._begun = False

    def stop(self) -> None:
        """End it, from another thread, at its next event."""
        self._stopped = True

    def as_document(self, put: Put) -> None:
        """Make one JSON document, with the status of what ended the merge."""
        result = self._lakehouse.merge(**self._arguments, emit=lambda event: self._go_on())
        if self.work and result.error:
            self.work.status = result.error.status
        put(encode(plain(result)).encode())

    def as_lines(self, put: Put) -> None:
        """Make a line of each event; an error before the first is left to have a status of its own."""

        def tell(line: Mapping[str, Any]) -> None:
            self._begun = True
            put(json.dumps(line).encode() + b"\n")

        def emit(event: Event) -> None:
            self._go_on()
            try:
                if not self._stopped:
                    tell({"event": type(event).__name__, **exact(event)})
            except Cancelled:
                self._told_to_stop = True
                raise

        try:
            result = self._lakehouse.merge(**self._arguments, emit=emit)
        except HeadgateError as error:
            if not self._begun:
                raise
            tell({"error": exact(error)})
        else:
            tell({"result": exact(result)})

    def _go_on(self) -> None:
        """Raise `Cancelled` once when nobody waits any more; the run's own end tells of events as well."""
        if self._stopped and not self._told_to_stop:
            self._told_to_stop = True
            raise Cancelled("The merge was stopped.", hint="main is as it was.")
