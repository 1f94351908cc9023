"""Contracts: what a source is, and what its rows have to be; the files `ingestion/*.yml` as `sources` reads them."""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from headgate.config import Misplaced, Section
from headgate.errors import did_you_mean
from headgate.ingest.columntypes import MOMENTS, NUMBERS, ColumnType, is_value, parse_type
from headgate.types import Name

Format = Literal["csv", "tsv", "json", "ndjson", "parquet", "excel"]
Scalar = bool | int | float | str

AUDIT_COLUMNS = ("_source_file", "_source_row", "_load_id", "_loaded_at")
BRONZE = "bronze"
# What headgate itself keeps: failing rows of checks, which stay on their branch, refused rows, and its books.
OWN_SCHEMAS = ("checks", "quarantine", "headgate")
# With those of DuckDB.
_TAKEN_SCHEMAS = (*OWN_SCHEMAS, "system", "temp", "information_schema", "pg_catalog")
# Folders are named after tables, with 37 bytes more, and a file system takes 255.
_LONGEST_NAME = 200
ISO = "iso"
DURATION = "h:mm:ss"

# What DuckDB's strptime knows; `-` before a number is without leading zeros.
_SPECIFIER = r"%(-?[dmyHIMSj]|[aAwubBYpgnfUWGVcxX%zZ])"
_PARTITION_COLUMN = re.compile(r"^(?:\w+\s*\((?:\s*\d+\s*,)?\s*)?([^()\s,]+)\s*\)?$")


def column_name(text: str) -> str:
    """A column's name in the lake, made from its name in a source: `sessionID` and `Session ID` give `session_id`.

    Args:
        text: Any text; empty when it has no letter or digit, as the result is then.
    """
    spaced = re.sub(r"(?<=[a-z]{2})(?=[A-Z])", "_", text)
    return re.sub(r"[^\w]+|_+", "_", spaced).strip("_").lower()


def is_reserved(name: str) -> bool:
    """Whether a column of a loaded table cannot have this name, because headgate or DuckDB adds one that has."""
    lower = name.lower()
    return lower in (*AUDIT_COLUMNS, "file_row_number") or lower.startswith("__")


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _spelled(value: object) -> object:
    """A column given as text is its type."""
    return {"type": value} if isinstance(value, str) else value


def _type_exists(text: str) -> str:
    parse_type(text)
    return text


class Column(Section):
    """What the values of one column have to be."""

    name: str | None = Field(default=None, description="Name in the lake. Default: the source's, in snake_case.")
    type: str = Field(
        default="varchar",
        description="DuckDB type, such as `bigint`, `decimal(10,2)`, `date`, `struct(a int, b varchar[])`. A number is "
        "rounded to the digits after the point that its type has, unless that has none; a time is cut to microseconds.",
    )
    format: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        default=(),
        description="One or several strptime formats, tried in turn; `iso` stands for DuckDB's own reading of the "
        f"type, `{DURATION}` reads a duration as seconds.",
    )
    required: bool = Field(default=False, description="Whether a row without a value is refused.")
    unique: bool = Field(default=False, description="Whether a row that repeats a value of an earlier row is refused.")
    accepted: tuple[Scalar, ...] = Field(default=(), description="The only values there may be.")
    min: Scalar | None = Field(default=None, description="The smallest value.")
    max: Scalar | None = Field(default=None, description="The largest value.")
    pattern: str | None = Field(default=None, description="Regular expression that the text has to hold.")
    description: str | None = Field(default=None, description="What the column means.")
    aliases: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        default=(), description="Other names that the column has had in the source."
    )
    null_values: tuple[str, ...] | None = Field(
        default=None, description="Texts that stand for no value in this column, in addition to the source's."
    )

    _type = field_validator("type")(_type_exists)

    @field_validator("pattern")
    @classmethod
    def _pattern_compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                with warnings.catch_warnings(action="ignore"):
                    # Python warns of what it may read in another way one day; the pattern is DuckDB's to read.
                    re.compile(value)
            except re.error as error:
                raise ValueError(f"the regular expression does not compile: {error}") from None
        return value

    @field_validator("format")
    @classmethod
    def _format_is_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            unknown = [found for found in re.findall(r"%-?.?", text) if not re.fullmatch(_SPECIFIER, found)]
            if unknown and text not in (ISO, DURATION):
                raise ValueError(f"the format '{text}' has '{unknown[0]}', which stands for no part of a date or time")
            if "%" not in text and text not in (ISO, DURATION):
                raise ValueError(
                    f"the format '{text}' is neither a strptime format such as %d/%m/%Y nor {ISO} nor {DURATION}"
                )
        return value

    @model_validator(mode="after")
    def _values_are_of_the_type(self) -> Column:
        kind = self.column_type
        named = [*(("accepted", value) for value in self.accepted), ("min", self.min), ("max", self.max)]
        for key, value in named:
            if value is not None and not is_value(str(value), kind):
                raise Misplaced(f"{key} has '{value}', which is no {kind}", (key,))
        if self.format and kind.base not in (MOMENTS | NUMBERS) - {"TIME_NS"}:
            raise ValueError(f"formats are for dates, times and numbers, and this is {kind}")
        return self

    @property
    def column_type(self) -> ColumnType:
        return parse_type(self.type)


