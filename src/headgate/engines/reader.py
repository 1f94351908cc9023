"""A state of the lake as DuckDB reads it; what only reads does without PyIceberg."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from headgate.catalog import MAIN, Catalog, State
from headgate.catalog.properties import changed_elsewhere, table_properties
from headgate.catalog.views import read_view
from headgate.engines.duckdb import Session
from headgate.engines.exposure import Exposure
from headgate.errors import did_you_mean
from headgate.types import Content, Kind, Name

if TYPE_CHECKING:
    import duckdb


class Reader:
    """A state, read through plain schemas: one view per table, made when it is asked for.

    Until `refresh` the state stays what it was, whatever others commit.

    Args:
        catalog: Where the state is from.
        ref: A branch, a tag, a commit, or any other text that names a state.
        session: Runs the SQL.
        called: What whoever asks calls the state, where `ref` is what that came to.

    Attributes:
        state: The state as it was when it was read.
    """

    def __init__(self, catalog: Catalog, ref: str, session: Session, called: str | None = None) -> None:
        self.catalog = catalog
        self.ref = ref
        self.session = session
        self.state: State = catalog.state(ref)
        self._called = called or ref
        self._exposure = Exposure(session, self.content, self.names, self.closest, self.resolve)
        self._folded: tuple[str, dict[str, list[Name]]] = ("", {})

    def content(self, name: Name) -> Content | None:
        """What a name stands for, or None."""
        return self.state.get(name)

    def names(self, schema: str | None = None) -> list[Name]:
        """All names, or those of one schema, in order."""
        return self.state.names(schema)

    def closest(self, name: str) -> str:
        """The hint for a name that the state does not have: the closest that it has, or how to list them."""
        listing = "headgate tables" if self._called == MAIN else f"headgate tables --ref {self._called}"
        return did_you_mean(name, map(str, self.names())) or listing

    def resolve(self, name: Name) -> Name | None:
        """The table or view that a name in SQL stands for, where case does not count; None if none or several do."""
        if self.content(name) is not None:
            return name
        # Most of what is asked for here is `alias.column`; the names of a state are folded once.
        if self._folded[0] != self.state.commit_id:
            folded: dict[str, list[Name]] = {}
            for each in self.state.names():
                folded.setdefault(str(each).lower(), []).append(each)
            self._folded = (self.state.commit_id, folded)
        text = str(name).lower()
        alike = {*self._folded[1].get(text, ()), *(each for each in self._new_names() if str(each).lower() == text)}
        found = [each for each in alike if self.content(each) is not None]
        return found[0] if len(found) == 1 else None

    def _new_names(self) -> Iterable[Name]:
        """Names that may have come on top of the state."""
        return ()

    def exists(self, name: Name) -> bool:
        return self.content(name) is not None

    def version(self, name: Name) -> str | None:
        """The metadata location of a table or view: another one for every change; None when there is no such name."""
        content = self.content(name)
        return content.metadata_location if content is not None else None

    def properties(self, name: Name) -> dict[str, str]:
        """The properties of a table or view; empty when there is no such name."""
        content = self.content(name)
        return table_properties(content.metadata_location, self.session.storage) if content is not None else {}

    def changed_elsewhere(self, name: Name) -> bool:
        """Whether the rows of a table are not as headgate left them; never for a view."""
        content = self.content(name)
        if content is None or content.kind is not Kind.TABLE:
            return False
        return changed_elsewhere(content.metadata_location, self.session.storage)

    def view_sql(self, name: Name) -> str | None:
        """The SQL text of a view; None for a table."""
        content = self.content(name)
        if content is None or content.kind is not Kind.VIEW:
            return None
        return read_view(content.metadata_location, self.session.storage).sql

    def expose(self, *names: Name) -> None:
        """Make sure that DuckDB has these tables and views, as they stand now.

        Raises:
            TableNotFound: There is no table or view of one of the names.
        """
        for name in names:
            self._exposure.expose(name)

    def expose_for(self, sql: str) -> None:
        """Expose every table and view that a SQL text names."""
        self._exposure.expose_for(sql)

    def references(self, sql: str) -> list[Name]:
        """The tables and views of this state that a SQL text names."""
        return self._exposure.references(sql)

    def query(self, sql: str, parameters: Sequence[object] | None = None) -> duckdb.DuckDBPyConnection:
        """Run SQL on the state; the result stands on the session's connection until the next statement.

        Raises:
            TableNotFound: It names a table that there is not.
            QueryError: DuckDB rejects it.
        """
        return self._exposure.retry(sql, lambda: self.session.execute(sql, parameters))

    def refresh(self) -> None:
        """Read the head of the branch again, which a merge or another writer has moved."""
        self.state = self.catalog.state(self.ref)
        self._exposure.update_all()
