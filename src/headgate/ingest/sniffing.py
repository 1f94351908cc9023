"""How a text file is written, found out from its beginning; and the parts of it that are not certain."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headgate.errors import DataError
from headgate.ingest.contract import Format
from headgate.ingest.csvfile import Dialect
from headgate.ingest.excelfile import first_rows, sheet_names
from headgate.ingest.formats import format_of
from headgate.ingest.grammar import Grammar
from headgate.ingest.plain import opened

_HEAD = 256 * 1024
_DELIMITERS = (",", ";", "\t", "|")
# So many records tell a delimiter; so few are too few to stop at a quote that the rest of the file may close.
_SAMPLE, _ENOUGH = 500, 10
_PLAUSIBLE = 0.5
# Of so many lines or rows, one is the header.
_PREAMBLE = 200
_SEPARATING_COMMA = re.compile(r"(?<!\d),|,(?!\d)")
_VALUE = re.compile(r"^\s*([-+]?[\d.,:/\- ]*\d[\d.,:/\- %]*|true|false)\s*$", re.IGNORECASE)
_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@dataclass
class Sniffed:
    """Format and options of a file, and what was not certain about them.

    Attributes:
        format: How it is written.
        options: Of a contract. An `encoding` is a guess: the file is not UTF-8, and says nothing of what it is.
        doubts: What is for a person to look at.
        utf8: Whether the file is UTF-8 and nothing else, as it is not where all of it is ASCII.
    """

    format: Format
    options: dict[str, Any] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)
    utf8: bool = False


def sniff(path: Path, name: str) -> Sniffed:
    """Find out how a file is written.

    Raises:
        DataError: It is empty, or a document without rows.
    """
    known = format_of(name) or format_of(path.name)
    if known == "parquet":
        return Sniffed(known)
    if known == "excel":
        return _sniff_excel(path, name)
    with opened(path, name) as stream:
        head = stream.read(_HEAD)
    if head.startswith(b"PAR1"):
        return Sniffed("parquet")
    if not head.strip():
        raise DataError("The file is empty, so nothing can be told from it.", place=name, hint="Give a file with rows.")
    encoding, ascii_alone = _encoding(path, name, head)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head)
    text = text.removeprefix("\ufeff")
    if known in (None, "json", "ndjson") and text.lstrip()[:1] in ("{", "["):
        found = _sniff_json(path, name, text, encoding, by_line=known == "ndjson")
    else:
        found = _sniff_csv(text, name, "tsv" if known == "tsv" else "csv", whole=len(head) < _HEAD)
    if not head.startswith(tuple(_MARKS)):
        found.utf8 = encoding == "utf-8" and not ascii_alone
        if encoding != "utf-8":
            found.options["encoding"] = encoding
    return found


def _encoding(path: Path, name: str, head: bytes) -> tuple[str, bool]:
    """What a text file is encoded in: said by its mark, else UTF-8 if all of it is, else one of Western Europe's.

    With it, whether the file has no other characters than ASCII's, which are the same in all but those with a mark.
    """
    for mark, known in _MARKS.items():
        if head.startswith(mark):
            return known, False
    decoder = codecs.getincrementaldecoder("utf-8")()
    windows = codecs.getincrementaldecoder("cp1252")()
    possible = {"utf-8": True, "cp1252": True}
    ascii_alone = True
    with opened(path, name) as stream:
        while chunk := stream.read():
            ascii_alone = ascii_alone and chunk.isascii()
            for encoding, reader in (("utf-8", decoder), ("cp1252", windows)):
                if possible[encoding]:
                    try:
                        reader.decode(chunk)
                    except UnicodeDecodeError:
                        possible[encoding] = False
    if possible["utf-8"]:
        return "utf-8", ascii_alone
    return ("cp1252" if possible["cp1252"] else "latin-1"), False


def _sniff_json(path: Path, name: str, text: str, encoding: str, *, by_line: bool) -> Sniffed:
    """An array of rows, lines of JSON, or a document with the rows somewhere in it.

    Args:
        path: The file.
        name: Of the file, for messages.
        text: Its beginning.
        encoding: Its encoding.
        by_line: Whether the file's name says that each line is a record: then one line is not taken for a document.
    """
    if text.lstrip().startswith("["):
        return Sniffed("json")
    lines = [line for line in text.splitlines()[:2] if line.strip()]
    if len(lines) > (0 if by_line else 1) and all(_is_object(line) for line in lines):
        return Sniffed("ndjson")
    with opened(path, name) as stream:
        parts = []
        while chunk := stream.read():
            parts.append(chunk)
    try:
        document = json.loads(b"".join(parts).decode("utf-8-sig" if encoding == "utf-8" else encoding))
    except (ValueError, RecursionError) as error:
        if "Extra data" in str(error):
            return Sniffed("json")
        raise DataError(f"The file is not a JSON document: {error}.", place=name, hint="Correct it.") from error
    arrays = sorted(_arrays(document, ()), key=lambda found: -found[1])
    if not arrays:
        return Sniffed(
            "json", doubts=["The document is one object without a list of objects; it is taken for one row."]
        )
    rows = ".".join(arrays[0][0])
    doubts = [
        f"The document also has a list of {count:,} objects at '{'.'.join(other)}'; the rows are taken from '{rows}'."
        for other, count in arrays[1:3]
    ]
    return Sniffed("json", {"rows": rows}, doubts)


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _arrays(value: object, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], int]]:
    """Path and length of each list of objects that objects lead to."""
    if isinstance(value, list):
        return [(path, len(value))] if value and all(isinstance(item, dict) for item in value) and path else []
    if isinstance(value, dict):
        return [found for key, inner in value.items() for found in _arrays(inner, (*path, str(key)))]
    return []


def _sniff_excel(path: Path, name: str) -> Sniffed:
    """Whether rows stand before the header: it is the first row that is as wide as most."""
    rows = first_rows(path, name, _PREAMBLE)
    widths = [max(position for position, value in enumerate(values, start=1) if value) for _, values in rows]
    counts = Counter(widths)
    width = max(counts, key=lambda each: (counts[each], each), default=0)
    at = next((position for position, found in enumerate(widths) if found >= width), 0)
    if width <= 1 and len(rows) <= 1 and len(names := sheet_names(path, name)) > 1:
        listed = ", ".join(f"'{other}'" for other in names[1:])
        doubt = (
            f"The first sheet, '{names[0]}', has no more than one cell; if the rows are in another ({listed}), say"
            " `sheet: ...` in `options`."
        )
        return Sniffed("excel", doubts=[doubt])
    if at == 0:
        return Sniffed("excel")
    (line, header), (_, first) = rows[at], rows[0]
    filled = [sum(map(bool, values)) for _, values in rows[:at]]
    if max(filled) * 2 > widths[at] or not _is_header([header[: widths[at]]]):
        doubt = (
            f"The first row is taken for the header, and has {widths[0]} columns where most have {width}; if row {line}"
            f" is the header, say `skip: {line - 1}` in `options`."
        )
        return Sniffed("excel", doubts=[doubt])
    title = next(filter(None, first))
    doubt = f"What stands before row {line} is taken for a preamble, such as {title!r}."
    return Sniffed("excel", {"skip": line - 1}, [doubt])


def _sniff_csv(text: str, name: str, format_: Format, *, whole: bool) -> Sniffed:
    try:
        return _sniffed_csv(text, name, format_, whole=whole)
    except csv.Error as error:
        raise DataError(
            f"The file cannot be told apart into rows: {error}.",
            place=name,
            hint="Let all lines end alike and close every quote, or write the contract by hand.",
        ) from error


def _sniffed_csv(text: str, name: str, format_: Format, *, whole: bool) -> Sniffed:
    lines = list(io.StringIO(text, newline=""))
    if not whole and len(lines) > 1:
        lines.pop()
    delimiter, columns = _delimited(lines, ("\t",) if format_ == "tsv" else _DELIMITERS, whole=whole)
    found = Sniffed(format_)
    if delimiter != ("\t" if format_ == "tsv" else ","):
        found.options["delimiter"] = delimiter
    before = _before(lines, delimiter, columns, found)
    records = [record for record in _records(lines[before:], delimiter, whole=whole) if record][:2]
    if not records:
        raise DataError("The file has no rows that could be told apart.", place=name, hint="Give a file with rows.")
    if not _is_header(records):
        found.options["header"] = False
        found.doubts.append("The first row looks like data, so the file is taken to have no header; name its columns.")
    elif len(records) == 1:
        found.doubts.append("The file has a header but no row, so every column is taken for text.")
    return found


def _delimited(lines: list[str], delimiters: Sequence[str], *, whole: bool) -> tuple[str, int]:
    """The delimiter that explains the lines best, and how many columns it gives."""
    found = {delimiter: _width(lines, delimiter, whole=whole) for delimiter in delimiters}
    others = any(share > _PLAUSIBLE for delimiter, (share, _) in found.items() if delimiter != ",")
    if others and not any(_SEPARATING_COMMA.search(line) for line in lines):
        # Each comma stands between digits: it is a part of numbers.
        found.pop(",", None)
    best = max(found, key=lambda delimiter: found[delimiter][0])
    return best, found[best][1]


def _width(lines: list[str], delimiter: str, *, whole: bool) -> tuple[float, int]:
    """How well a delimiter explains the lines, and how many columns it gives."""
    sample = itertools.islice(_records(lines, delimiter, whole=whole), _SAMPLE)
    counts = Counter(len(record) for record in sample if record)
    if not counts:
        return 0.0, 1
    columns, records = max(counts.items(), key=lambda item: (item[1] * (item[0] > 1), item[0]))
    share = records / counts.total()
    return (share + columns / 1000 if columns > 1 else 0.0), columns


def _records(lines: list[str], delimiter: str, *, whole: bool) -> Iterator[list[str]]:
    """The records; one with a quote that is opened and not closed is left out, as its line alone is when loading.

    Args:
        lines: The beginning of a file, each with its end.
        delimiter: Between values.
        whole: Whether these are all of its lines, so that no quote is closed after them.
    """
    grammar = Grammar(Dialect(delimiter, '"', '"', 0, 0, 0, ("",)))
    at = seen = 0
    while at < len(lines):
        end = _end(lines, at, grammar)
        if end is None and not whole and seen >= _ENOUGH:
            return
        if end is not None:
            yield next(csv.reader(lines[at:end], delimiter=delimiter), [])
            seen += 1
        at = end or at + 1


def _end(lines: list[str], start: int, grammar: Grammar) -> int | None:
    """After which line the record ends that begins in a line; None if a quote of it is not closed."""
    for end in range(start + 1, len(lines) + 1):
        if end > start + 1 and '"' not in lines[end - 1]:
            continue
        record = "".join(lines[start:end]).rstrip("\r\n").encode()
        if not grammar.unclosed(record):
            return end if end == start + 1 or grammar.values(record) is not None else None
    return None


def _before(lines: list[str], delimiter: str, columns: int, found: Sniffed) -> int:
    """How many lines stand before the header: a preamble, or comments."""
    comments = [line for line in lines[:1000] if line.startswith("#")]
    if comments and not next((line for line in lines if line.strip() and not line.startswith("#")), "").startswith("#"):
        found.options["comment"] = "#"
        found.doubts.append("Lines that start with # are taken for comments.")
    for number, line in enumerate(lines[:_PREAMBLE]):
        if comments and line.startswith("#"):
            continue
        record = next(csv.reader([line], delimiter=delimiter), [])
        if len(record) == columns or columns == 1:
            ahead = [other for other in lines[:number] if other.strip() and not other.startswith("#")]
            if ahead:
                found.options["skip"] = number
                found.doubts.append(
                    f"What stands before line {number + 1} is taken for a preamble, such as {ahead[0].strip()!r}."
                )
            return number
    return 0


def _is_header(records: list[list[str]]) -> bool:
    """Whether the first record names columns: no value among it, and none of its names twice."""
    first = [value.strip() for value in records[0]]
    named = [value for value in first if value]
    if not named or len(set(named)) < len(named) or any(_VALUE.match(value) for value in named):
        return False
    return not any(record == records[0] for record in records[1:2])
