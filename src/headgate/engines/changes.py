"""Changes that depend on what a table holds: only files with rows that change are written again, or bear deletes."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from headgate.catalog.iceberg import LiveFile, TableVersion
from headgate.catalog.storage import Storage, is_of_run
from headgate.engines.columns import projection
from headgate.engines.deletes import DELETE_MODE, MERGE_MODE, bear_deletes, write_deletes
from headgate.engines.duckdb import Session
from headgate.engines.partitions import partition_expressions
from headgate.engines.scan import scan_sql
from headgate.engines.writer import Written, select_all, strip, write
from headgate.errors import DataError, UsageError, did_you_mean
from headgate.types import WrittenFile, literal, quote


@dataclass(frozen=True)
class WriteResult:
    """What a change did to a table, in rows and files."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    files_added: int = 0
    files_removed: int = 0

    @property
    def rows(self) -> int:
        """Rows that are new or different."""
        return self.inserted + self.updated


_FILE, _POSITION = "_headgate_file", "_headgate_position"
# DuckDB's number of a row of a table in memory; a column of that name hides it.
_ROW = "rowid"


def merge(
    session: Session,
    version: TableVersion,
    sql: str,
    keys: Sequence[str],
    *,
    table: str,
    prefix: str,
    update_condition: str | None = None,
) -> tuple[TableVersion, WriteResult]:
    """Update rows by key and insert those whose key the table lacks.

    A file that holds a row to update is written again, or stays and bears a delete for the row; see `bear_deletes`.
    Columns that the query lacks keep their value in rows that are updated. A key with a null in it matches nothing.

    Args:
        session: Runs the queries.
        version: The table, evolved to take the query's rows.
        sql: The query; no key may come twice.
        keys: Columns that identify a row.
        table: Name of the table, for errors.
        prefix: What the names of data files begin with.
        update_condition: SQL over `source` and `target`; a matching row is updated only where it is true.

    Raises:
        DataError: A key column is missing, or a key comes twice in the query.
    """
    source = session.temporary("merge_source")
    matched = session.temporary("merge_matched")
    try:
        columns = [str(row[0]) for row in session.rows(f"DESCRIBE {select_all(sql)}")]
        _check_keys(version, columns, keys, table)
        row = _take(session, version, sql, columns, source)
        _check_unique(session, source, keys, table)
        condition = f"coalesce({update_condition}, false)" if update_condition else "true"
        join = " AND ".join(f"target.{quote(key)} = source.{quote(key)}" for key in keys)
        touched, new_rows = _match(session, version, source, matched, row, join, condition)
        if not touched and not new_rows:
            return version, WriteResult()
        bearing = _bearing(session, version, touched, columns)
        again = touched.keys() - {file.path for file in bearing}
        elsewhere = f" AND NOT coalesce(matched.file IN ({', '.join(map(literal, again))}), false)" if again else ""
        fields = [field.name for field in version.schema.fields]
        items = ", ".join(f"source.{quote(field)}" for field in fields)
        rows = f"SELECT {items} FROM {source} AS source JOIN {matched} AS matched ON source.{row} = matched.row"
        rows += f" WHERE matched.changes{elsewhere}"
        if again:
            updates = f"source.{quote(keys[0])} IS NOT NULL AND {condition}"
            rows = f"{_updated(session, version, again, source, join, updates, columns)} UNION ALL {rows}"
        gone = f"SELECT position FROM {matched} WHERE changes AND file = "
        deletes = [write_deletes(session, version, gone + literal(file.path), file, prefix=prefix) for file in bearing]
        files = write(session, version, rows, fields, prefix=prefix)
    finally:
        session.execute(f"DROP TABLE IF EXISTS {source}")
        session.execute(f"DROP TABLE IF EXISTS {matched}")
    result = WriteResult(new_rows, sum(touched.values()), files_added=len(files), files_removed=len(again))
    return version.rewrite(again, files, deletes), result


def _take(session: Session, version: TableVersion, sql: str, columns: Sequence[str], source: str) -> str:
    """Make a table of a query's rows, with the columns of the version; gives the column that numbers them."""
    hidden = any(field.name.lower() == _ROW for field in version.schema.fields)
    row = session.temporary("row") if hidden else _ROW
    numbered = f", row_number() OVER () AS {row}" if hidden else ""
    items = f"{projection(version.schema, columns)}{numbered}"
    session.execute(f"CREATE TEMP TABLE {source} AS SELECT {items} FROM ({strip(sql)}\n)")
    return row


