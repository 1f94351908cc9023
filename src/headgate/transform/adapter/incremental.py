"""Incremental models: how the rows of a query join a table that exists."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from headgate.catalog.iceberg import Mode
from headgate.engines.workspace import Workspace
from headgate.engines.writer import describe
from headgate.errors import ModelError, did_you_mean
from headgate.transform.adapter.schema_change import columns_to_write
from headgate.types import Layout, Name, quote

_ALIAS = re.compile(r"\b(?:DBT_INTERNAL_DEST|DBT_INCREMENTAL_TARGET)\.", re.IGNORECASE)


@dataclass(frozen=True)
class Increment:
    """New rows for a table.

    Attributes:
        workspace: Where the table is.
        name: The table.
        rows: Name of a temporary table or view with the new rows, quoted.
        select: The columns of `rows` that are to be written.
        mode: How far they may change the table's columns.
        layout: Of the table from now on.
        model: The model's node, as dbt's macros hold it.
    """

    workspace: Workspace
    name: Name
    rows: str
    select: str
    mode: Mode
    layout: Layout
    model: Mapping[str, Any]

    @property
    def config(self) -> Mapping[str, Any]:
        config: Mapping[str, Any] = self.model["config"]
        return config


def increment(workspace: Workspace, name: Name, query: str, layout: Layout, model: Mapping[str, Any]) -> None:
    """Bring the rows of a query into a table, as `incremental_strategy` and `on_schema_change` say.

    Without a strategy rows replace those of the same `unique_key`, or are appended when there is none, as
    dbt-duckdb does.

    Raises:
        ModelError: The strategy is unknown, or lacks what it needs; the columns changed and may not.
    """
    config = model["config"]
    strategy = config.get("incremental_strategy") or ("delete+insert" if config.get("unique_key") else "append")
    apply = STRATEGIES.get(strategy)
    if apply is None:
        raise ModelError(
            f"There is no incremental strategy '{strategy}'.",
            hint=did_you_mean(strategy, STRATEGIES) or f"There are: {', '.join(STRATEGIES)}.",
        )
    # What is read more than once has to be computed once.
    kind = "view" if strategy in ("append", "insert_overwrite") else "table"
    with _staged(workspace, query, kind) as rows:
        select, mode = columns_to_write(workspace, name, rows, config.get("on_schema_change") or "ignore")
        apply(Increment(workspace, name, rows, select, mode, layout, model))


def _append(new: Increment) -> None:
    new.workspace.append(new.name, new.select, layout=new.layout, schema_mode=new.mode)


def _delete_insert(new: Increment) -> None:
    keys = _keys(new)
    if keys:
        key = f"({', '.join(keys)})"
        where = [f"{key} IN (SELECT {key} FROM {new.rows})"]
        where += [f"({_ALIAS.sub('', predicate)})" for predicate in _texts(new.config.get("incremental_predicates"))]
        new.workspace.delete(new.name, " AND ".join(where))
    _append(new)


def _merge(new: Increment) -> None:
    """Update by key, insert the rest.

    `incremental_predicates` have no effect: they are for engines that cannot tell which files may hold a key.
    """
    keys = [key.strip('"') for key in _keys(new)]
    if not keys:
        _append(new)
        return
    sql = _merged_rows(new, keys)
    new.workspace.merge(new.name, sql, keys, layout=new.layout, schema_mode=new.mode)


def _merged_rows(new: Increment, keys: Sequence[str]) -> str:
    """The rows that a merge writes: whole rows, which hold the old values of columns that are not to be updated."""
    config = new.config
    update = _texts(config.get("merge_update_columns"))
    exclude = _texts(config.get("merge_exclude_columns"))
    if update and exclude:
        raise ModelError("merge_update_columns and merge_exclude_columns are both set.", hint="Say one of them.")
    conditions = [config.get("merge_update_condition"), config.get("merge_insert_condition")]
    if not update and not exclude and not any(conditions):
        return new.select
    existing = {field.name for field in new.workspace.table(new.name).schema.fields}
    names, _ = describe(new.workspace.session, new.select)
    fixed = {name for name in names if name in existing and name not in keys and not _updated(name, update, exclude)}
    old, source = "DBT_INTERNAL_DEST", "DBT_INTERNAL_SOURCE"
    matched = f"{old}.{quote(keys[0])} IS NOT NULL"
    columns = [
        f"CASE WHEN {matched} THEN {old}.{quote(name)} ELSE {source}.{quote(name)} END AS {quote(name)}"
        if name in fixed
        else f"{source}.{quote(name)}"
        for name in names
    ]
    on = " AND ".join(f"{old}.{quote(key)} = {source}.{quote(key)}" for key in keys)
    when_matched, when_new = (f"({condition})" if condition else "true" for condition in conditions)
    return (
        f"SELECT {', '.join(columns)} FROM ({new.select}) AS {source} LEFT JOIN {new.name.sql} AS {old} ON {on}"
        f" WHERE CASE WHEN {matched} THEN {when_matched} ELSE {when_new} END"
    )


def _updated(name: str, update: Sequence[str], exclude: Sequence[str]) -> bool:
    chosen, listed = (update, True) if update else (exclude, False)
    return (name.lower() in {column.strip('"').lower() for column in chosen}) is listed


def _insert_overwrite(new: Increment) -> None:
    if not new.layout.partition_by:
        raise ModelError(
            "The strategy 'insert_overwrite' replaces partitions, and the model has none.",
            hint="Set partition_by, such as partition_by=['month(sold_at)'], or materialize it as a table.",
        )
    new.workspace.overwrite_partitions(new.name, new.select, layout=new.layout, schema_mode=new.mode)


def _microbatch(new: Increment) -> None:
    """Replace the rows of the batch's span of time."""
    batch, column = new.model.get("batch"), new.config.get("event_time")
    if not batch or not column:
        raise ModelError(
            "The strategy 'microbatch' needs the config 'event_time'.",
            hint="Name the column with the rows' time: config(event_time='...').",
        )
    within = f"{column} >= '{batch['event_time_start']}' AND {column} < '{batch['event_time_end']}'"
    new.workspace.delete(new.name, within)
    sql = f"SELECT * FROM ({new.select}) WHERE {within}"
    new.workspace.append(new.name, sql, layout=new.layout, schema_mode=new.mode)


STRATEGIES: dict[str, Callable[[Increment], None]] = {
    "append": _append,
    "merge": _merge,
    "delete+insert": _delete_insert,
    "insert_overwrite": _insert_overwrite,
    "microbatch": _microbatch,
}


def _keys(new: Increment) -> list[str]:
    """The parts of `unique_key`: a list, or a text with commas."""
    value = new.config.get("unique_key")
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")] if "(" not in value else [value]
    return list(value or ())


def _texts(value: str | Sequence[str] | None) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else [str(part) for part in value]


@contextmanager
def _staged(workspace: Workspace, query: str, kind: str) -> Iterator[str]:
    """A temporary table or view with the rows of a query, by its quoted name."""
    rows = quote(f"__headgate_rows_{uuid.uuid4().hex[:8]}")
    workspace.expose_for(query)
    workspace.session.execute(f"CREATE TEMP {kind} {rows} AS {query.rstrip().rstrip(';')}")
    try:
        yield rows
    finally:
        workspace.session.execute(f"DROP {kind} IF EXISTS {rows}")
