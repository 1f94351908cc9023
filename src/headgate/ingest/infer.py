"""A first contract for a source, inferred from its files, for a person to read and correct.

It refuses no row of these files that parses: a column gets a type only if every one of its values has it.
"""

from __future__ import annotations

import itertools
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from headgate.catalog.storage import Storage
from headgate.engines.duckdb import Session
from headgate.errors import DataError, QueryError, UsageError, counted
from headgate.ingest.addresses import holds_secret, is_address, shown_address
from headgate.ingest.columntypes import VARCHAR, known_type
from headgate.ingest.contract import Contract, Options, Source, column_name, is_reserved
from headgate.ingest.draft import Draft, DraftColumn, render
from headgate.ingest.files import InputFile, discover
from headgate.ingest.formats import format_of
from headgate.ingest.guessing import Guess, guess, swapped
from headgate.ingest.reading import open_format, repaired_rows
from headgate.ingest.rows import Raw, Rows
from headgate.ingest.separators import Separators, separators
from headgate.ingest.sniffing import Sniffed, sniff
from headgate.ingest.staging import refused_list
from headgate.ingest.structure import type_of
from headgate.project import Project
from headgate.types import literal, quote
from headgate.yaml import interpolated

_KEY_NAMES = re.compile(r"(?i)(^|_)(id|key|uuid|guid|number|no|code|event)$")
_KEY_PAIRS = 8
# A column that is named like a key and differs in so many rows was meant to be one.
_NEARLY = 0.9
_EXAMPLES = 3
_BROKEN = "__broken"
# Every question names all columns of what it asks, so that a wide relation is asked in parts of so many columns.
_NARROW = 50


@dataclass
class InferredSource:
    """A contract that was inferred.

    Attributes:
        name: The source's name.
        text: The contract's file, with comments.
        doubts: What a person should look at, as sentences.
    """

    name: str
    text: str
    doubts: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Column:
    source: str
    name: str
    guess: Guess


def infer_source(project: Project, paths: Sequence[str], storage: Storage, name: str | None = None) -> InferredSource:
    """Infer a contract from files.

    Args:
        project: Relative paths start there, else in the working folder.
        paths: Files, folders, globs or addresses of one source.
        storage: The lake's, whose credentials reach files in an object store as well.
        name: The source's name; default: made from the first path.

    Raises:
        DataError: There is no such file, or it cannot be read.
        UsageError: An address holds a secret.
    """
    shown = [_relative(project, path) for path in paths]
    reached = tuple(interpolated(path, project.environment, "the path") for path in shown)
    draft = Source(name or _name(shown[0]), Contract(table="draft", files=reached), project.root / "ingestion")
    files = [file.at_hand() for file in discover(project, draft, storage)]
    if not files:
        raise DataError(f"No file matches {', '.join(shown)}.", hint="Check the path; quote globs in the shell.")
    written = {file.name: sniff(file.path, file.name) for file in files}
    sniffed = written[files[0].name]
    for other, how in written.items():
        _compare(sniffed, how, other)
    _settle_encoding(sniffed, written)
    with (
        Session(project.settings.engine, storage) as session,
        tempfile.TemporaryDirectory(dir=session.scratch_folder("infer")) as folder,
    ):
        inference = _Inference(session, sniffed, files, Path(folder))
        columns = inference.columns()
        key, uncertain = _key(session, inference, columns) if inference.total else ([], [])
    doubts = [
        *sniffed.doubts,
        *(doubt for column in columns for doubt in column.guess.doubts),
        *inference.doubts,
        *uncertain,
    ]
    text = render(
        Draft(
            name=draft.name,
            files=tuple(shown),
            options=sniffed.options,
            format=None if format_of(files[0].name) == sniffed.format else sniffed.format,
            columns=tuple(_described(column) for column in columns),
            key=tuple(key),
            fill=len(inference.complete) < len(columns) or inference.sparse,
            summary=f"{counted(inference.count, 'file')}, {counted(inference.total, 'row')}",
            doubts=tuple(doubts),
        )
    )
    return InferredSource(draft.name, text, doubts)