def _match(
    session: Session, version: TableVersion, source: str, matched: str, row: str, join: str, condition: str
) -> tuple[dict[str, int], int]:
    """Make a table of where the rows are that the source changes; gives their number by file, and that of new rows."""
    target = _scan_with_files(session, version)
    session.execute(
        f"CREATE TEMP TABLE {matched} AS"
        f" SELECT source.{row} AS row, target.{_FILE} AS file, target.{_POSITION} AS position,"
        f" target.{_FILE} IS NULL OR {condition} AS changes"
        f" FROM ({target}) AS target RIGHT JOIN {source} AS source ON {join}"
    )
    counts = dict(session.rows(f"SELECT file, count(*) FROM {matched} WHERE changes GROUP BY ALL"))
    new_rows = counts.pop(None, 0)
    return counts, new_rows


def _bearing(
    session: Session, version: TableVersion, touched: Mapping[str, int], columns: Sequence[str]
) -> list[LiveFile]:
    """The files that a merge leaves as they are; none if the query lacks columns, for then rows keep something."""
    given = {name.lower() for name in columns}
    if not touched or any(field.name.lower() not in given for field in version.schema.fields):
        return []
    return bear_deletes(version, touched, lambda: _rows_by_file(session, version), MERGE_MODE)


def _updated(
    session: Session,
    version: TableVersion,
    touched: Collection[str],
    source: str,
    join: str,
    updates: str,
    columns: Sequence[str],
) -> str:
    """The rows of the files that are touched, with what the source says in place of what it updates."""
    given = {name.lower() for name in columns}
    items = []
    for field in version.schema.fields:
        column = quote(field.name)
        value = f"CASE WHEN {updates} THEN source.{column} ELSE target.{column} END"
        items.append(f"{value} AS {column}" if field.name.lower() in given else f"target.{column} AS {column}")
    target = _scan_files(session, version, touched)
    return f"SELECT {', '.join(items)} FROM ({target}) AS target LEFT JOIN {source} AS source ON {join}"


def _scan_with_files(session: Session, version: TableVersion) -> str:
    """A query over all rows, with the data file of each, as the metadata names it, and its place there."""
    folder = str(session.scratch_folder("versions"))
    return scan_sql(session, version.store(folder).metadata_location, file_as=_FILE, position_as=_POSITION)


def _scan_files(session: Session, version: TableVersion, paths: Collection[str]) -> str:
    """A query over the rows of some data files, with the table's current columns."""
    return scan_sql(session, _subset(session, version, paths).metadata_location)


def _subset(session: Session, version: TableVersion, paths: Collection[str]) -> TableVersion:
    """A version, among the session's temporary files, that holds only some data files."""
    folder = session.scratch_folder(f"subset-{uuid.uuid4().hex[:12]}")
    return version.subset(frozenset(paths), str(folder))


def _check_keys(version: TableVersion, columns: Sequence[str], keys: Sequence[str], table: str) -> None:
    given = {name.lower() for name in columns}
    for key in keys:
        if key.lower() not in given:
            raise DataError(
                f"The rows for table '{table}' have no column '{key}', which is part of the key.",
                hint=did_you_mean(key, columns) or "`headgate show` lists the columns of a table.",
            )
    if not keys:
        raise UsageError(
            f"A merge into table '{table}' needs at least one key column.",
            hint="Name the columns that tell its rows apart.",
        )


def _check_unique(session: Session, source: str, keys: Sequence[str], table: str) -> None:
    names = ", ".join(map(quote, keys))
    present = " AND ".join(f"{quote(key)} IS NOT NULL" for key in keys)
    twice = session.rows(
        f"SELECT count(*), {names} FROM {source} WHERE {present} GROUP BY ALL HAVING count(*) > 1 LIMIT 1"
    )
    if twice:
        count, *values = twice[0]
        key = ", ".join(f"{name} = {value!r}" for name, value in zip(keys, values, strict=True))
        raise DataError(
            f"{count} rows for table '{table}' have the key {key}; a merge cannot tell which one is to stay.",
            hint="Leave one row per key, for example the newest.",
        )


