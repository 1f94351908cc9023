"""Answers as a stream of Arrow's: types, errors on the way, and streams that end too early."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from headgate.engines.answers import ResultColumn
from headgate.errors import QueryError, ServerError
from headgate.remote.arrowstream import read, write

SCHEMA = pa.schema([("a", pa.decimal128(10, 2)), ("b", pa.list_(pa.int32()))], metadata={"own": "kept"})
COLUMNS = (ResultColumn("a", "DECIMAL(10,2)"), ResultColumn("b", "INTEGER[]"))
BATCH = pa.RecordBatch.from_pylist([{"a": None, "b": [1]}, {"a": None, "b": None}], schema=SCHEMA)


def stream(batches: Any) -> bytes:
    return b"".join(write(COLUMNS, SCHEMA, batches))


@pytest.mark.parametrize("count", [0, 1, 3])
def test_rows_and_types_come_back(count: int) -> None:
    found = read(io.BytesIO(stream([BATCH] * count))).result()
    assert found.columns == COLUMNS
    assert found.arrow().schema.equals(SCHEMA, check_metadata=True)
    assert found.arrow().to_pylist() == BATCH.to_pylist() * count


def test_others_can_read_it() -> None:
    assert pa.ipc.open_stream(stream([BATCH])).read_all().num_rows == 2


def test_the_error_that_ends_it_comes_out_of_it() -> None:
    def failing() -> Iterator[pa.RecordBatch]:
        yield BATCH
        raise QueryError("late", place="line 1 of the statement")

    pieces: list[bytes] = []
    with pytest.raises(QueryError):
        pieces.extend(write(COLUMNS, SCHEMA, failing()))
    sent: list[bytes] = []
    making = write(COLUMNS, SCHEMA, failing())
    while True:
        try:
            sent.append(next(making))
        except QueryError:
            break
    with pytest.raises(QueryError, match="late") as raised:
        read(io.BytesIO(b"".join(sent))).result()
    assert raised.value.place == "line 1 of the statement"


def test_a_stream_that_ends_anywhere_else_is_broken() -> None:
    whole = stream([BATCH, BATCH])
    for length in range(len(whole)):
        with pytest.raises(ServerError, match="broke off"):
            read(io.BytesIO(whole[:length])).result()
    assert read(io.BytesIO(whole)).result().arrow().num_rows == 4


def test_what_is_no_stream_is_told() -> None:
    for text in (b"", b"{}", b"<html>" * 100, stream([])[:8] + b"\xff" * 100):
        with pytest.raises(ServerError):
            read(io.BytesIO(text)).result()
    foreign = io.BytesIO()
    with pa.ipc.new_stream(foreign, SCHEMA) as writer:
        writer.write_batch(BATCH)
    with pytest.raises(ServerError):
        read(io.BytesIO(foreign.getvalue())).result()
