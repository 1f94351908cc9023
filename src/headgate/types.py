"""Values that every layer shares: names of tables, and what a name stands for in a state."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

# The separator that the Iceberg REST specification uses between levels of a namespace.
_SEPARATOR = "\x1f"


@dataclass(frozen=True, order=True)
class Name:
    """The full name of a table or view: the levels of its namespace and its own name."""

    parts: tuple[str, ...]

    @classmethod
    def of(cls, *parts: str) -> Name:
        return cls(parts)

    @classmethod
    def parse(cls, text: str) -> Name:
        """Read `schema.table`; a part that holds a dot or a quote stands in double quotes, quotes inside it twice."""
        parts: list[str] = []
        current, quoted = "", False
        for before, char in zip(f" {text}", text, strict=False):
            if char == '"':
                # The second of two that follow one another stands for one.
                current += '"' if before == '"' and not quoted else ""
                quoted = not quoted
            elif char == "." and not quoted:
                parts.append(current)
                current = ""
            else:
                current += char
        return cls((*parts, current))

    @classmethod
    def from_key(cls, key: str) -> Name:
        return cls(tuple(key.split(_SEPARATOR)))

    @property
    def key(self) -> str:
        """The name as the catalog stores it."""
        return _SEPARATOR.join(self.parts)

    @property
    def namespace(self) -> tuple[str, ...]:
        return self.parts[:-1]

    @property
    def schema(self) -> str:
        """The namespace as one SQL schema name."""
        return ".".join(self.parts[:-1])

    @property
    def table(self) -> str:
        return self.parts[-1]

    @property
    def sql(self) -> str:
        """The name quoted for DuckDB: `"schema"."table"`."""
        return f"{quote(self.schema)}.{quote(self.table)}" if self.namespace else quote(self.table)

    def __str__(self) -> str:
        return ".".join(quote(part) if "." in part or '"' in part else part for part in self.parts if part)


def namespace_name(levels: Sequence[str]) -> Name:
    """The name under which a state keeps the properties of a namespace: its levels, and no table after them."""
    return Name((*levels, ""))


class Kind(enum.StrEnum):
    """What a name in the catalog stands for."""

    TABLE = "table"
    VIEW = "view"
    NAMESPACE = "namespace"


@dataclass(frozen=True)
class Content:
    """What a name stands for in one state of the lake.

    Attributes:
        kind: Table, view or namespace.
        content_id: Stable over the life of the table, whatever it is renamed to or holds; `namespace` for one.
        metadata_location: URI of the Iceberg metadata file: the version of the content. A namespace has its
            properties here, as JSON in which there is no choice, so that equal namespaces are equal content.
    """

    kind: Kind
    content_id: str
    metadata_location: str


@dataclass(frozen=True)
class ColumnStats:
    """What a data file says about one column; bounds in Iceberg's single-value binary form."""

    size: int | None = None
    values: int | None = None
    nulls: int | None = None
    nans: int | None = None
    lower: bytes | None = None
    upper: bytes | None = None


@dataclass(frozen=True)
class WrittenFile:
    """A Parquet data file that an engine wrote and no table refers to yet.

    Attributes:
        path: Absolute path or URI.
        rows: Number of records.
        bytes: Size of the file.
        partition: One value per partition field of the table's spec, in Iceberg's internal form.
        columns: Statistics by Iceberg field id.
    """

    path: str
    rows: int
    bytes: int
    partition: tuple[object, ...] = ()
    columns: dict[int, ColumnStats] = field(default_factory=dict)


@dataclass(frozen=True)
class Layout:
    """How a table is laid out and described; nothing here changes its rows.

    Attributes:
        partition_by: Iceberg transforms as text: `region`, `month(start_date)`, `bucket(16, id)`, `truncate(4, zip)`.
        sort_by: Columns, each with an optional ` desc`.
        properties: Iceberg table properties.
        comment: Description of the table.
        column_comments: Description by column.
    """

    partition_by: tuple[str, ...] = ()
    sort_by: tuple[str, ...] = ()
    properties: dict[str, str] = field(default_factory=dict)
    comment: str | None = None
    column_comments: dict[str, str] = field(default_factory=dict)


class Severity(enum.StrEnum):
    """What a failing check does: an error blocks the merge, a warning is reported."""

    ERROR = "error"
    WARN = "warn"


class CheckStatus(enum.StrEnum):
    """How a check came out."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    """The check itself could not be carried out; blocks as a failed check of severity error does."""
    SKIPPED = "skipped"
    """Not carried out, because what it checks was not built."""


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check on one state.

    Attributes:
        name: Unique within a run: a dbt test's name, `contract:<source>`, `accounting:<source>`, `accounting:<table>`
            for what another engine changed, or `reconciliation:<name>`.
        kind: `contract`, `accounting`, `dbt` or `reconciliation`.
        failures: Failing rows, or 1 where rows have no meaning.
        table: The table that is checked, as text.
        message: One sentence for a person; None when it passed.
        columns: Names of the sample's columns.
        sample: The first failing rows.
        evidence: Name of the table that holds all failing rows, on the run's branch.
    """

    name: str
    kind: str
    severity: Severity
    status: CheckStatus
    failures: int = 0
    table: str | None = None
    message: str | None = None
    columns: tuple[str, ...] = ()
    sample: tuple[tuple[object, ...], ...] = ()
    evidence: str | None = None
    seconds: float = 0.0

    @property
    def blocks(self) -> bool:
        """Whether this result keeps the state from `main`."""
        if self.status in (CheckStatus.PASSED, CheckStatus.SKIPPED):
            return False
        return self.severity is Severity.ERROR or self.status is CheckStatus.ERROR


@dataclass(frozen=True)
class LoadResult:
    """What became of the rows of one file: read = loaded + quarantined + duplicates."""

    load_id: str
    source: str
    table: str
    file: str
    sha256: str
    bytes: int
    read: int
    loaded: int
    quarantined: int
    duplicates: int
    seconds: float = 0.0
    replaces: str | None = None


class ModelStatus(enum.StrEnum):
    """What became of a model in a run."""

    BUILT = "built"
    ERROR = "error"
    SKIPPED = "skipped"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class ModelResult:
    """What became of one model, seed or snapshot.

    Attributes:
        rows: In the table; None for a view.
        message: All that is to be said of an error.
        error: The same in parts: `message`, `place`, `hint`.
    """

    name: str
    unique_id: str
    status: ModelStatus
    rows: int | None = None
    seconds: float = 0.0
    message: str | None = None
    error: dict[str, object] | None = None


def quote(identifier: str) -> str:
    """An identifier in double quotes, as SQL wants it."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string literal in single quotes, as SQL wants it."""
    return "'" + text.replace("'", "''") + "'"


def read_written(files: Iterable[WrittenFile]) -> str:
    """DuckDB's table function over the rows of files that were written; at least one."""
    # Its reader knows paths of this machine, and has no use for their scheme.
    return f"read_parquet([{', '.join(literal(file.path.removeprefix('file://')) for file in files)}])"
