"""Names of tables as dbt renders them."""

from __future__ import annotations

from dataclasses import dataclass, field

from dbt.adapters.base.relation import Policy
from dbt.adapters.duckdb.relation import DuckDBRelation


@dataclass
class _SchemaAndTable(Policy):
    database: bool = False
    schema: bool = True
    identifier: bool = True


@dataclass(frozen=True, eq=False, repr=False)
class HeadgateRelation(DuckDBRelation):
    """`"schema"."table"`: the text of a view outlives the in-memory database that it was made in."""

    include_policy: Policy = field(default_factory=_SchemaAndTable)