def _relative(project: Project, path: str) -> str:
    """A path as the contract has it: an address, or relative to the project."""
    if is_address(path) and holds_secret(path):
        raise UsageError(
            "The address holds a secret, which would stand in the contract for everybody to read.",
            place=shown_address(path),
            hint="Put it into the environment or .env, and write '${NAME}' in its place, in single quotes.",
        )
    if "://" in path:
        return path
    return project.relative(Path(path) if project.path(path).exists() else Path(path).absolute())


def _name(path: str) -> str:
    """`data/Sales_2021-03.csv.gz` gives `sales`."""
    stem = re.sub(r"[*?\[].*", "", path).rstrip("/").rpartition("/")[2].partition(".")[0]
    stem = stem or path.rpartition("/")[0].rpartition("/")[2]
    return re.sub(r"[_\d]+$", "", column_name(stem)) or column_name(stem) or "source"


def _compare(first: Sniffed, other: Sniffed, name: str) -> None:
    if (other.format, other.options.get("delimiter")) != (first.format, first.options.get("delimiter")):
        raise DataError(
            f"The file '{name}' is written in another way than the first one ({other.format}, not {first.format}).",
            place=name,
            hint="Make a source of its own for it.",
        )
    before, after = first.options.get("skip", 0), other.options.get("skip", 0)
    if before != after:
        first.doubts.append(
            f"{name}: {after} lines stand before its header, and {before} in the first file; `skip: {before}` holds for"
            " all. Make a source of its own for it."
        )


def _settle_encoding(first: Sniffed, files: Mapping[str, Sniffed]) -> None:
    """One encoding for all files of a source: UTF-8 where any has it, which refuses what others would garble."""
    guessed = {name: each.options["encoding"] for name, each in files.items() if "encoding" in each.options}
    utf8 = next((name for name, each in files.items() if each.utf8), None)
    if utf8 is not None:
        first.options.pop("encoding", None)
        first.doubts[:0] = [
            f"{name}: The file is not UTF-8 but seems to be {encoding}, and {utf8} is UTF-8: its rows with accents will"
            " be in quarantine. Write it as UTF-8, or make a source of its own for it."
            for name, encoding in guessed.items()
        ]
    elif guessed:
        name, encoding = next(iter(guessed.items()))
        first.options["encoding"] = encoding
        first.doubts.insert(0, f"{name}: The file is not UTF-8; it is read as {encoding}. Look at names with accents.")


