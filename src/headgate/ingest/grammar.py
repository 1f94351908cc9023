"""What a record of a CSV file is, where it ends, and how many values it has."""

from __future__ import annotations

import re

from headgate.ingest.csvfile import Dialect


class Grammar:
    """The grammar of a record (RFC 4180, with the dialect's delimiter, quote and escape) as regular expressions."""

    def __init__(self, dialect: Dialect) -> None:
        delimiter, quote = re.escape(dialect.delimiter.encode()), re.escape(dialect.quote.encode())
        escape = re.escape(dialect.escape.encode())
        self._dialect = dialect
        self._plain = not dialect.quote
        if self._plain:
            return
        if dialect.escape in (dialect.quote, ""):
            inside = rb"(?:[^%b]|%b%b)*+" % (quote, quote, quote)
        else:
            inside = rb"(?:[^%b%b]|%b.)*+" % (quote, escape, escape)
        quoted = rb" *%b%b%b *" % (quote, inside, quote)
        bare = rb"(?! *%b)[^%b\n]*+" % (quote, delimiter)
        # A quoted value that a delimiter or the end follows, else a bare one.
        value = rb"(?>%b(?=%b|\Z)|%b)" % (quoted, delimiter, bare)
        self._value = re.compile(value + delimiter, re.DOTALL)
        self._last = re.compile(value + rb"\Z", re.DOTALL)
        self._whole = re.compile(rb"(?:%b%b){%d}%b\Z" % (value, delimiter, len(dialect.columns) - 1, value), re.DOTALL)
        self._unclosed = re.compile(rb" *%b%b\Z" % (quote, inside), re.DOTALL)

    def whole(self, line: bytes) -> bool:
        """Whether a line is a record with a value for every column."""
        return self._whole.match(line) is not None

    def unclosed(self, record: bytes) -> bool:
        """Whether the record ends inside a quoted value."""
        if self._plain:
            return False
        _, position = self._walk(record)
        return self._unclosed.match(record, position) is not None

    def values(self, record: bytes) -> int | None:
        """How many values a record has; None if it is not one."""
        if self._plain:
            return record.count(self._dialect.delimiter.encode()) + 1
        count, position = self._walk(record)
        return count + 1 if self._last.match(record, position) else None

    def _walk(self, record: bytes) -> tuple[int, int]:
        """How many values with a delimiter after them the record begins with, and where they end."""
        count, position = 0, 0
        while found := self._value.match(record, position):
            count, position = count + 1, found.end()
        return count, position

    def quoted(self, record: bytes) -> bytes:
        """The record with quotes around bare values that hold a carriage return.

        DuckDB takes a bare one for a line's end.
        """
        if self._plain:
            return record
        quote, delimiter = self._dialect.quote.encode(), self._dialect.delimiter.encode()
        parts, position = [], 0
        while found := self._value.match(record, position) or self._last.match(record, position):
            value = found.group().removesuffix(delimiter) if self._value.match(record, position) else found.group()
            bare = b"\r" in value and not value.lstrip(b" ").startswith(quote)
            parts.append(quote + value.replace(quote, self._dialect.escape.encode() + quote) + quote if bare else value)
            if found.end() == len(record) and not self._value.match(record, position):
                break
            position = found.end()
        return delimiter.join(parts)
