"""A state of the lake as DuckDB sees it: plain schemas, with one view per table that is asked for."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

import duckdb

from headgate.catalog.views import View, read_view
from headgate.engines.duckdb import Session
from headgate.engines.foreignviews import qualified_tables
from headgate.engines.readonly import check_reads
from headgate.engines.references import names_in, qualified_names
from headgate.engines.scan import explained, scan_sql
from headgate.errors import DataError, HeadgateError, QueryError, ReadOnly, TableNotFound
from headgate.types import Content, Kind, Name, quote

Result = TypeVar("Result")

# What it says of names of three parts and of more.
_NOT_A_NAME = ("does not exist", "NameListToString")
_MISSING = re.compile(r"^Catalog Error: (?:Table|View) with name (?P<name>.+?) does not exist")


class Exposure:
    """DuckDB views over the tables and views of a state; of several on one session each sees its own when it asks.

    Args:
        session: Where the views are made.
        content: What a name stands for now.
        names: All names there are.
        closest: The hint for a name that is none of them.
        resolve: The one of them that a name in SQL stands for, where case does not count.
    """

    def __init__(
        self,
        session: Session,
        content: Callable[[Name], Content | None],
        names: Callable[[], Iterable[Name]],
        closest: Callable[[str], str],
        resolve: Callable[[Name], Name | None],
    ) -> None:
        self._session = session
        self._content = content
        self._names = names
        self._closest = closest
        self._resolve = resolve
        self._exposed: dict[Name, str] = {}
        self._schemas: set[str] = set()
        self._names_in_use: dict[str, Name] = {}

    def has(self, name: Name) -> bool:
        """Whether DuckDB has the name, as it stands or stood."""
        return name in self._exposed

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
            raise TableNotFound(
                f"View '{name}' reads itself: {' -> '.join(map(str, (*readers, name)))}.",
                place=content.metadata_location,
                hint="Let one of them read a table.",
            )
        shown = self._session.views.get(name.sql.lower()) == content.metadata_location
        if content.kind is Kind.VIEW:
            sql = self._view_sql(name, content, readers)
        elif not shown:
            sql = scan_sql(self._session, content.metadata_location)
        if not shown:
            try:
                self._create(name, sql)
            except QueryError as error:
                self._explain(error, {name: content.metadata_location})
                raise
            self._session.views[name.sql.lower()] = content.metadata_location
        self._exposed[name] = content.metadata_location

    def _view_sql(self, name: Name, content: Content, readers: tuple[Name, ...]) -> str:
        """The SQL of a view, with what it reads exposed."""
        view = read_view(content.metadata_location, self._session.storage)
        if not view.is_readable:
            raise DataError(
                f"View '{name}' is written in the SQL of {view.dialect}, and headgate reads views in DuckDB's.",
                place=content.metadata_location,
                hint="Query it with that engine, or write the query again as a model.",
                data={"view": str(name), "dialect": view.dialect},
            )
        sql = self._vet(name, view, content.metadata_location, readers)
        for each in self.references(sql):
            self._expose(each, (*readers, name))
        words = dict.fromkeys(names_in(sql)) if view.default_namespace else ()
        candidates = (Name((*view.default_namespace, word)) for word in words)
        unqualified = [each for each in candidates if each not in (*readers, name) and self._content(each) is not None]
        for each in unqualified:
            self._expose(each, (*readers, name))
        if not unqualified:
            return sql
        # Names without a schema are looked for in the view's own namespace, whatever schema the view is in.
        tables = ", ".join(f"{quote(each.table)} AS (FROM {each.sql})" for each in unqualified)
        return f"WITH {tables} FROM ({sql}\n)"

    def _vet(self, name: Name, view: View, location: str, readers: tuple[Name, ...]) -> str:
        """The SQL of a view that does nothing but read, and reads no files if another program made it.

        Any client of the catalog can make views, and their text becomes part of a statement here.
        """
        try:
            sql = check_reads(self._session, view.sql)
            tables = () if view.is_own else qualified_tables(self._session, sql)
        except (ReadOnly, QueryError) as error:
            raise DataError(
                f"View '{name}' cannot be read: {error.message}",
                place=location,
                hint=error.hint or "Correct the view's SQL.",
                data={"view": str(name)},
            ) from error
        for pair in tables:
            # DuckDB does not tell cases apart, and reads a file of that name if the table is not made before.
            found = [each for each in _names_of(*pair) if self._content(each) is not None] or [
                each for each in self._names() if (each.schema.lower(), each.table.lower()) == _lower(pair)
            ]
            if not found:
                raise self._not_found(".".join(pair))
            self._expose(found[0], (*readers, name))
        return sql

    def _create(self, name: Name, sql: str) -> None:
        other = self._names_in_use.setdefault(name.sql.lower(), name)
        if other != name:
            raise DataError(
                f"DuckDB cannot tell {other} from {name}, which are both needed here.",
                hint="Rename one of them with the engine that made it.",
            )
        if name.schema and name.schema not in self._schemas:
            self._session.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(name.schema)}")
            self._schemas.add(name.schema)
        self._session.execute(f"CREATE OR REPLACE VIEW {name.sql} AS {sql}")

    def references(self, sql: str) -> list[Name]:
        """The tables and views of the state that a SQL text names, in whatever case."""
        found = (self._resolve(name) for name in _named_in(sql))
        return [name for name in dict.fromkeys(found) if name is not None]

    def expose_for(self, sql: str) -> None:
        """Expose every table and view that a SQL text names, in its own case.

        Those in another case are looked for when the engine misses them: most of what looks like a name is
        `alias.column`, and no reason to list the lake.
        """
        for name in _named_in(sql):
            if self._content(name) is not None:
                self.expose(name)

    def forget(self, name: Name) -> None:
        """Take a name away that the state no longer has."""
        if self._exposed.pop(name, None) is not None:
            self._names_in_use.pop(name.sql.lower(), None)
            self._session.views.pop(name.sql.lower(), None)
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
                    self._explain(error, self._exposed)
                    self._suggest(error, sql)
                    raise
                alike = [name for name in self._names() if str(name).lower() == missing.lower()]
                found = alike[0] if len(alike) == 1 else None
                if found is None or found in tried:
                    raise self._not_found(missing, error) from error
                tried.add(found)
                self.expose(found)

    def _explain(self, error: HeadgateError, among: Mapping[Name, str]) -> None:
        """Raise the error anew with the table in it that DuckDB cannot read, if that is what it is about."""
        for name, location in among.items():
            content = self._content(name)
            if content is not None and content.kind is Kind.TABLE and explained(error, name, location):
                found = _reading(self._session, name, location)
                if found is not None:
                    raise found from error

    def _suggest(self, error: HeadgateError, sql: str) -> None:
        """Raise the error anew with how a table in a nested namespace is written, which DuckDB takes for a catalog."""
        if not any(sign in error.message for sign in _NOT_A_NAME):
            return
        text = sql.lower()
        nested = (name for name in self._names() if len(name.namespace) > 1 and str(name).lower() in text)
        for name in nested:
            raise TableNotFound(
                f"DuckDB does not take '{name}' for a table in a nested namespace.",
                hint=f"Write it as {name.sql}.",
                data={"table": str(name)},
            ) from error

    def _not_found(self, missing: str, error: HeadgateError | None = None) -> TableNotFound:
        return TableNotFound(
            f"There is no table or view '{missing}'.",
            place=error.place if error is not None else None,
            hint=self._closest(missing),
            data={"table": missing},
        )


def _named_in(sql: str) -> Iterator[Name]:
    """What a SQL text may name, each once; `alias.column` looks the same and is among them."""
    candidates = (name for schema, table in qualified_names(sql) for name in _names_of(schema, table))
    return iter(dict.fromkeys(candidates))


def _names_of(schema: str, table: str) -> Iterator[Name]:
    """What `schema.table` in SQL may stand for: each dot in a schema's name may part two levels of a namespace."""
    parts = schema.split(".")
    for cuts in itertools.product((False, True), repeat=len(parts) - 1):
        levels = [parts[0]]
        for cut, part in zip(cuts, parts[1:], strict=True):
            if cut:
                levels.append(part)
            else:
                levels[-1] += f".{part}"
        yield Name((*levels, table))


def _lower(pair: tuple[str, str]) -> tuple[str, str]:
    return pair[0].lower(), pair[1].lower()


def _reading(session: Session, name: Name, location: str) -> DataError | None:
    """What is wrong with a table that is read alone."""
    try:
        session.rows(f"SELECT 1 FROM ({scan_sql(session, location)}) LIMIT 1")
    except HeadgateError as error:
        return explained(error, name, location)
    return None


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