class Computed(Section):
    """A column that is computed from the others while loading."""

    type: str = Field(description="DuckDB type of the result.")
    expression: str = Field(min_length=1, description="SQL over the columns' names in the lake.")
    required: bool = Field(default=False, description="Whether a row for which it yields nothing is refused.")
    description: str | None = Field(default=None, description="What the column means.")

    _type = field_validator("type")(_type_exists)


class Options(Section):
    """How the files are written."""

    delimiter: str | None = Field(default=None, description="Between values of a CSV row. Default: `,`, for TSV a tab.")
    quote: str = Field(default='"', max_length=1, description="Around values that hold delimiters; empty for none.")
    escape: str | None = Field(default=None, max_length=1, description="Before a quote in a value. Default: the quote.")
    encoding: str = Field(default="utf-8", description="`utf-8`, `utf-16`, `latin-1`, `cp1252`, any that Python knows.")
    header: bool = Field(default=True, description="Whether the first row names the columns.")
    skip: int = Field(default=0, ge=0, description="Lines before the header, or before the first row.")
    comment: str | None = Field(default=None, min_length=1, description="Lines that start with this are no rows.")
    null_values: tuple[str, ...] | None = Field(
        default=None, description="Texts that stand for no value. Default: the empty text in CSV and Excel."
    )
    decimal: Literal[".", ","] = Field(default=".", description="Decimal separator of numbers.")
    thousands: str | None = Field(default=None, max_length=1, description="Separator between groups of digits.")
    rows: str | None = Field(default=None, description="Path to the rows of a JSON document, such as `data.items`.")
    unnest: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        default=(), description="Lists that give a row per element, structs that give a column per field."
    )
    sheet: str | None = Field(default=None, description="Sheet of a workbook. Default: the first.")
    range: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z]{1,3}\d+:[A-Za-z]{1,3}\d*$",
        description="Cells of the sheet, such as `A1:F99`.",
    )

    @field_validator("delimiter")
    @classmethod
    def _delimiter_is_a_character(cls, value: str | None) -> str | None:
        value = {"tab": "\t", "\\t": "\t"}.get(value or "", value)
        if value is not None and len(value.encode()) != 1:
            raise ValueError("a delimiter is one character of ASCII")
        return value

    @field_validator("encoding")
    @classmethod
    def _encoding_exists(cls, value: str) -> str:
        try:
            # Python also has codecs, such as `hex`, that make no text.
            b" ".decode(value)
        except UnicodeDecodeError:
            pass  # one space is not enough for a character of UTF-16
        except (LookupError, ValueError):
            known = ("utf-8", "utf-16", "latin-1", "cp1252", "iso-8859-15", "cp437", "shift_jis", "gb18030")
            hint = did_you_mean(value.lower(), known) or ""
            raise ValueError(f"there is no encoding '{value}'. {hint}".strip()) from None
        return value


