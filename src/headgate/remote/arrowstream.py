"""Answers to queries as a stream of Arrow's IPC format.

The schema's metadata holds DuckDB's names of the types. When a statement fails after part of its answer is on the
way, an empty batch with the error as its metadata comes last, and the stream ends without Arrow's own mark of the end.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from headgate.engines.answers import Answer, ResultColumn, result_columns
from headgate.errors import HeadgateError, ServerError
from headgate.remote.encoding import exact, restore
from headgate.remote.structures import error_of

if TYPE_CHECKING:
    import pyarrow as pa

MEDIA_TYPE = "application/vnd.apache.arrow.stream"

_TYPES = b"headgate.types"
_ERROR = b"headgate.error"


def write(columns: Sequence[ResultColumn], schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    """The stream in pieces, at least one per batch.

    Args:
        columns: Of the answer.
        schema: Of the batches.
        batches: The rows. What they raise of ours goes into the stream, and is raised again when that is taken.
    """
    import pyarrow as pa

    pieces = _Pieces()
    types = json.dumps([column.type for column in columns]).encode()
    described = schema.with_metadata({**(schema.metadata or {}), _TYPES: types})
    writer = pa.ipc.new_stream(pieces, described)
    try:
        for batch in batches:
            writer.write_batch(batch.replace_schema_metadata(described.metadata))
            yield pieces.take()
    except HeadgateError as error:
        writer.write_batch(pa.RecordBatch.from_pylist([], schema=described), {_ERROR: json.dumps(exact(error))})
        yield pieces.take()
        raise
    writer.close()
    yield pieces.take()


def read(stream: IO[bytes]) -> Answer:
    """The answer that a stream holds; its rows are read as they are taken.

    Raises:
        HeadgateError: The one that ended the stream, perhaps only as the rows are taken.
        ServerError: The stream broke off, or is none; likewise.
    """
    import pyarrow as pa

    watched = _Watched(stream)
    with _whole():
        reader = pa.ipc.open_stream(watched)
        schema = reader.schema
        types = json.loads(schema.metadata[_TYPES])
        plain = schema.with_metadata({key: value for key, value in schema.metadata.items() if key != _TYPES} or None)
        columns = result_columns(plain.names, types)
    return Answer(columns, plain, _batches(reader, watched, plain))


def _batches(reader: Any, watched: _Watched, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    while True:
        with _whole():
            try:
                batch, metadata = reader.read_next_batch_with_custom_metadata()
            except StopIteration:
                watched.check()
                return
        if metadata is not None and _ERROR in dict(metadata):
            raise error_of(restore(json.loads(dict(metadata)[_ERROR])))
        yield batch.replace_schema_metadata(schema.metadata)


@contextmanager
def _whole() -> Iterator[None]:
    """Tell of a stream that is not what `write` makes."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, KeyError, TypeError) as error:
        raise ServerError(
            f"The answer broke off: {error}.", hint="Ask again; the server's log may tell why."
        ) from error


class _Pieces:
    """A file that is written to, and what was written since it was last asked."""

    closed = False

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def write(self, piece: Any) -> int:
        self._written.append(bytes(piece))
        return len(self._written[-1])

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        taken = b"".join(self._written)
        self._written.clear()
        return taken


class _Watched:
    """A stream that is read, and whether Arrow's mark of the end was the last of it: without, Arrow takes any end."""

    closed = False

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._last = b""

    def check(self) -> None:
        # To the very end, which a server notices: whoever goes away before it has broken the answer off.
        while self.read(1024):
            pass
        if not self._last.endswith(b"\xff\xff\xff\xff\x00\x00\x00\x00"):
            raise OSError("the end of the stream is missing")

    def read(self, count: int = -1) -> bytes:
        found = self._stream.read(count)
        self._last = (self._last + found)[-8:]
        return found