class _Inference:
    """The rows of all files as one relation, and what its columns hold."""

    def __init__(self, session: Session, sniffed: Sniffed, files: Sequence[InputFile], scratch: Path) -> None:
        self._session, self._sniffed = session, sniffed
        self.doubts: list[str] = []
        self.raw = Raw.TEXT
        self.count = len(files)
        self.types: dict[str, str] = {}
        self.files: dict[str, int] = {}
        self._columns: dict[str, tuple[str, ...]] = {}
        self._narrow = scratch / "narrow.parquet"
        parts = [self._part(file, scratch / str(number)) for number, file in enumerate(files)]
        self._parts = dict(zip((file.name for file in files), parts, strict=True))
        if not self.files:
            raise DataError(
                "No record has a value with a name, so nothing can be told.",
                place=files[0].name,
                hint="Give a file with rows.",
            )
        self.relation = f"({' UNION ALL BY NAME '.join(parts)})"
        # A key that some record lacks may be missing from all records of the next file.
        self.sparse = self.raw is Raw.JSON and bool(self.files)
        self.complete = {name for name, count in self.files.items() if count == len(files)}
        self.separators = Separators()
        if sniffed.format in ("csv", "tsv"):
            self.separators = separators(session, self.narrowed(list(self.files)), sniffed.options.get("delimiter"))
            sniffed.options.update(self.separators.options)
            self.doubts += self.separators.doubts
        self.total = int(session.value(f"SELECT count(*) FROM {self.relation}"))

    def _part(self, file: InputFile, scratch: Path) -> str:
        """The rows of one file that parse, under the names of their columns in the source."""
        scratch.mkdir()
        rows = self._open(file, scratch)
        self.raw = rows.raw
        self._columns[file.name] = tuple(rows.columns)
        for position, name in enumerate(rows.columns):
            self.files[name] = self.files.get(name, 0) + 1
            if rows.types:
                self.types[name] = rows.types[position]
        items = ", ".join(map(rows.value, range(len(rows.columns))))
        broken = " OR ".join(f"coalesce({condition}, false)" for _, condition, _ in rows.broken) or "false"
        staged = scratch / "rows.parquet"
        query = f"SELECT {items}{', ' if items else ''}{broken} AS {_BROKEN} FROM {rows.relation}"
        try:
            self._session.execute(f"COPY ({query}) TO {literal(str(staged))} (FORMAT parquet)")
        except QueryError as error:
            if rows.csv is None or rows.refused is not None:
                raise DataError(
                    f"The file cannot be read: {error.message.splitlines()[0]}",
                    place=file.name,
                    hint="Correct the file, or write its contract by hand.",
                ) from error
            rows = repaired_rows(rows, scratch)[0]
            query = f"SELECT {items}, {broken} AS {_BROKEN} FROM {rows.relation}"
            self._session.execute(f"COPY ({query}) TO {literal(str(staged))} (FORMAT parquet)")
        sound = f"NOT {_BROKEN}"
        if rows.refused is not None:
            sound += f" AND file_row_number + 1 NOT IN (SELECT row FROM {refused_list(rows.refused)})"
        scan = f"read_parquet({literal(str(staged))}, file_row_number = true)"
        refused = self._session.value(f"SELECT count(*) FROM {scan} WHERE NOT ({sound})")
        if refused:
            do = "does" if refused == 1 else "do"
            self.doubts.append(f"{file.name}: {counted(refused, 'record')} {do} not parse and will be in quarantine.")
        named = ", ".join(f"{rows.value(i)} AS {quote(name)}" for i, name in enumerate(rows.columns))
        return f"(SELECT {named or f'* EXCLUDE (file_row_number, {_BROKEN})'} FROM {scan} WHERE {sound})"

    def _open(self, file: InputFile, scratch: Path) -> Rows:
        options = Options.model_validate(self._sniffed.options)
        rows = open_format(self._session, self._sniffed.format, options, file.path, file.name, (), scratch)
        return repaired_rows(rows, scratch)[0] if rows.csv is not None and options.comment is not None else rows

    def columns(self) -> list[_Column]:
        """Every column, with its type and whether it tells rows apart."""
        found: list[_Column] = []
        taken: set[str] = set()
        for names, relation in self.narrowed(list(self.files)):
            for source in names:
                name = _free(column_name(source), taken, len(found) + 1)
                found.append(_Column(source, name, self._guess(source, relation)))
                if self.raw is Raw.TEXT and found[-1].guess.type in ("date", "timestamp"):
                    self._doubt_days(source, relation)
        return found

    def narrowed(self, names: Sequence[str]) -> Iterator[tuple[Sequence[str], str]]:
        """Columns, some at a time, each time with a relation that has them; it holds until the next ones."""
        if len(self.files) <= _NARROW:
            yield names, self.relation
            return
        for start in range(0, len(names), _NARROW):
            some = names[start : start + _NARROW]
            query = f"SELECT {', '.join(map(quote, some))} FROM {self.relation}"
            self._session.execute(f"COPY ({query}) TO {literal(str(self._narrow))} (FORMAT parquet)")
            yield some, f"read_parquet({literal(str(self._narrow))})"

    def _doubt_days(self, source: str, relation: str) -> None:
        for file, part in self._parts.items():
            rows = relation if self.count == 1 else part
            count = swapped(self._session, rows, quote(source)) if source in self._columns[file] else 0
            if count:
                self.doubts.append(
                    f"{file}: in {count:,} values of '{source}' day and month seem to be swapped: their months are none"
                    " that the file is about, their days are."
                )

    def _guess(self, source: str, relation: str) -> Guess:
        column = quote(source)
        if self.raw is Raw.TYPED:
            missing = self._session.value(f"SELECT count(*) - count({column}) FROM {relation}")
            # What contracts do not know, such as an interval, is a text in the table.
            native = self.types[source].lower() if known_type(self.types[source]) else str(VARCHAR)
            return Guess(native, required=missing == 0 and source in self.complete)
        if self.raw is Raw.TEXT:
            found = guess(self._session, relation, column, source, self.separators.of(source))
        else:
            structure = self._session.value(f"SELECT CAST(json_group_structure({column}) AS VARCHAR) FROM {relation}")
            kind = type_of(structure) if structure else type_of('"NULL"')
            found = guess(self._session, relation, f"({column} ->> '$')", source, self.separators.of(source))
            if kind.base != "VARCHAR":
                # A number that is written as one needs no look at how texts are written.
                found = Guess(str(kind), required=found.required, note=found.note)
            if "JSON" in kind.sql:
                found.doubts.append(f"'{source}' is not of one shape in all rows; parts of it stay JSON text.")
        found.required = found.required and source in self.complete
        return found


