"""`on_schema_change`: what happens when an incremental model yields other columns than its table has."""

from __future__ import annotations

from headgate.catalog.iceberg import Mode
from headgate.engines.columns import to_duckdb
from headgate.engines.workspace import Workspace
from headgate.engines.writer import describe
from headgate.errors import ModelError, did_you_mean
from headgate.types import Name, quote

IGNORE, FAIL, APPEND, SYNC = "ignore", "fail", "append_new_columns", "sync_all_columns"


def columns_to_write(workspace: Workspace, name: Name, rows: str, on_schema_change: str) -> tuple[str, Mode]:
    """The query for the columns of `rows` that go into the table, and how far they may change its schema.

    Args:
        workspace: Where the table is.
        name: The table.
        rows: A temporary table or view with the new rows, quoted.
        on_schema_change: As configured: `ignore` leaves new columns out, `append_new_columns` adds them,
            `sync_all_columns` also drops columns and changes types, `fail` wants equal columns.

    Raises:
        ModelError: The columns differ in a way that the configuration does not allow.
    """
    if on_schema_change not in (IGNORE, FAIL, APPEND, SYNC):
        raise ModelError(
            f"on_schema_change is '{on_schema_change}'.",
            hint=did_you_mean(on_schema_change, (IGNORE, FAIL, APPEND, SYNC)),
        )
    everything = f"SELECT * FROM {rows}"
    names, schema = describe(workspace.session, everything)
    arriving = {field.name.lower(): field for field in schema.fields}
    current = {field.name.lower(): field for field in workspace.table(name).schema.fields}
    new = [field.name for key, field in arriving.items() if key not in current]
    gone = [field.name for key, field in current.items() if key not in arriving]
    changed = [
        field for key, field in arriving.items() if key in current and field.field_type != current[key].field_type
    ]
    if on_schema_change == FAIL and (new or gone or changed):
        told = {"new": new, "missing": gone, "of another type": [field.name for field in changed]}
        raise ModelError(
            f"The columns differ from those of {name}: "
            + "; ".join(f"{what}: {', '.join(columns)}" for what, columns in told.items() if columns)
            + ".",
            hint="Set on_schema_change to append_new_columns or sync_all_columns, or run with --full-refresh.",
        )
    if on_schema_change == SYNC:
        types = {current[field.name.lower()].name: to_duckdb(field.field_type) for field in changed}
        _change_types(workspace, name, types)
        return everything, Mode.SYNC
    if on_schema_change == IGNORE and gone:
        raise ModelError(
            f"The model no longer yields {', '.join(gone)} of {name}.",
            hint="Set on_schema_change to append_new_columns or sync_all_columns, or run with --full-refresh.",
        )
    if on_schema_change == IGNORE and new:
        return f"SELECT {', '.join(quote(column) for column in names if column not in new)} FROM {rows}", Mode.ADD
    return everything, Mode.ADD


def _change_types(workspace: Workspace, name: Name, types: dict[str, str]) -> None:
    """Give columns of the table other types, its rows converted, where Iceberg cannot do so without rewriting."""
    version = workspace.table(name)
    narrowed = {
        column: kind
        for column, kind in types.items()
        if to_duckdb(version.schema.find_field(column).field_type) != kind
    }
    if narrowed:
        casts = ", ".join(f"CAST({quote(column)} AS {kind}) AS {quote(column)}" for column, kind in narrowed.items())
        workspace.replace(name, f"SELECT * REPLACE ({casts}) FROM {name.sql}")
