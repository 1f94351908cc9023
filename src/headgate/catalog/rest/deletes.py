"""Refuse what would make engines disagree on the rows of a table."""

from __future__ import annotations

from collections.abc import Sequence

from headgate.catalog.rest.fields import Json
from headgate.catalog.rest.problems import BadRequest
from headgate.catalog.rest.target import Target


def check_deletes(target: Target, metadata: Json, updates: Sequence[Json], table: str) -> None:
    """Refuse deletes of DuckDB on a table with files of several partition specs.

    DuckDB 1.5 files them all under the newest spec, and only DuckDB applies them then: the rows would come back in
    every other engine.

    Raises:
        BadRequest: Such a delete is among the updates.
    """
    if "duckdb" not in (target.client.engine or "").lower() or len(metadata["partition-specs"]) < 2:
        return
    # PyIceberg, which not every request needs.
    from headgate.catalog.iceberg.deletes import adds_deletes_across_specs

    for update in updates:
        if update["action"] != "add-snapshot" or "manifest-list" not in update["snapshot"]:
            continue
        snapshot = update["snapshot"]
        if adds_deletes_across_specs(snapshot["manifest-list"], snapshot["snapshot-id"], target.storage):
            raise BadRequest(
                f"Cannot delete from {table}: its partitioning changed, and DuckDB writes deletes there that other"
                " engines do not apply; delete with another engine, or rewrite the table first"
            )