class ObjectAccess(Section):
    """Server and keys of the buckets that a source's files are in; nothing of it is taken from the environment."""

    endpoint: str | None = Field(default=None, description="URL of the S3 server. Default: AWS.")
    region: str | None = Field(default=None, description="Default: `us-east-1`.")
    path_style: bool | None = Field(
        default=None,
        description="Whether the bucket stands in the path and not in the host. Default: yes where `endpoint` is set.",
    )
    access_key: str | None = Field(
        default=None, repr=False, description="Default: requests are not signed, as public buckets want it."
    )
    secret_key: str | None = Field(default=None, repr=False, description="Write it as `${NAME}`.")
    session_token: str | None = Field(default=None, repr=False, description="Of temporary keys.")


class Contract(Section):
    """The file `ingestion/<source>.yml`: one source and its contract."""

    table: str = Field(min_length=1, description="Table of schema `bronze`, or `schema.table`.")
    description: str | None = Field(default=None, description="What the rows are.")
    files: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        min_length=1,
        description="Paths, globs or folders, relative to the project or below `s3://`; `https://` addresses.",
    )
    storage: ObjectAccess | None = Field(
        default=None, description="How `s3://` files are reached, when not with the lake's own server and keys."
    )
    format: Format | None = Field(
        default=None, description="Default: from the file's name; .gz and .zst are looked through."
    )
    options: Options = Field(default_factory=Options, description="How the files are written.")
    columns: dict[str, Annotated[Column, BeforeValidator(_spelled)]] = Field(
        default_factory=dict,
        description="Columns by their name in the source; in files without header by position, from 1, or in order.",
    )
    computed: dict[str, Computed] = Field(default_factory=dict, description="Further columns, by name.")
    key: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        default=(), description="Columns that identify a row, by their name in the lake. Only a merge goes by them."
    )
    load: Literal["append", "replace", "merge"] = Field(
        default="append",
        description="`append`: rows of every file are added; `replace`: the table holds the files that are there now; "
        "`merge`: one row per key, the newest wins.",
    )
    newest_by: str | None = Field(
        default=None, description="For `merge`: the larger value wins. Default: the later row."
    )
    new_columns: Literal["add", "ignore", "fail"] = Field(
        default="add", description="What happens to columns that the contract does not name."
    )
    missing_columns: Literal["fail", "fill"] = Field(
        default="fail", description="What happens when a file lacks a column that is not required."
    )
    bad_rows: Literal["quarantine", "fail"] = Field(
        default="quarantine", description="Whether refused rows are set aside, or fail the run."
    )
    max_bad: str | int | None = Field(
        default=None, description="The most rows of a file that may be refused, as a count or a percentage."
    )
    changed_file: Literal["replace", "append", "fail"] = Field(
        default="replace", description="What happens when a file that was loaded has other content."
    )
    partition_by: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        default=(), description="Iceberg transforms, such as `month(sale_date)` or `bucket(16, id)`."
    )
    sort_by: Annotated[tuple[str, ...], BeforeValidator(_listed)] = Field(
        default=(), description="Columns, each with an optional ` desc`."
    )

    @field_validator("table")
    @classmethod
    def _table_has_a_place(cls, value: str) -> str:
        name = Name.parse(value)
        if not all(part.strip() and part.isprintable() for part in name.parts):
            raise ValueError("a table's name is `table` or `schema.table`, each with letters one can see")
        if max(len(part.encode()) for part in name.parts) > _LONGEST_NAME:
            raise ValueError(f"a table's name may have {_LONGEST_NAME} bytes")
        if name.schema.lower() in _TAKEN_SCHEMAS:
            raise ValueError(f"the schema '{name.schema}' is not one that sources fill; leave it out for {BRONZE}")
        return value

    @field_validator("columns", mode="before")
    @classmethod
    def _keys_are_text(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        for text, count in Counter(map(str, value)).items():
            if count > 1:
                raise ValueError(f"the column '{text}' stands there twice, as a number and as text")
        return {str(key): column for key, column in value.items()}

    @field_validator("max_bad", mode="before")
    @classmethod
    def _max_bad_is_a_share(cls, value: object) -> object:
        if isinstance(value, float):
            raise ValueError(f"a share has a percent sign, such as {value * 100:g}%")  # noqa: TRY004  # pydantic's way
        if isinstance(value, str) and not re.fullmatch(r"\d+(\.\d+)?\s*%|\d+", value):
            raise ValueError("max_bad is a count such as 100, or a percentage such as 5%")
        if isinstance(value, int) and value < 0:
            raise ValueError("max_bad cannot be negative")
        return value

    @model_validator(mode="after")
    def _names_are_there(self) -> Contract:
        names = self._unique_names()
        if self.load == "merge" and not self.key:
            raise Misplaced("load: merge needs `key`, the columns that identify a row", ("load",))
        if self.newest_by and self.load != "merge":
            raise Misplaced(f"newest_by belongs to load: merge, and this is load: {self.load}", ("newest_by",))
        sorted_by = [re.sub(r"\s+(asc|desc)$", "", text.strip(), flags=re.I) for text in self.sort_by]
        partitioned = [_partition_column(text) for text in self.partition_by]
        named = {"key": self.key, "newest_by": (self.newest_by,) if self.newest_by else (), "sort_by": sorted_by}
        for what, used in {**named, "partition_by": partitioned}.items():
            for name in used:
                if name not in names and name not in AUDIT_COLUMNS:
                    unknown = f"{what} names '{name}', which is no column of the contract"
                    raise Misplaced(unknown, (what,), did_you_mean(name, names))
        return self

    @property
    def has_unique(self) -> bool:
        """Whether a row is refused for a value that another one has, so that it tells which of them came first."""
        return any(column.unique for column in self.columns.values())

    @property
    def weighs_rows(self) -> bool:
        """Whether rows are held against each other, so that the order in which they arrive tells which of them stay."""
        return self.load == "merge" or self.has_unique

    def _unique_names(self) -> list[str]:
        names: dict[str, str] = {}
        for source, column in self.columns.items():
            name = column.name or column_name(source)
            if not name:
                raise ValueError(f"the column '{source}' has no letters or digits; give it a `name`")
            other = names.setdefault(name.lower(), source)
            if other != source:
                raise Misplaced(f"the columns '{other}' and '{source}' both get the name '{name}'", ("columns", source))
        for name in self.computed:
            if name.lower() in names:
                raise ValueError(f"the computed column '{name}' has the name of the column '{names[name.lower()]}'")
            names[name.lower()] = name
        for reserved in names:
            if is_reserved(reserved):
                raise ValueError(
                    f"the name '{reserved}' is taken by a column that headgate adds; choose another `name`"
                )
        return [column.name or column_name(source) for source, column in self.columns.items()] + list(self.computed)


def _partition_column(text: str) -> str:
    match = _PARTITION_COLUMN.match(text.strip())
    return match.group(1) if match else text


@dataclass(frozen=True)
class Source:
    """A source: a contract and the name under which its loads are recorded.

    Attributes:
        name: The stem of the contract's file.
        contract: What the file says.
        path: The contract's file.
    """

    name: str
    contract: Contract
    path: Path

    @property
    def table(self) -> Name:
        """The table in the lake that the source fills."""
        name = Name.parse(self.contract.table)
        return name if name.namespace else Name.of(BRONZE, name.table)

    @property
    def quarantine(self) -> Name:
        """The table in the lake that holds the rows the source was refused."""
        return Name.of("quarantine", self.table.table)

    @property
    def contract_hash(self) -> str:
        """Changes whenever the contract would make other rows of the same file."""
        said: dict[str, Any] = self.contract.model_dump(mode="json")
        for prose in ("description", "files", "storage", "max_bad", "bad_rows", "changed_file"):
            said.pop(prose)
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
