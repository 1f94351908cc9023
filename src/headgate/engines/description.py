"""Tables and views of a state as a person or a program wants them described."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from pyiceberg.manifest import DataFileContent

from headgate.catalog.iceberg import TableVersion
from headgate.catalog.storage import Storage
from headgate.catalog.views import read_view
from headgate.engines.reader import Reader
from headgate.engines.scan import readable_rows
from headgate.errors import DataError, TableNotFound
from headgate.types import Kind, Name

_COMMENT = "comment"
_DELETES = {DataFileContent.POSITION_DELETES: "position deletes", DataFileContent.EQUALITY_DELETES: "equality deletes"}


@dataclass(frozen=True)
class TableInfo:
    """A table or view in a listing; a view has no rows, bytes or time of its own."""

    name: str
    kind: str
    rows: int | None = None
    bytes: int | None = None
    updated: datetime | None = None
    comment: str | None = None


@dataclass(frozen=True)
class ColumnInfo:
    """A column; `type` is Iceberg's name of the type."""

    name: str
    type: str
    required: bool = False
    comment: str | None = None


@dataclass(frozen=True)
class SnapshotInfo:
    """A version of a table's rows; the numbers are None where its summary does not tell them."""

    snapshot_id: int
    time: datetime
    operation: str
    rows: int | None
    files: int | None


@dataclass(frozen=True)
class FileInfo:
    """A file of the current snapshot: a data file, or one that takes rows of data files away."""

    path: str
    rows: int
    bytes: int
    content: str = "data"


@dataclass(frozen=True)
class TableDetail:
    """All there is to tell of one table or view."""

    name: str
    kind: str
    comment: str | None
    location: str
    metadata_location: str
    rows: int | None
    bytes: int | None
    partition_by: tuple[str, ...]
    sort_by: tuple[str, ...]
    sql: str | None
    columns: tuple[ColumnInfo, ...]
    snapshots: tuple[SnapshotInfo, ...]
    files: tuple[FileInfo, ...]
    properties: dict[str, str]


def list_tables(reader: Reader) -> list[TableInfo]:
    """Every table and view of the reader's state, in order."""
    found = []
    for name in reader.names():
        content = reader.content(name)
        if content is None:
            continue
        if content.kind is Kind.VIEW:
            comment = reader.properties(name).get(_COMMENT)
            found.append(TableInfo(str(name), content.kind.value, comment=comment))
            continue
        try:
            version = TableVersion.load(content.metadata_location, reader.session.storage)
        except DataError:
            # One table that is too new is no reason to list none.
            found.append(TableInfo(str(name), content.kind.value))
            continue
        found.append(
            TableInfo(
                str(name),
                content.kind.value,
                rows=readable_rows(reader.session, version),
                bytes=version.bytes,
                updated=_moment(version.metadata.last_updated_ms),
                comment=version.properties.get(_COMMENT),
            )
        )
    return found


def describe_table(reader: Reader, name: Name) -> TableDetail:
    """One table or view of the reader's state.

    Raises:
        TableNotFound: There is none of that name.
    """
    content = reader.content(name)
    if content is None:
        raise TableNotFound(f"There is no table '{name}'.", hint=reader.closest(str(name)))
    if content.kind is Kind.VIEW:
        return _describe_view(name, content.metadata_location, reader.session.storage)
    version = TableVersion.load(content.metadata_location, reader.session.storage)
    files = [FileInfo(file.path, file.rows, file.bytes) for file in version.files()]
    files += [
        FileInfo(file.file_path, file.record_count, file.file_size_in_bytes, _DELETES[file.content])
        for file in version.delete_files()
    ]
    return TableDetail(
        name=str(name),
        kind=content.kind.value,
        comment=version.properties.get(_COMMENT),
        location=version.location,
        metadata_location=content.metadata_location,
        rows=readable_rows(reader.session, version),
        bytes=version.bytes,
        partition_by=tuple(_transform(str(f.transform), _column(version, f.source_id)) for f in version.spec.fields),
        sort_by=tuple(
            f"{_transform(str(f.transform), _column(version, f.source_id))} {f.direction.name.lower()}"
            for f in version.sort_order.fields
        ),
        sql=None,
        columns=tuple(
            ColumnInfo(field.name, version.types.get(field.field_id, str(field.field_type)), field.required, field.doc)
            for field in version.schema.fields
        ),
        snapshots=tuple(reversed([_snapshot(snapshot) for snapshot in version.metadata.snapshots])),
        files=tuple(files),
        properties={key: value for key, value in version.properties.items() if key != _COMMENT},
    )


def _describe_view(name: Name, metadata_location: str, storage: Storage) -> TableDetail:
    view = read_view(metadata_location, storage)
    return TableDetail(
        name=str(name),
        kind=Kind.VIEW.value,
        comment=view.properties.get(_COMMENT),
        location=metadata_location.rpartition("/metadata/")[0],
        metadata_location=metadata_location,
        rows=None,
        bytes=None,
        partition_by=(),
        sort_by=(),
        sql=view.sql,
        columns=tuple(ColumnInfo(column, kind) for column, kind in view.columns),
        snapshots=(),
        files=(),
        properties={key: value for key, value in view.properties.items() if key != _COMMENT},
    )


def _snapshot(snapshot: object) -> SnapshotInfo:
    summary = snapshot.summary  # type: ignore[attr-defined]  # PyIceberg's Snapshot, which only the catalog names
    totals = summary.additional_properties if summary else {}
    # Deletes may hit a row twice or a file that is gone: what is left is not to be had by subtraction.
    known = totals.get("total-delete-files", "0") == "0"
    return SnapshotInfo(
        snapshot_id=snapshot.snapshot_id,  # type: ignore[attr-defined]  # as above
        time=_moment(snapshot.timestamp_ms),  # type: ignore[attr-defined]  # as above
        operation=summary.operation.value if summary else "",
        rows=int(totals["total-records"]) if known and "total-records" in totals else None,
        files=int(totals["total-data-files"]) if "total-data-files" in totals else None,
    )


def _column(version: TableVersion, field_id: int) -> str:
    """The column, or the path of a field of a struct, that a field id stands for."""
    return version.schema.find_column_name(field_id) or f"dropped column {field_id}"


def _transform(transform: str, column: str) -> str:
    """`bucket[16]` of `id` as headgate writes it: `bucket(16, id)`."""
    if transform == "identity":
        return column
    name, _, argument = transform.removesuffix("]").partition("[")
    return f"{name}({argument}, {column})" if argument else f"{name}({column})"


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
