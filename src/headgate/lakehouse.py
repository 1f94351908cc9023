"""The facade: everything that can be done with a project, for the command line, for servers and for Python.

```python
import headgate

with headgate.open("my-lake") as lake:
    result = lake.run()
    frame = lake.query("select * from gold.fact_sales").pandas()
```
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from headgate.catalog.interface import MAIN
from headgate.catalog.model import Commit, Ref, RefKind
from headgate.errors import Conflict, NotFound, TableNotFound, UsageError
from headgate.events import Emit, ignore
from headgate.project import Project, root_of
from headgate.run.result import Plan, RunRecord, RunResult, last_refused
from headgate.run.selection import Selection
from headgate.types import Name

if TYPE_CHECKING:
    from headgate.engines.answers import Answer, QueryResult
    from headgate.engines.description import TableDetail, TableInfo
    from headgate.engines.workspace import Workspace
    from headgate.run.ahead import Ahead
    from headgate.run.connecting import Connection
    from headgate.run.findings import Finding
    from headgate.run.lake import Lake
    from headgate.run.sources import AddedSource

Names = str | Sequence[str] | None


class Lakehouse:
    """An open project. Reads take `ref`, writes take `branch`; use it as a context manager or close it."""

    def __init__(self, project: Project, lake: Lake | None = None, ahead: Ahead | None = None) -> None:
        self.project = project
        self._ahead = ahead
        # SQLAlchemy is a quarter of a second that `import headgate` need not take.
        from headgate.run.lake import Lake

        self._lake = lake or Lake.open(project)

    @property
    def lake(self) -> Lake:
        """What every operation works with, for servers that share it between requests."""
        return self._lake

    # Runs

    def run(
        self, select: Names = None, exclude: Names = None, full_refresh: bool = False, emit: Emit = ignore
    ) -> RunResult:
        """Load what is new, build what that changed, check it, and advance `main`, or leave `main` as it was.

        Args:
            select: Sources or models in dbt's selection syntax; everything if None.
            exclude: What to leave out.
            full_refresh: Rebuild incremental models from all of their input.
            emit: Consumer of the run's events.
        """
        from headgate.run.execute import run

        # It was begun for one run: by the next, the files may be others.
        ahead, self._ahead = self._ahead, None
        return run(self._lake, _selection(select, exclude, full_refresh), emit, ahead)

    def plan(self, select: Names = None, exclude: Names = None, full_refresh: bool = False) -> Plan:
        """What `run` would do now; changes nothing."""
        from headgate.run.preview import preview

        return preview(self._lake, _selection(select, exclude, full_refresh))

    def merge(self, source: str, into: str = MAIN, override: str | None = None, emit: Emit = ignore) -> RunResult:
        """Merge a branch; into `main` through the checks, or past failing ones with a reason that the log keeps."""
        from headgate.run.execute import merge

        return merge(self._lake, source, into, override, emit)

    def runs(self, limit: int | None = None) -> list[RunRecord]:
        """The runs, newest first, refused and failed ones too."""
        return self._lake.history.runs(limit)

    def checks(self, run_id: str | None = None) -> list[dict[str, Any]]:
        """The checks of one run, by its name or its branch's; of the latest run that had any if None.

        Raises:
            NotFound: There was no such run.
        """
        if run_id is None:
            latest = self._lake.history.checks(limit=1)
            return self._lake.history.checks(str(latest[0]["run_id"])) if latest else []
        run_id = run_id.removeprefix("run/")
        if all(run.run_id != run_id for run in self.runs()):
            raise NotFound(f"There is no run '{run_id}'.", hint="headgate runs lists them, the newest first.")
        return self._lake.history.checks(run_id)

    def refused_branch(self) -> str | None:
        """The branch of the latest run that was refused, while it waits to be looked at; None if there is none."""
        return last_refused(self.runs(), (ref.name for ref in self.refs("branch")))

    # Reading

    def query(self, sql: str, ref: str = MAIN) -> QueryResult:
        """Ask a state of the lake in DuckDB's SQL; reads only, and only the lake.

        Raises:
            QueryError: The statement is wrong.
            ReadOnly: The statement would write, or read files.
            RefNotFound: There is no such state.
        """
        with self.stream(sql, ref) as answer:
            return answer.result()

    @contextmanager
    def stream(self, sql: str, ref: str = MAIN) -> Iterator[Answer]:
        """As `query`, with the rows as they are computed, while the body of a `with` lasts."""
        from headgate.run.asking import asked

        with asked(self._lake, sql, ref) as answer:
            yield answer

    def tables(self, ref: str = MAIN) -> list[TableInfo]:
        """The tables and views of a state."""
        from headgate.engines.description import list_tables

        with self._reading(ref) as workspace:
            return list_tables(workspace)

    def show(self, table: str, ref: str = MAIN) -> TableDetail:
        """One table or view: columns, layout, snapshots, files, properties."""
        from headgate.engines.description import describe_table

        with self._reading(ref) as workspace:
            return describe_table(workspace, Name.parse(table))

    def loads(self, ref: str = MAIN) -> list[dict[str, Any]]:
        """The ledger of a state: every file that was loaded, and what became of its rows."""
        if not self._lake.catalog.state(ref).get(Name.of("headgate", "loads")):
            return []
        found = self.query('from "headgate"."loads" order by started, source, file', ref)
        names = [column.name for column in found.columns]
        return [dict(zip(names, row, strict=True)) for row in found.rows()]

    # Branches and history

    def refs(self, kind: str | None = None) -> list[Ref]:
        """Branches (`kind="branch"`), tags (`kind="tag"`), or both."""
        if kind not in (None, *RefKind):
            raise UsageError(f"There is no kind of ref '{kind}'.", hint="It is branch or tag.")
        return self._lake.catalog.refs(RefKind(kind) if kind else None)

    def create_branch(self, name: str, at: str = MAIN) -> Ref:
        return self._lake.catalog.create_branch(name, at)

    def create_tag(self, name: str, at: str = MAIN) -> Ref:
        return self._lake.catalog.create_tag(name, at)

    def delete_branch(self, name: str) -> None:
        self._lake.delete_ref(name, RefKind.BRANCH)

    def delete_tag(self, name: str) -> None:
        self._lake.delete_ref(name, RefKind.TAG)

    def log(self, ref: str = MAIN, limit: int | None = None) -> list[Commit]:
        """The commits that led to a state, newest first."""
        return list(self._lake.catalog.log(ref, limit))

    def diff(self, before: str, after: str, table: str | None = None) -> dict[str, Any]:
        """What differs between two states: tables, columns, counts of rows; of one table also the rows by key."""
        from headgate.run.difference import difference

        return difference(self._lake, before, after, Name.parse(table) if table else None)

    def revert(self, commit: str, branch: str = MAIN, reason: str | None = None) -> Commit:
        """Undo one commit by a new one; `main` goes back to a state that was checked before."""
        if reason is not None and not reason.strip():
            raise UsageError("The reason of a revert is empty.", hint='Say why: --reason "prices were of last year"')
        found = self._lake.catalog.resolve(commit)
        message = f"revert {found.id[:10]} ({found.message})" + (f": {reason}" if reason else "")
        before = self._lake.catalog.ref(branch).commit_id
        try:
            made = self._lake.catalog.revert(found.id, branch, message=message, author=self.project.author)
        except Conflict as conflict:
            if "tables" not in conflict.data:
                raise
            hint = "Revert the later commits that changed it first, the newest first; headgate log lists them."
            raise Conflict(conflict.message, hint=hint, data=conflict.data) from conflict
        if made.id == before:
            raise UsageError(
                f"There is nothing to undo of commit {found.id[:10]} ({found.message}).",
                place=f"branch {branch}",
                hint="headgate log lists the commits and what each of them did.",
            )
        return made

    # Sources and quarantine

    def sources(self) -> list[dict[str, Any]]:
        """The contracts of the project."""
        from headgate.run.sources import list_sources

        return list_sources(self._lake)

    def check_sources(self) -> list[Finding]:
        """Whether every contract reads and finds its files."""
        from headgate.run.sources import check_sources

        return check_sources(self._lake)

    def add_sources(self, paths: Sequence[str | Path], name: str | None = None) -> list[AddedSource]:
        """Infer a contract from files and write it to `ingestion/`."""
        from headgate.run.sources import add_sources

        return add_sources(self._lake, paths, name)

    def quarantine_list(self, ref: str = MAIN) -> list[dict[str, Any]]:
        """How many rows are refused, by table, source, rule and column."""
        from headgate.ingest.quarantine import summary

        with self._reading(ref) as workspace:
            return summary(workspace)

    def quarantine_show(self, table: str, ref: str = MAIN, limit: int | None = 20) -> list[dict[str, Any]]:
        """The refused rows of one table, raw, with their reasons."""
        from headgate.ingest.quarantine import show

        with self._reading(ref) as workspace:
            try:
                return show(workspace, table, limit)
            except TableNotFound as error:
                name = Name.of("quarantine", Name.parse(table).table)
                branch = self.refused_branch()
                if branch and self._lake.catalog.state(branch).get(name):
                    error.hint = (
                        f"A refused run has rows on its branch:\nheadgate quarantine show {table} --ref {branch}"
                    )
                raise

    def quarantine_replay(self, table: str, emit: Emit = ignore) -> RunResult:
        """Read refused rows again under the contract as it is now; those that pass are loaded, through the gate."""
        from headgate.run.repair import replay

        return replay(self._lake, table, emit)

    def quarantine_discard(self, table: str, reason: str, where: str | None = None, emit: Emit = ignore) -> RunResult:
        """Give refused rows up, with a reason that is kept."""
        from headgate.run.repair import discard

        return discard(self._lake, table, reason, where, emit)

    # Sharing

    def connect(self, engine: str, branch: str = MAIN, url: str | None = None) -> Connection:
        """The settings with which another engine works on a branch of this lake, once it is served at `url`."""
        from headgate.run.connecting import connect, reach

        self._lake.catalog.resolve(branch)
        return connect(engine, branch, url, reach(self._lake))

    # Health

    def doctor(self) -> list[Finding]:
        """Verify the project, the history and the files."""
        from headgate.run.doctor import examine

        return examine(self._lake)

    def close(self) -> None:
        if self._ahead is not None:
            self._ahead.close()
        self._lake.close()

    def __enter__(self) -> Lakehouse:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _reading(self, ref: str) -> Iterator[Workspace]:
        from headgate.engines.duckdb import Session
        from headgate.engines.workspace import Workspace

        with Session(self.project.engine, self._lake.storage) as session:
            yield Workspace(self._lake.catalog, ref, session)


def open(  # noqa: A001 - `headgate.open`, as in `gzip.open`
    path: str | Path | None = None, profile: str | None = None, token: str | None = None
) -> Lakehouse:
    """Open the project at or above a folder, or the lake behind a server.

    Args:
        path: A folder, or its `headgate.yml`; this folder or the closest above if None; or `http://host:port`.
        profile: A profile of `headgate.yml`.
        token: For a server. Default: `$HEADGATE_TOKEN`.

    Raises:
        ProjectError: There is no project, or its settings do not validate.
        ServerError: Nothing answers at the address, or something else than headgate.
        Unauthorized: The token does not hold.
    """
    if isinstance(path, str) and path.startswith(("http://", "https://")):
        if profile:
            raise UsageError("A profile is one of a project's; a server has chosen its own.", hint="Leave it away.")
        from headgate.remote.lakehouse import RemoteLakehouse

        # Told apart by nobody: a test holds every method to the same signature.
        return cast("Lakehouse", RemoteLakehouse(path, token))
    return Lakehouse(Project.open(path, profile))


def open_to_run(path: str | Path | None = None, profile: str | None = None) -> Lakehouse:
    """As `open`, of a folder that is run at once: what takes long begins while what a run needs is imported."""
    from headgate.run.ahead import begin

    with ExitStack() as unless_open:
        ahead = begin(root_of(path))
        unless_open.callback(ahead.close)
        opened = Lakehouse(Project.open(path, profile), ahead=ahead)
        unless_open.pop_all()
        return opened


def settled(
    path: str | Path | None = None, profile: str | None = None, select: Names = None, exclude: Names = None
) -> RunResult | None:
    """The outcome of a run that has nothing to do, told without opening the project; None where only `run` can tell."""
    from headgate.run.settled import unchanged

    return unchanged(root_of(path), profile, _selection(select, exclude))


def init_project(directory: str | Path, example: str | None = None) -> list[Path]:
    """Start a project in a folder: an empty one, or a copy of an example; returns the files that were written."""
    from headgate.starter import create

    return create(Path(directory), example)


def _selection(select: Names, exclude: Names, full_refresh: bool = False) -> Selection:
    chosen, left_out = ((names,) if isinstance(names, str) else tuple(names or ()) for names in (select, exclude))
    return Selection(chosen, left_out, full_refresh)
