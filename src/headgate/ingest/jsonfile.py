"""JSON: documents with a path to the rows, and files with a record per line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from headgate.engines.duckdb import Session
from headgate.errors import DataError, QueryError, did_you_mean
from headgate.ingest.contract import Options
from headgate.ingest.digits import as_numbers, marked, unlike
from headgate.ingest.plain import CHUNK, PLAIN, PlainFile, path_literal, shown
from headgate.ingest.rows import Raw, Rows
from headgate.ingest.rules import json_columns, pointer
from headgate.types import literal

_NO_JSON = "the line is not JSON"
# A quote alone is the beginning of a string that goes on behind what has been read.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[{}\[\]:,]|[^\s"{}\[\]:,]+|"', re.DOTALL)
_BRACKETS = re.compile(rb'"(?:[^"\\]|\\.)*+"|[{}\[\]]|"', re.DOTALL)


def ndjson_rows(session: Session, file: PlainFile, options: Options) -> Rows:
    """A file with one record per line; a line that is no JSON is a record without content."""
    lines = f"FROM read_ndjson_objects({path_literal(file.path)}, ignore_errors = true, {PLAIN})"
    try:
        rows = _rows(session, f"(SELECT json AS __j {lines})", options, file.name)
    except QueryError as error:
        _check_length(error, file.name)
        raise
    if not options.unnest:
        return replace(rows, lines_of=file)
    numbered, _ = _unnested(f"(SELECT json AS __j, row_number() OVER () AS __record {lines})", options.unnest)
    records = f"SELECT row_number() OVER () AS row, __record AS record FROM {numbered}"
    return replace(rows, lines_of=file, records=records)


def document_rows(session: Session, file: PlainFile, options: Options, scratch: Path) -> Rows:
    """A document: an array of records, one record or several, or an object with the records at `options.rows`.

    Raises:
        DataError: It is no JSON, ends too early, or has nothing at the path.
    """
    path = file.path
    if options.rows:
        path = scratch / "rows.json"
        with file.path.open("rb") as source, path.open("wb") as out:
            for part in _value_at(source, options.rows.split("."), file.name):
                out.write(part)
    with path.open("rb") as stream:
        first = stream.read(CHUNK).lstrip()[:1]
    if not first:
        raise DataError("The file is empty.", place=file.name, hint="Fetch it again, or remove it.")
    shape = "array" if first == b"[" else "unstructured"
    relation = f"(SELECT json AS __j FROM read_json_objects({path_literal(path)}, format = '{shape}', {PLAIN}))"
    try:
        return _rows(session, relation, options, file.name)
    except QueryError as error:
        _check_length(error, file.name)
        raise DataError(
            f"The file is not a JSON document: {error.message.splitlines()[0]}",
            place=file.name,
            hint="Correct it; if it has one record per line, say `format: ndjson`, and bad lines are set aside.",
        ) from error


def _check_length(error: QueryError, file: str) -> None:
    """Tell of a record that is longer than DuckDB's buffers, which it allocates in full for every thread."""
    if "maximum_object_size" in error.message:
        raise DataError(
            "A record is longer than 16 MiB, which is as long as records of JSON may be.",
            place=file,
            hint="Let each record be shorter, or load the file as Parquet.",
        ) from error


def _rows(session: Session, relation: str, options: Options, file: str) -> Rows:
    """Rows with a column per key, after unnesting."""
    relation, parts = _unnested(relation, options.unnest)
    found = _columns(session, relation, parts, options.unnest, file)
    names = tuple(name for _, _, name in found)
    columns = tuple((part, key) for part, key, _ in found)
    twins_of = tuple((part, _twin(part)) for _, part in parts) if options.unnest else ()
    opened = [(prefix.removesuffix("."), part) for prefix, part in parts[1:] if (part, None) not in columns]
    return Rows(
        relation=json_columns(relation, columns),
        columns=names,
        raw=Raw.JSON,
        record=_record(names, columns, opened) if options.unnest else "__j",
        keys=columns,
        marked=twins_of,
        broken=(("json", "__j IS NULL", _NO_JSON), *no_objects("__j", opened)),
    )


def _unnested(relation: str, paths: Sequence[str]) -> tuple[str, list[tuple[str, str]]]:
    """A relation of records `__j` with a row for each element at the paths; the prefix and column of each object."""
    parts = [("", "__j")]
    if paths:
        relation = (
            f"(SELECT *, CASE WHEN {unlike('__j')} THEN TRY_CAST({marked('__j')} AS JSON) END AS __m FROM {relation})"
        )
    for number, path in enumerate(paths):
        prefix, holder = next(
            ((prefix, part) for prefix, part in reversed(parts) if prefix and path.startswith(prefix)), parts[0]
        )
        key = path.removeprefix(prefix)
        elements, twins = _elements(holder, key), _elements(_twin(holder), key)
        relation = f"(SELECT *, unnest({elements}) AS __e{number}, unnest({twins}) AS __m{number} FROM {relation})"
        parts.append((f"{path}.", f"__e{number}"))
    return relation, parts


