"""A state of the lake that is being read and changed: the one thing that knows both the catalog and the engine."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable, Mapping, Sequence

from headgate.catalog import MAIN, Catalog, Commit, Operation, RefKind, State
from headgate.catalog.iceberg import Mode, TableVersion, check_writable, new_table, rejoiner
from headgate.catalog.locations import to_uri
from headgate.catalog.views import write_view
from headgate.engines import changes
from headgate.engines.changes import WriteResult
from headgate.engines.duckdb import Session
from headgate.engines.pending import PendingAppend
from headgate.engines.reader import Reader
from headgate.engines.scan import count_rows
from headgate.engines.writer import Written, describe, without_type, write
from headgate.errors import DataError, HeadgateError, ReadOnly, RefNotFound, TableNotFound, UsageError
from headgate.faults import Point, reached
from headgate.types import Content, Kind, Layout, Name

_COMMENT = "comment"
# Tables of which the metadata that was read last is kept: one that is written to is asked for it several times.
_LOADED = 4


class Workspace(Reader):
    """A state, and what has been changed on top of it and not been committed yet.

    Reads see the changes. Until `refresh` or `commit` the state stays what it was; a refresh leaves the changes on top.

    Args:
        catalog: Where the state is from and where commits go.
        ref: A branch; anything else that names a state can only be read.
        session: Runs the SQL. Data files go below the warehouse of its storage.
        run_id: What the names of data files begin with, so that those of an interrupted run are found.
        author: Who commits.

    Attributes:
        changes: What stands on top of it; None for a name that was dropped.
    """

    def __init__(
        self, catalog: Catalog, ref: str, session: Session, *, run_id: str | None = None, author: str = "headgate"
    ) -> None:
        super().__init__(catalog, ref, session)
        self.run_id = run_id or f"write-{secrets.token_hex(6)}"
        self.author = author
        self.changes: dict[Name, Content | None] = {}
        self._bases: dict[Name, Content | None] = {}
        self._pending: dict[Name, PendingAppend] = {}
        self._loaded: dict[Name, TableVersion] = {}
        self._writable = False

    def content(self, name: Name) -> Content | None:
        """What a name stands for, or None."""
        self._settle(name)
        return self.changes[name] if name in self.changes else self.state.get(name)

    def names(self, schema: str | None = None) -> list[Name]:
        """All names, or those of one schema, in order."""
        found = set(self.state.names(schema))
        for name in list(self._pending):
            self._settle(name)
        for name, content in self.changes.items():
            if content is None:
                found.discard(name)
            elif schema is None or name.schema == schema:
                found.add(name)
        return sorted(found)

    def _new_names(self) -> Iterable[Name]:
        return [*self.changes, *self._pending]

    def table(self, name: Name) -> TableVersion:
        """The Iceberg table of a name.

        Raises:
            TableNotFound: There is no table of that name.
        """
        content = self.content(name)
        if content is None or content.kind is not Kind.TABLE:
            what = "is a view, not a table" if content is not None else "does not exist"
            raise TableNotFound(
                f"'{name}' {what}.",
                hint=self.closest(str(name)),
            )
        return self._version(name, content)

    def _version(self, name: Name, content: Content) -> TableVersion:
        """The table that a name stands for; the metadata is read once, as long as it does."""
        held = self._loaded.pop(name, None)
        if held is None or held.metadata_location != content.metadata_location:
            held = TableVersion.load(content.metadata_location, self.session.storage)
        self._loaded[name] = held
        while len(self._loaded) > _LOADED:
            del self._loaded[next(iter(self._loaded))]
        return held

    def _changeable(self, name: Name) -> TableVersion:
        """The Iceberg table of a name, which is to be changed; raises what `table` and `check_writable` raise."""
        version = self.table(name)
        check_writable(version, str(name))
        return version

    # Writing

    def write_files(
        self,
        name: Name,
        sql: str,
        *,
        layout: Layout | None = None,
        schema_mode: Mode | str = Mode.ADD,
        ordered: bool = False,
        group_rows: int | None = None,
        constants: Mapping[str, str] | None = None,
    ) -> Written:
        """Write the rows of a query as data files for a table, which does not refer to them before `append_files`.

        Args:
            name: The table, which may not exist yet.
            sql: A query. Its columns are matched by name.
            layout: Partitions, sort order, properties and comments; what the table has if None.
            schema_mode: How far the query's columns may change the table's.
            ordered: Keep the order of the rows; see `writer.write`.
            group_rows: Rows of a row group; likewise.
            constants: Columns in which every row has the same text; likewise.

        Raises:
            DataError: A column does not fit the table's.
            QueryError: The query fails.
            StorageError: The disk is full or cannot be written to.
        """
        self._check_writable()
        columns, prepared = self._prepare(name, sql, layout, Mode(schema_mode))
        files = write(
            self.session,
            prepared,
            sql,
            columns,
            prefix=self.run_id,
            ordered=ordered,
            group_rows=group_rows,
            constants=constants,
        )
        return Written(prepared, files)

    def append_files(self, name: Name, written: Written, summary: Mapping[str, str] | None = None) -> WriteResult:
        """Make files that `write_files` wrote part of the table; an empty table is made if there were none.

        Where nobody has read the table or changed it, metadata is written when somebody does, or with the commit: then
        on what others have made of the table, so that no other version of it has to be joined with theirs.
        """
        self._settle(name)
        if name in self.changes or not written.files or self._exposure.has(name):
            self._put(name, written.version.append(written.files, summary))
        else:
            base = self.state.get(name)
            version = self._version(name, base) if base is not None and base.kind is Kind.TABLE else None
            self._pending[name] = PendingAppend(name, base, version, written, summary)
        return WriteResult(inserted=written.rows, files_added=len(written.files))

    def insert_files(self, name: Name, written: Written) -> WriteResult:
        """As `append_files`, of rows that are there because the table lacks their keys or values.

        What others add meanwhile may have the same, so this and that cannot be joined.
        """
        self._settle(name)
        self._put(name, written.version.rewrite((), written.files))
        return WriteResult(inserted=written.rows, files_added=len(written.files))

    def append(
        self, name: Name, sql: str, *, layout: Layout | None = None, schema_mode: Mode | str = Mode.ADD
    ) -> WriteResult:
        """Add the rows of a query to a table, which is made if it does not exist; see `write_files`."""
        return self.append_files(name, self.write_files(name, sql, layout=layout, schema_mode=schema_mode))

    def replace(self, name: Name, sql: str, *, layout: Layout | None = None) -> WriteResult:
        """Make the rows of a query those of a table, in one snapshot.

        The table keeps its identity and history. Columns become those of the query; one whose type does not widen is
        from then on another column of that name.
        """
        written = self.write_files(name, sql, layout=layout, schema_mode=Mode.REPLACE)
        before = count_rows(self.session, self.table(name)) if self.exists(name) else 0
        replaced = len(written.version.files())
        self._put(name, written.version.replace(written.files))
        return WriteResult(
            inserted=written.rows, deleted=before, files_added=len(written.files), files_removed=replaced
        )

    def merge(
        self,
        name: Name,
        sql: str,
        keys: Sequence[str],
        *,
        update_condition: str | None = None,
        layout: Layout | None = None,
        schema_mode: Mode | str = Mode.ADD,
    ) -> WriteResult:
        """Update the rows whose key the query has too, and insert the rest; see `changes.merge`."""
        self._check_writable()
        _, prepared = self._prepare(name, sql, layout, Mode(schema_mode))
        version, result = changes.merge(
            self.session, prepared, sql, keys, table=str(name), prefix=self.run_id, update_condition=update_condition
        )
        self._put(name, version)
        return result

    def delete(self, name: Name, where: str) -> WriteResult:
        """Delete the rows for which a condition is true; files without such rows stay as they are."""
        self._check_writable()
        self.expose_for(where)
        version, result = changes.delete(
            self.session, self._changeable(name), where, alias=name.table, prefix=self.run_id
        )
        self._put(name, version)
        return result

    def overwrite_partitions(
        self, name: Name, sql: str, *, layout: Layout | None = None, schema_mode: Mode | str = Mode.ADD
    ) -> WriteResult:
        """Replace every partition of which the query has rows; others stay. Without partitions all is replaced."""
        written = self.write_files(name, sql, layout=layout, schema_mode=schema_mode)
        version, result = changes.overwrite_partitions(self.session, written, prefix=self.run_id)
        self._put(name, version)
        return result

    def create_view(
        self, name: Name, sql: str, *, properties: Mapping[str, str] | None = None, comment: str | None = None
    ) -> None:
        """Make or change a view; it reads whatever state it is later read in.

        Raises:
            QueryError: The SQL does not run.
            UsageError: A table has that name.
        """
        self._check_writable()
        old = self.content(name)
        if old is not None and old.kind is not Kind.VIEW:
            raise UsageError(f"'{name}' is a table.", hint="Drop it before you make a view of that name.")
        _, schema = self._exposure.retry(sql, lambda: describe(self.session, sql))
        view_id = old.content_id if old is not None else str(uuid.uuid4())
        location = write_view(
            self._new_location(name) if old is None else old.metadata_location.rpartition("/metadata/")[0],
            sql.rstrip().rstrip(";"),
            [(field.name, str(field.field_type)) for field in schema.fields],
            self.session.storage,
            properties={**(properties or {}), **({_COMMENT: comment} if comment is not None else {})},
            view_id=view_id,
        )
        self._set(name, Content(Kind.VIEW, view_id, location))

    def drop(self, name: Name) -> None:
        """Take a table or view out of the state; its files stay for those who read older states."""
        self._check_writable()
        if not self.exists(name):
            raise TableNotFound(
                f"'{name}' does not exist.",
                hint=self.closest(str(name)),
            )
        self._set(name, None)

    def set_properties(self, name: Name, properties: Mapping[str, str | None]) -> None:
        """Set properties of a table; None removes one."""
        self._check_writable()
        self._put(name, self._changeable(name).with_properties(properties))

    def rename_columns(self, name: Name, renames: Mapping[str, str]) -> None:
        """Rename columns by their current names; data files stay as they are."""
        self._check_writable()
        self._put(name, self._changeable(name).rename_columns(renames, table=str(name)))

    # Committing

    def commit(self, message: str, properties: Mapping[str, str] | None = None) -> Commit:
        """Make the changes a commit on the branch; what others only appended to meanwhile is joined.

        Raises:
            Conflict: Others changed the same tables in another way; names them.
            StorageError: A data file could not be brought to the disk.
        """
        self._check_writable()
        operations = [
            Operation(name, before=self._bases[name], after=content) for name, content in self.changes.items()
        ]
        pending = dict(self._pending)
        self.session.syncs.wait()
        reached(Point.DATA_DURABLE)

        def changes(state: State) -> list[Operation]:
            held = state.get_many(list(pending))
            appends = (each.operation(held.get(name), self.session.storage) for name, each in pending.items())
            return [*operations, *appends]

        commit = self.catalog.commit(
            self.ref,
            changes if pending else operations,
            message=message,
            author=self.author,
            properties=properties,
            rejoin=rejoiner(self.session.storage),
        )
        # The next append to a table begins with what this one has made of it.
        self._loaded |= {name: each.latest for name, each in pending.items() if each.latest is not None}
        self._move_to(commit.id)
        return commit

    def discard(self) -> None:
        """Forget the changes."""
        self.changes, self._bases, self._pending = {}, {}, {}
        self._exposure.update_all()

    def _move_to(self, commit_id: str) -> None:
        self.state = self.catalog.state(commit_id)
        self.changes, self._bases, self._pending = {}, {}, {}
        self._exposure.update_all()

    def _check_writable(self) -> None:
        # A ref keeps its kind. One that is deleted meanwhile is missed when the commit is to land.
        if self._writable:
            return
        try:
            kind = self.catalog.ref(self.ref).kind
        except RefNotFound:
            kind = None
        if kind is not RefKind.BRANCH:
            raise ReadOnly(
                f"'{self.ref}' is not a branch and cannot be written to.", hint=f"Write to a branch, such as '{MAIN}'."
            )
        self._writable = True

    def _prepare(self, name: Name, sql: str, layout: Layout | None, mode: Mode) -> tuple[list[str], TableVersion]:
        """The columns of a query, and the table as it has to be to take them."""
        columns, wanted = self._exposure.retry(sql, lambda: describe(self.session, sql))
        content = self.content(name)
        if content is None:
            return columns, new_table(self._new_location(name), wanted, self.session.storage, layout)
        if content.kind is not Kind.TABLE:
            raise UsageError(f"'{name}' is a view.", hint="Drop it before you write rows under that name.")
        version = self._changeable(name)
        try:
            evolved = version.evolve(wanted, mode, table=str(name))
        except DataError:
            evolved = version.evolve(without_type(self.session, sql, wanted), mode, table=str(name))
        return columns, evolved.with_layout(layout) if layout is not None else evolved

    def _new_location(self, name: Name) -> str:
        folder = "/".join(name.namespace)
        return to_uri(f"{self.session.storage.warehouse}/{folder}/{name.table}-{secrets.token_hex(4)}")

    def _put(self, name: Name, version: TableVersion) -> None:
        self._loaded[name] = stored = version.store()
        self._set(name, Content(Kind.TABLE, stored.table_id, stored.metadata_location))

    def _settle(self, name: Name) -> None:
        """Write the metadata of an append that was put off, because the table is read or changed again."""
        append = self._pending.get(name)
        if append is None:
            return
        content = append.content()
        del self._pending[name]
        self._bases.setdefault(name, append.base)
        self._set(name, content)

    def _set(self, name: Name, content: Content | None) -> None:
        before = (dict(self.changes), dict(self._bases))
        # What a change was made from, even if `refresh` finds another state since.
        base = self._bases.setdefault(name, self.state.get(name))
        self.changes[name] = content
        if content == base:
            del self.changes[name], self._bases[name]
        try:
            if content is None:
                self._exposure.forget(name)
            else:
                self._exposure.expose(name)
        except HeadgateError:
            self.changes, self._bases = before
            raise
