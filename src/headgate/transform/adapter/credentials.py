"""What dbt calls a connection's credentials: which lake, under which schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dbt.adapters.duckdb.credentials import DuckDBCredentials


@dataclass
class HeadgateCredentials(DuckDBCredentials):
    """Names a `Target` of this process instead of a database file.

    Attributes:
        database: The in-memory database of a session.
        schema: Schema of models that no configuration places.
        target_id: Key of the `Target`; empty while a project is only parsed.
    """

    database: str = "memory"
    schema: str = "silver"
    target_id: str = ""

    @property
    def type(self) -> str:
        return "headgate"

    @property
    def unique_field(self) -> str:
        return self.target_id

    def _connection_keys(self) -> tuple[str, ...]:
        return ("database", "schema")

    @classmethod
    def __pre_deserialize__(cls, data: dict[Any, Any]) -> dict[Any, Any]:
        return data