def _twin(holder: str) -> str:
    """The column that has an object with marked numbers."""
    return "__m" + holder.removeprefix("__j").removeprefix("__e")


def _elements(holder: str, key: str) -> str:
    """The elements of the list at a key, or the value there alone, as a list; NULL alone for an empty list."""
    value = f"json_extract({holder}, {literal(pointer(key))})"
    return (
        f"CASE WHEN json_type({value}) = 'ARRAY'"
        f" THEN CASE WHEN json_array_length({value}) > 0 THEN json_extract({value}, '$[*]') ELSE [NULL] END"
        f" ELSE [{value}] END"
    )


def no_objects(record: str, opened: Sequence[tuple[str, str]]) -> tuple[tuple[str, str, str], ...]:
    """What `Rows` calls broken: where the record has no keys that could be columns, or what is unnested has none.

    Args:
        record: Expression of the record.
        opened: Path and expression of what is unnested.
    """
    return (
        ("structure", f"json_type({record}) <> 'OBJECT'", "is no JSON object with keys and values"),
        *(
            ("structure", _closed(value), f"has a value in '{path}' that has no keys and values")
            for path, value in opened
        ),
    )


def _closed(value: str) -> str:
    """Where a JSON value has no keys; one that is not there or null has no value in any column instead."""
    return f"json_type({value}) NOT IN ('OBJECT', 'NULL')"


def _record(
    names: tuple[str, ...], columns: tuple[tuple[str, str | None], ...], opened: Sequence[tuple[str, str]]
) -> str:
    """The record that a row after unnesting is, as a JSON object, with numbers as they were written.

    What came in the place of an object has no columns: it stands under the path, see `recorded_rows`.
    """
    plain = "json_object(" + ", ".join(f"{literal(name)}, __c{i}" for i, name in enumerate(names)) + ")"
    record = f"CAST({plain} AS VARCHAR)"
    parts = []
    for i, (name, (holder, key)) in enumerate(zip(names, columns, strict=True)):
        twin = _twin(holder)
        value = twin if key is None else f"json_extract({twin}, {literal(pointer(key))})"
        parts.append(_member(name, value, f"__c{i}"))
    if parts:
        exact = " || ',' || ".join(parts)
        record = f"CASE WHEN __m IS NOT NULL THEN '{{' || {exact} || '}}' ELSE {record} END"
    lost = [
        f"CASE WHEN {_closed(part)} THEN ',' || {_member(path, _twin(part), part)} ELSE '' END" for path, part in opened
    ]
    if lost:
        record = f"left({record}, -1) || {' || '.join(lost)} || '}}'"
    # A line that is no JSON has no record, and its text beside it: see `broken_lines`.
    return f"CASE WHEN json_type(__j) = 'OBJECT' THEN {record} ELSE CAST(__j AS VARCHAR) END"


def _member(name: str, twin: str, value: str) -> str:
    """A key of a JSON object with its value."""
    return f"{literal(json.dumps(name) + ':')} || coalesce({as_numbers(twin)}, CAST({value} AS VARCHAR), 'null')"


def _columns(
    session: Session, relation: str, parts: list[tuple[str, str]], unnested: tuple[str, ...], file: str
) -> list[tuple[str, str | None, str]]:
    """Every key that any record has: the JSON that holds it, the key (None for the whole), its full name."""
    found: list[tuple[str, str | None, str]] = []
    # In the order of the first record, which is how a person knows them.
    for prefix, part in parts:
        keys = session.rows(
            f"SELECT key FROM (SELECT unnest(json_keys({part})) AS key FROM {relation}) GROUP BY key ORDER BY key"
        )
        first = session.value(f"SELECT json_keys({part}) FROM {relation} LIMIT 1") or []
        names = list(dict.fromkeys((*first, *(str(key) for (key,) in keys))))
        wrong = next((name for name in names if "\0" in name), None)
        if wrong is not None:
            raise DataError(
                f"The key {wrong!a} holds a NUL character, which no column can be called.",
                place=file,
                hint="Correct the file: a key is text that one can see.",
            )
        for path in unnested if not prefix else ():
            if "." not in path and path not in names and names:
                raise DataError(
                    f"No record has the key '{path}', which `unnest` names.",
                    place=file,
                    hint=did_you_mean(path, names) or "Correct `options: {unnest: ...}`.",
                )
        found += [(part, key, prefix + key) for key in names if prefix + key not in unnested]
        if prefix and not names:
            found.append((part, None, prefix.removesuffix(".")))
    return found


