"""Reading a CSV file record by record, for files with records that DuckDB's reader stops at.

DuckDB can pass over such records (`store_rejects`), but then loses rows in silence: a quote that is opened and not
closed takes all rows to the end of a buffer with it, and only the first 10,000 characters of what it passes over are
kept. So the file is copied here: sound records as they are, in the place of any other a record of empty values, so
that the position of a row stays its position in the source. What was wrong goes to a list beside it. Lines without
quotes are looked at in bulk; an unclosed quote costs its own line, and reading goes on with the next.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

from headgate.errors import counted
from headgate.ingest.csvfile import Dialect
from headgate.ingest.grammar import Grammar
from headgate.ingest.plain import PlainFile, shown

_BLOCK = 4 << 20
# A quoted value that goes on for longer than this is taken for a quote that nobody closed.
_LONGEST_VALUE = 1 << 20


@dataclass(frozen=True)
class Repaired:
    """A CSV file without header of which every record is sound.

    Attributes:
        path: The file.
        refused: JSON lines `{row, line, rule, reason, raw}` for each record that was replaced by empty values.
        lines: JSON lines `{row, line}`: from this row on, a row stands this far below the line of the one before.
        rows: Number of records, refused ones included.
        refusals: Number of refused records.
        longest: Bytes of the longest record.
    """

    path: Path
    refused: Path
    lines: Path
    rows: int
    refusals: int
    longest: int


def repair(file: PlainFile, dialect: Dialect, scratch: Path) -> Repaired:
    """Copy a CSV file with its broken records taken out, in one pass and bounded memory."""
    result = scratch / "sound.csv", scratch / "refused.ndjson", scratch / "lines.ndjson"
    with (
        file.path.open("rb") as source,
        result[0].open("wb") as sound,
        result[1].open("w", encoding="utf-8") as refused,
        result[2].open("w", encoding="utf-8") as lines,
    ):
        source.seek(dialect.start)
        pass_ = _Pass(dialect, file.encoding, sound, refused, lines)
        for block in _blocks(source):
            pass_.take(block)
        pass_.finish()
    return Repaired(*result, pass_.row, pass_.refusals, pass_.longest)


def _blocks(source: BinaryIO) -> Iterator[bytes]:
    """Whole lines, each ended by a line feed, some megabytes at a time."""
    rest = b""
    only_returns: bool | None = None
    while block := source.read(_BLOCK):
        if only_returns is None:
            only_returns = b"\n" not in block and b"\r" in block
        if only_returns:
            block = block.replace(b"\r", b"\n")
        whole, feed, tail = block.rpartition(b"\n")
        if feed:
            yield rest + whole + feed
            rest = tail
        else:
            rest += block
    if rest:
        yield rest + b"\n"


class _Pass:
    """The state of one pass over a file."""

    def __init__(self, dialect: Dialect, encoding: str, sound: BinaryIO, refused: TextIO, lines: TextIO) -> None:
        self._dialect, self._encoding = dialect, encoding
        self._sound, self._refused, self._lines = sound, refused, lines
        self._delimiter, self._quote = dialect.delimiter.encode(), dialect.quote.encode()
        self._comment = dialect.comment.encode() if dialect.comment else None
        self._wanted = len(dialect.columns) - 1
        self._grammar = Grammar(dialect)
        self._empty = b"-" + self._delimiter * self._wanted + b"\n"
        self._line = dialect.before
        self._offset = dialect.before
        self._open: list[bytes] = []
        self._open_bytes = 0
        self.row = self.refusals = self.longest = 0

    def take(self, block: bytes) -> None:
        """Whole lines."""
        if not self._clean(block):
            for line in block.split(b"\n")[:-1]:
                self._one(line)
            return
        quote, delimiter, wanted, whole = self._quote, self._delimiter, self._wanted, self._grammar.whole
        sound: list[bytes] = []
        lines = block.split(b"\n")[:-1]
        bare = block.replace(b"\r\n", b"\n").split(b"\n") if b"\r" in block else lines
        for ended, line in zip(lines, bare, strict=False):
            if not self._open:
                if quote and quote in line:
                    if whole(line):
                        sound.append(line)
                        continue
                elif line and line.count(delimiter) == wanted:
                    sound.append(line)
                    continue
                self._flush(sound)
            self._one(ended)
        self._flush(sound)

    def _clean(self, block: bytes) -> bool:
        """Whether no line of a block is a comment or has a byte that needs a closer look."""
        if b"\0" in block or (self._comment and self._comment in block):
            return False
        return _is_utf8(block) and block.count(b"\r") == block.count(b"\r\n")

    def _flush(self, sound: list[bytes]) -> None:
        """Copy lines that are sound records of their own."""
        if not sound:
            return
        self._mark()
        self._sound.write(b"\n".join(sound) + b"\n")
        self.row += len(sound)
        self._line += len(sound)
        self.longest = max(self.longest, max(map(len, sound)))
        sound.clear()

    def _one(self, ended: bytes) -> None:
        """A line, with the carriage return that may end it: a record, the beginning of one, or more of one."""
        if self._open:
            self._more(ended)
            return
        line = ended.removesuffix(b"\r")
        if not line or (self._comment and line.startswith(self._comment)):
            self._line += 1
            return
        if self._quote and self._quote in line and self._grammar.unclosed(line):
            self._open, self._open_bytes = [ended], len(ended)
            return
        self._record(line, 1)

    def _more(self, line: bytes) -> None:
        """A line inside a quoted value: it may end there, go on, or show that the quote was a mistake."""
        self._open.append(line)
        self._open_bytes += len(line)
        if self._open_bytes > _LONGEST_VALUE:
            self._give_up()
            return
        if self._quote not in line:
            return
        record = b"\n".join(self._open).removesuffix(b"\r")
        if self._grammar.unclosed(record):
            return
        if self._grammar.values(record) is None:
            self._give_up()
            return
        lines = len(self._open)
        self._open = []
        self._record(record, lines)

    def _give_up(self) -> None:
        """Refuse the line with the quote that was not closed, and read those after it again."""
        first, *others = self._open
        self._open = []
        self._refuse(first.removesuffix(b"\r"), "quote", "a quote is opened and not closed", 1)
        for line in others:
            self._one(line)

    def finish(self) -> None:
        """At the end of the file, what is open stays so."""
        while self._open:
            self._give_up()

    def _record(self, record: bytes, lines: int) -> None:
        problem = self._problem(record)
        if problem:
            self._refuse(record, *problem, lines)
            return
        self._mark()
        if b"\r" in record:
            record = self._grammar.quoted(record)
        self._sound.write(record + b"\n")
        self.longest = max(self.longest, len(record))
        self.row += 1
        self._line += lines

    def _problem(self, record: bytes) -> tuple[str, str] | None:
        """Rule and reason for which a record is refused."""
        if b"\0" in record:
            return "nul", "holds a NUL byte"
        if not _is_utf8(record):
            return "encoding", f"holds bytes that are not {self._encoding}"
        values = self._grammar.values(record)
        if values is None:
            return "quote", "a value goes on after its closing quote"
        if values != self._wanted + 1:
            return "columns", f"has {counted(values, 'value')} for {counted(self._wanted + 1, 'column')}"
        return None

    def _refuse(self, record: bytes, rule: str, reason: str, lines: int) -> None:
        self._mark()
        self.row += 1
        self.refusals += 1
        found = {"row": self.row, "line": self._line + 1, "rule": rule, "reason": reason, "raw": shown(record)}
        self._refused.write(json.dumps(found) + "\n")
        self._sound.write(self._empty)
        self._line += lines

    def _mark(self) -> None:
        """Note where rows and lines stop running in step, before a row is written."""
        if self._line - self.row != self._offset or self.row == 0:
            self._offset = self._line - self.row
            self._lines.write(json.dumps({"row": self.row + 1, "line": self._offset}) + "\n")


def _is_utf8(record: bytes) -> bool:
    if record.isascii():
        return True
    try:
        record.decode()
    except UnicodeDecodeError:
        return False
    return True