def delete(
    session: Session, version: TableVersion, where: str, *, alias: str, prefix: str
) -> tuple[TableVersion, WriteResult]:
    """Delete rows; files of which all rows go are dropped, files of which none go stay.

    A file of which some go is written again, or stays and bears deletes; see `bear_deletes`.

    Args:
        session: Runs the queries.
        version: The table.
        where: SQL condition over the table's columns; rows for which it is null stay.
        alias: What the condition may call the table.
        prefix: What the names of data files begin with.
    """
    target = f"({_scan_with_files(session, version)}) AS {quote(alias)}"
    hit = dict(session.rows(f"SELECT {_FILE}, count(*) FROM {target} WHERE {where} GROUP BY ALL"))
    held = _rows_by_file(session, version)
    partly = {path: rows for path, rows in hit.items() if rows < held[path]}
    bearing = bear_deletes(version, partly, lambda: held, DELETE_MODE) if partly else []
    deletes = []
    for file in bearing:
        rows = _scan_with_files(session, _subset(session, version, [file.path]))
        positions = f"SELECT {_POSITION} FROM ({rows}) AS {quote(alias)} WHERE {where}"
        deletes.append(write_deletes(session, version, positions, file, prefix=prefix))
    again = partly.keys() - {file.path for file in bearing}
    files: tuple[WrittenFile, ...] = ()
    if again:
        kept = f"FROM ({_scan_files(session, version, again)}) AS {quote(alias)} WHERE NOT coalesce(({where}), false)"
        files = write(
            session, version, f"SELECT * {kept}", [field.name for field in version.schema.fields], prefix=prefix
        )
    removed = hit.keys() - {file.path for file in bearing}
    result = WriteResult(deleted=sum(hit.values()), files_added=len(files), files_removed=len(removed))
    return version.rewrite(removed, files, deletes), result


def _rows_by_file(session: Session, version: TableVersion) -> dict[str, int]:
    """The number of rows of each data file that delete files have left."""
    if not version.delete_files():
        return {file.path: file.rows for file in version.files()}
    return dict(session.rows(f"SELECT {_FILE}, count(*) FROM ({_scan_with_files(session, version)}) GROUP BY ALL"))


def overwrite_partitions(session: Session, written: Written, *, prefix: str) -> tuple[TableVersion, WriteResult]:
    """Put files in the place of all rows of the partitions that they are for; other partitions stay."""
    version = written.version
    held = version.files()
    rows = _rows_by_file(session, version)
    if version.spec.is_unpartitioned():
        result = WriteResult(written.rows, 0, sum(rows.values()), len(written.files), len(held))
        return version.replace(written.files), result
    partitions = {file.partition for file in written.files}
    whole = [file for file in held if file.spec_id == version.spec.spec_id and file.partition in partitions]
    # Files of an older partitioning may hold rows of these partitions among others.
    older = [file for file in held if file.spec_id != version.spec.spec_id] if written.files else []
    files: tuple[WrittenFile, ...] = ()
    if older:
        keys = f"({', '.join(partition_expressions(session, version))})"
        folder = str(session.scratch_folder(f"overwrite-{uuid.uuid4().hex[:12]}"))
        new = version.with_files(written.files, folder).store(folder)
        arriving = scan_sql(session, new.metadata_location)
        kept = _scan_files(session, version, {file.path for file in older})
        left = (
            f"SELECT target.* FROM (SELECT *, {keys} AS _key FROM ({kept})) AS target"
            f" ANTI JOIN (SELECT DISTINCT {keys} AS _key FROM ({arriving})) AS arriving"
            " ON target._key IS NOT DISTINCT FROM arriving._key"
        )
        files = write(session, version, left, [field.name for field in version.schema.fields], prefix=prefix)
    removed = [*whole, *older]
    gone = sum(rows.get(file.path, 0) for file in removed) - sum(file.rows for file in files)
    added = (*written.files, *files)
    result = WriteResult(written.rows, 0, gone, len(added), len(removed))
    return version.rewrite({file.path for file in removed}, added), result


def remove_files(storage: Storage, run_id: str) -> int:
    """Delete the data and metadata files below the warehouse that a run wrote; returns their number.

    The caller knows that the run is over and published nothing.
    """
    found = [file.location for file in storage.list(storage.warehouse) if is_of_run(file.location, run_id)]
    storage.delete(found)
    return len(found)