def broken_lines(file: PlainFile, rows: Mapping[int, int], lines: int, target: Path) -> None:
    """Write what stands in the lines that are no JSON, as JSON lines `{row, line, rule, reason, raw}`.

    Args:
        file: The file.
        rows: The row that each of them is, by its record, counted from 1, blank lines left out.
        lines: How many records the file has, to see that both readers count alike.
        target: The list.

    Raises:
        DataError: They do not.
    """
    record = 0
    with file.path.open("rb") as source, target.open("w", encoding="utf-8") as out:
        for number, line in enumerate(source, start=1):
            if not line.strip():
                continue
            record += 1
            if record in rows:
                raw = shown(line.rstrip(b"\r\n"))
                found = {"row": rows[record], "line": number, "rule": "json", "reason": _NO_JSON, "raw": raw}
                out.write(json.dumps(found) + "\n")
    if record != lines:
        raise DataError(
            f"The file has {record} lines that are not blank, but {lines} records were read.",
            place=file.name,
            hint="Check that there is one JSON object per line; else say `format: json`.",
        )


class _Tokens:
    """The tokens of a JSON text, read in pieces; `end` is the position after the last one in the file."""

    def __init__(self, source: BinaryIO, name: str) -> None:
        self._source, self._name = source, name
        self._buffer, self._position, self._base = b"", 0, 0

    @property
    def end(self) -> int:
        return self._base + self._position

    def next(self) -> bytes:
        """The next token; raises a DataError at the end of the file."""
        while True:
            found = _TOKEN.search(self._buffer, self._position)
            if found and found.end() < len(self._buffer) and found.group() != b'"':
                self._position = found.end()
                return found.group()
            if not self._read_on(found.start() if found else len(self._buffer)):
                if found and found.group() != b'"':
                    self._position = len(self._buffer)
                    return found.group()
                raise self._too_early()

    def close(self, depth: int) -> None:
        """Pass over what is left of so many objects and arrays, the inner ones of which are open."""
        while depth:
            for found in _BRACKETS.finditer(self._buffer, self._position):
                token = found.group()
                if token == b'"':
                    break
                depth += (token in (b"{", b"[")) - (token in (b"}", b"]"))
                self._position = found.end()
                if not depth:
                    return
            if not self._read_on(self._position):
                raise self._too_early()

    def skip(self, token: bytes) -> None:
        """Pass over the rest of a value whose first token is given."""
        self.close(1 if token in (b"{", b"[") else 0)

    def _read_on(self, start: int) -> bool:
        """Read more, and forget what was before a position; False at the end of the file."""
        more = self._source.read(CHUNK)
        self._base += start
        self._buffer, self._position = self._buffer[start:] + more, 0
        return bool(more)

    def _too_early(self) -> DataError:
        place = f"{self._name}: byte {self._base + len(self._buffer)}"
        return DataError("The JSON document ends too early.", place=place, hint="Fetch it again.")


def _value_at(source: BinaryIO, path: list[str], name: str) -> Iterator[bytes]:
    """The bytes of the value at a path of keys, once the whole document has been seen to be complete."""
    tokens = _Tokens(source, name)
    token = tokens.next()
    for depth, key in enumerate(path):
        token = _enter(tokens, token, key, ".".join(path[: depth + 1]), name)
    start = tokens.end - len(token)
    tokens.skip(token)
    end = tokens.end
    tokens.close(len(path))
    source.seek(start)
    while start < end:
        part = source.read(min(CHUNK, end - start))
        start += len(part)
        yield part


def _key(token: bytes, name: str) -> str | None:
    try:
        return str(json.loads(token)) if token.startswith(b'"') else None
    except ValueError as error:
        raise DataError(
            f"The file is not a JSON document: a key cannot be read: {error}.", place=name, hint="Fetch or correct it."
        ) from error


def _enter(tokens: _Tokens, token: bytes, key: str, path: str, name: str) -> bytes:
    """The first token of the value of a key of the object that begins with a token."""
    seen: list[str] = []
    if token == b"{":
        token = tokens.next()
        while token != b"}":
            found = _key(token, name)
            tokens.next()
            value = tokens.next()
            if found == key:
                return value
            seen.append(str(found))
            tokens.skip(value)
            token = tokens.next()
            if token == b",":
                token = tokens.next()
    raise DataError(
        f"The document has nothing at the path '{path}', where the contract says the rows are.",
        place=name,
        hint=did_you_mean(key, seen) or "Correct `options: {rows: ...}`.",
    )
