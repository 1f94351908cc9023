"""The adapter: what dbt's macros may ask of a lake.

To parse a project takes none of what reads and writes tables, and is not to wait for its imports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from dbt.adapters.base import BaseRelation
from dbt.adapters.base.impl import ConstraintSupport
from dbt.adapters.base.meta import available
from dbt.adapters.contracts.connection import AdapterResponse
from dbt.adapters.contracts.relation import RelationType
from dbt.adapters.duckdb.impl import DuckDBAdapter
from dbt_common.clients.agate_helper import table_from_rows
from dbt_common.contracts.constraints import ConstraintType
from dbt_common.exceptions import DbtRuntimeError

from headgate.errors import ModelError
from headgate.transform.adapter.connections import HeadgateConnectionManager
from headgate.transform.adapter.constraints import check_constraints
from headgate.transform.adapter.layout import layout_of
from headgate.transform.adapter.python_model import run_python_model
from headgate.transform.adapter.queries import ends_with_semicolon
from headgate.transform.adapter.relation import HeadgateRelation
from headgate.transform.adapter.seeds import seed_query
from headgate.transform.adapter.target import Target, find_target
from headgate.types import Kind, Layout, Name, quote

if TYPE_CHECKING:
    from headgate.engines.workspace import Workspace

MethodT = TypeVar("MethodT", bound=Callable[..., object])


def for_macros(method: MethodT) -> MethodT:
    """Let macros call a method of the adapter; while a project is only parsed the call gives nothing."""
    marked: MethodT = available.parse_none(method)
    return marked


class HeadgateAdapter(DuckDBAdapter):
    """dbt-duckdb, with tables and views that lie in the workspace of a run.

    DuckDB holds a view per table of the state that is being built, and temporary tables; everything that lasts is
    written through the workspace.
    """

    ConnectionManager = HeadgateConnectionManager
    Relation = HeadgateRelation

    # See `constraints`: checked on the rows that were written.
    CONSTRAINT_SUPPORT = {
        ConstraintType.check: ConstraintSupport.ENFORCED,
        ConstraintType.not_null: ConstraintSupport.ENFORCED,
        ConstraintType.unique: ConstraintSupport.ENFORCED,
        ConstraintType.primary_key: ConstraintSupport.ENFORCED,
        ConstraintType.foreign_key: ConstraintSupport.NOT_ENFORCED,
    }

    @property
    def target(self) -> Target:
        return find_target(self.config.credentials.target_id)

    @property
    def workspace(self) -> Workspace:
        return self.target.workspace

    @classmethod
    def is_cancelable(cls) -> bool:
        return True

    def pre_model_hook(self, config: Any) -> None:
        """Nothing: dbt-duckdb takes a lock for foreign keys here."""

    def post_model_hook(self, config: Any, context: Any) -> None:
        """Nothing, as `pre_model_hook` does nothing."""

    # What is there

    def list_relations_without_caching(self, schema_relation: BaseRelation) -> list[BaseRelation]:
        return [self._relation_of(name) for name in self.workspace.names(schema_relation.schema)]

    def list_schemas(self, database: str) -> list[str]:
        """Those that DuckDB has; a schema of the lake is there once one of its tables is."""
        return [row[0] for row in self.workspace.session.rows("SELECT DISTINCT schema_name FROM duckdb_schemas()")]

    def create_schema(self, relation: BaseRelation) -> None:
        self.workspace.session.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(str(relation.schema))}")

    def get_columns_in_relation(self, relation: BaseRelation) -> list[Any]:
        if relation.schema:
            if not self.workspace.exists(name_of(relation)):
                return []
            self.workspace.expose(name_of(relation))
        return super().get_columns_in_relation(relation)  # type: ignore[no-any-return]  # dbt-duckdb is untyped

    def get_filtered_catalog(
        self, relation_configs: Iterable[Any], used_schemas: Any, relations: Any = None
    ) -> tuple[Any, list[Exception]]:
        """Columns of all tables and views of the project, for `dbt docs`."""
        from headgate.transform.adapter.catalog import COLUMNS, catalog_rows

        names = [name_of(self.Relation.create_from(self.config, config)) for config in relation_configs]
        rows = list(catalog_rows(self.workspace, names, self.config.credentials.database))
        return table_from_rows(rows, COLUMNS), []

    def drop_relation(self, relation: BaseRelation) -> None:
        if not relation.schema:
            super().drop_relation(relation)
            return
        self.cache_dropped(relation)
        if self.workspace.exists(name_of(relation)):
            self.workspace.drop(name_of(relation))

    def truncate_relation(self, relation: BaseRelation) -> None:
        self.workspace.delete(name_of(relation), "true")

    def rename_relation(self, from_relation: BaseRelation, to_relation: BaseRelation) -> None:
        raise DbtRuntimeError(
            f"{from_relation} cannot be renamed to {to_relation}: in a lake a table keeps its name for life. "
            "A materialization of your own replaces a table with adapter.replace_table(relation, sql, model)."
        )

    def valid_incremental_strategies(self) -> Sequence[str]:
        from headgate.transform.adapter.incremental import STRATEGIES

        return tuple(STRATEGIES)

    # What macros read

    @for_macros
    def assert_one_query(self, sql: str, model: Mapping[str, Any]) -> None:
        """Raise when a model's SQL ends with `;`: it is going to stand inside parentheses."""
        if ends_with_semicolon(sql):
            raise ModelError(
                "The model ends with ';'.",
                place=str(model["original_file_path"]),
                hint="Remove it: the query becomes part of a larger statement.",
            )

    @for_macros
    def seed_query(self, model: Mapping[str, Any]) -> str:
        """The query that reads a seed's file."""
        return seed_query(model, self.config.project_root)

    @for_macros
    def python_query(self, code: str, model: Mapping[str, Any]) -> str:
        """Run a Python model; the query that reads what its function returned."""
        return run_python_model(self.target, str(model["alias"]), str(model["original_file_path"]), code)

    @for_macros
    def check_constraints(self, relation: BaseRelation, model: Mapping[str, Any]) -> None:
        """Raise when rows that were written break an enforced contract."""
        check_constraints(self.workspace, name_of(relation), model)

    # What macros write with

    @for_macros
    def replace_table(self, relation: BaseRelation, sql: str, model: Mapping[str, Any]) -> AdapterResponse:
        """The result of a query becomes the table's rows, in one snapshot; a view of that name gives way."""
        self._make_way(relation, Kind.VIEW)
        self.workspace.replace(name_of(relation), sql, layout=self._layout(model))
        return self._written(relation, model, "REPLACE")

    @for_macros
    def replace_view(self, relation: BaseRelation, sql: str, model: Mapping[str, Any]) -> AdapterResponse:
        """A query becomes a view; a table of that name gives way."""
        self._make_way(relation, Kind.TABLE)
        layout = self._layout(model)
        self.workspace.create_view(name_of(relation), sql, properties=layout.properties, comment=layout.comment)
        return AdapterResponse(_message="VIEW", code="VIEW")

    @for_macros
    def increment(self, relation: BaseRelation, sql: str, model: Mapping[str, Any]) -> AdapterResponse:
        """The result of a query joins the table's rows, as the model's configuration says."""
        from headgate.transform.adapter.incremental import increment

        increment(self.workspace, name_of(relation), sql, self._layout(model), model)
        return self._written(relation, model, "INCREMENT")

    @for_macros
    def merge_rows(
        self, relation: BaseRelation, sql: str, keys: Sequence[str], model: Mapping[str, Any]
    ) -> AdapterResponse:
        """The rows of a query replace those with the same key, or are added; so are columns that the table lacks."""
        self.workspace.merge(name_of(relation), sql, list(keys), layout=self._layout(model))
        return self._written(relation, model, "MERGE")

    def _make_way(self, relation: BaseRelation, kind: Kind) -> None:
        content = self.workspace.content(name_of(relation))
        if content is not None and content.kind is kind:
            self.workspace.drop(name_of(relation))

    def _layout(self, model: Mapping[str, Any]) -> Layout:
        return layout_of(model, self.target.properties(str(model["unique_id"])))

    def _written(self, relation: BaseRelation, model: Mapping[str, Any], code: str) -> AdapterResponse:
        from headgate.engines.scan import count_rows

        name, unique_id = name_of(relation), str(model["unique_id"])
        if model["resource_type"] == "test":
            self.target.evidence[unique_id] = name
        rows = count_rows(self.workspace.session, self.workspace.table(name))
        self.target.rows[unique_id] = rows
        return AdapterResponse(_message=f"{code} {rows}", code=code, rows_affected=rows)

    def _relation_of(self, name: Name) -> BaseRelation:
        content = self.workspace.content(name)
        kind = RelationType.View if content is not None and content.kind is Kind.VIEW else RelationType.Table
        return self.Relation.create(
            database=self.config.credentials.database, schema=name.schema, identifier=name.table, type=kind
        )


def name_of(relation: BaseRelation) -> Name:
    """The name in the catalog of a dbt relation."""
    return Name((*str(relation.schema).split("."), str(relation.identifier)))