def _free(name: str, taken: set[str], position: int) -> str:
    base = name if name and not name.isdigit() else f"column_{name or position}"
    numbered = (f"{base}_{number}" for number in itertools.count(2))
    name = next(each for each in itertools.chain([base], numbered) if each not in taken and not is_reserved(each))
    taken.add(name)
    return name


def _key(session: Session, inference: _Inference, columns: list[_Column]) -> tuple[list[str], list[str]]:
    """Names of the columns that tell rows apart, one or else two; and what is not certain about them."""
    possible = [
        c for c in columns if c.guess.required and "[" not in c.guess.type and c.guess.type not in ("double", "boolean")
    ]
    possible = [c for c in possible if not c.guess.type.startswith(("STRUCT", "MAP", "decimal"))]
    by_source = {c.source: c for c in possible}
    distinct: dict[str, int] = {}
    for names, relation in inference.narrowed(list(by_source)) if by_source else ():
        counts = ", ".join(f"count(DISTINCT {quote(name)})" for name in names)
        distinct.update(zip(names, session.rows(f"SELECT {counts} FROM {relation}")[0], strict=True))
    unique = [c for c in possible if distinct[c.source] == inference.total]
    named = [c for c in unique if _KEY_NAMES.search(c.name)]
    if named:
        return [named[0].name], []
    nearly = [c for c in possible if _KEY_NAMES.search(c.name) and distinct[c.source] >= _NEARLY * inference.total]
    if nearly:
        # Another column whose values differ, such as people's names, would be the key by accident.
        doubts = [_repeats(session, inference, column, distinct[column.source]) for column in nearly]
        return [], [*doubts, "There is no key: correct the repeats, or say in `key` what tells the rows apart."]
    if unique:
        name = unique[0].name
        return [name], [f"'{name}' is the key because its values differ here, not by its name: will they always?"]
    for left, right in itertools.combinations(possible[:_KEY_PAIRS], 2):
        pair = f"SELECT count(DISTINCT ({quote(left.source)}, {quote(right.source)})) FROM {inference.relation}"
        if session.value(pair) == inference.total:
            return [left.name, right.name], [
                f"No column alone tells rows apart; {left.name} and {right.name} together do."
            ]
    return [], ["No column, and no two of the first, tell the rows apart: there is no key."]


def _repeats(session: Session, inference: _Inference, column: _Column, distinct: int) -> str:
    """That a column is named like a key, and which values it has more than once."""
    text = quote(column.source)
    found = session.rows(
        f"SELECT {text} FROM {inference.relation} GROUP BY ALL HAVING count(*) > 1 ORDER BY {text} LIMIT {_EXAMPLES}"
    )
    shown = ", ".join(repr(str(value)) for (value,) in found)
    return (
        f"'{column.name}' is named like a key, but {inference.total - distinct:,} of its {inference.total:,} values"
        f" repeat others: {shown}."
    )


def _described(column: _Column) -> DraftColumn:
    """A column as the contract's file has it: only what is not the default."""
    found = column.guess
    settings: dict[str, object] = {}
    if column.name != column_name(column.source):
        settings["name"] = column.name
    settings["type"] = found.type
    if found.formats:
        settings["format"] = found.formats[0] if len(found.formats) == 1 else found.formats
    if found.null_values:
        settings["null_values"] = found.null_values
    if found.required:
        settings["required"] = True
    return DraftColumn(column.source, settings, found.note)
