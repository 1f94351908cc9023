"""A state of the lake as DuckDB sees it: plain schemas, with one view per table that is asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

import duckdb

from headgate.catalog.properties import table_columns
from headgate.catalog.views import read_view
from headgate.engines.duckdb import Session
from headgate.engines.references import qualified_names
from headgate.errors import HeadgateError, TableNotFound, did_you_mean
from headgate.types import Content, Kind, Name, literal, quote

SOURCE_ROW = "_source_row"
"""The column that says which row of its source file a row was.

A bulk load leaves it out and writes the rows in their order; the position in the data file then says the same (unless
the table has a column `file_row_number` of its own, which hides the position).
"""

Result = TypeVar("Result")

_MISSING = re.compile(r"^Catalog Error: (?:Table|View) with name (?P<name>.+?) does not exist")


def scan_sql(session: Session, metadata_location: str, *, further: str = "") -> str:
    """A query over all rows of a version of a table.

    Args:
        session: Whose storage has the table.
        metadata_location: The version.
        further: What follows the `*` of the query.
    """
    scan = f"iceberg_scan({literal(metadata_location)})"
    # Several milliseconds cheaper than to have DuckDB bind the table once more.
    columns = {name.lower() for name in table_columns(metadata_location, session.storage)}
    if SOURCE_ROW not in columns or "file_row_number" in columns:
        return f"SELECT * {further} FROM {scan}"
    return f"SELECT * REPLACE (coalesce({SOURCE_ROW}, file_row_number + 1) AS {SOURCE_ROW}) {further} FROM {scan}"


class Exposure:
    """DuckDB views over the tables and views of a state.

    Args:
        session: Where the views are made.
        content: What a name stands for now.
        names: All names there are.
    """

    def __init__(
        self, session: Session, content: Callable[[Name], Content | None], names: Callable[[], Iterable[Name]]
    ) -> None:
        self._session = session
        self._content = content
        self._names = names
        self._exposed: dict[Name, str] = {}
        self._schemas: set[str] = set()

    def expose(self, name: Name) -> None:
        """Make sure that DuckDB has the name as it stands now, and whatever a view of that name reads.

        Raises:
            TableNotFound: The state has no such table or view.
        """
        self._expose(name, ())

    def _expose(self, name: Name, readers: tuple[Name, ...]) -> None:
        content = self._content(name)
        if content is None:
            raise self._not_found(str(name))
        if name in readers:
            raise TableNotFound(f"View '{name}' reads itself: {' -> '.join(map(str, (*readers, name)))}.")
        current = self._exposed.get(name) == content.metadata_location
        if content.kind is Kind.VIEW:
            sql = self._view_sql(name, content, readers)
        elif current:
            return
        else:
            sql = scan_sql(self._session, content.metadata_location)
        if not current:
            self._create(name, sql)
            self._exposed[name] = content.metadata_location

    def _view_sql(self, name: Name, content: Content, readers: tuple[Name, ...]) -> str:
        """The SQL of a view, with what it reads exposed."""
        sql = read_view(content.metadata_location, self._session.storage).sql
        for each in self.references(sql):
            self._expose(each, (*readers, name))
        return sql

    def _create(self, name: Name, sql: str) -> None:
        if name.schema and name.schema not in self._schemas:
            self._session.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(name.schema)}")
            self._schemas.add(name.schema)
        self._session.execute(f"CREATE OR REPLACE VIEW {name.sql} AS {sql}")

    def references(self, sql: str) -> list[Name]:
        """The tables and views of the state that a SQL text names."""
        candidates = [
            name
            for schema, table in qualified_names(sql)
            # A schema with a dot in its name may as well be a namespace of two levels.
            for name in (Name.of(schema, table), Name((*schema.split("."), table)))
        ]
        return [name for name in dict.fromkeys(candidates) if self._content(name) is not None]

    def expose_for(self, sql: str) -> None:
        """Expose every table and view that a SQL text names."""
        for name in self.references(sql):
            self.expose(name)

    def forget(self, name: Name) -> None:
        """Take a name away that the state no longer has."""
        if self._exposed.pop(name, None) is not None:
            self._session.execute(f"DROP VIEW IF EXISTS {name.sql}")

    def update(self, name: Name) -> None:
        """Follow a change of the name, if it has been exposed before."""
        if name in self._exposed:
            if self._content(name) is None:
                self.forget(name)
            else:
                self.expose(name)

    def update_all(self) -> None:
        """Follow every change of what has been exposed before."""
        for name in list(self._exposed):
            self.update(name)

    def retry(self, sql: str, run: Callable[[], Result]) -> Result:
        """Run what executes a SQL text, with the tables exposed that it names, in whatever case it names them.

        Raises:
            TableNotFound: It names a table that the state lacks.
        """
        self.expose_for(sql)
        tried: set[Name] = set()
        while True:
            try:
                return run()
            except HeadgateError as error:
                missing = _missing(error, sql)
                if missing is None:
                    raise
                found = next((name for name in self._names() if str(name).lower() == missing.lower()), None)
                if found is None or found in tried:
                    raise self._not_found(missing, error) from error
                tried.add(found)
                self.expose(found)

    def _not_found(self, missing: str, error: HeadgateError | None = None) -> TableNotFound:
        return TableNotFound(
            f"There is no table or view '{missing}'.",
            place=error.place if error is not None else None,
            hint=did_you_mean(missing, map(str, self._names())),
            data={"table": missing},
        )


def _missing(error: HeadgateError, sql: str) -> str | None:
    """The table that DuckDB missed, with the schema that the SQL text has and DuckDB's message often leaves out."""
    if not isinstance(error.__cause__, duckdb.CatalogException):
        return None
    match = _MISSING.match(error.message)
    if match is None:
        return None
    missing = match["name"].strip('"')
    pairs = [(schema, table) for schema, table in qualified_names(sql) if table == missing]
    return ".".join(pairs[0]) if pairs else missing
