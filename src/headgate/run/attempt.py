"""One try at bringing a state to `main`: a branch, and the loads, models and checks on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from headgate.catalog.iceberg import rejoiner
from headgate.engines.duckdb import Session
from headgate.engines.workspace import Workspace
from headgate.errors import Conflict, ContractError, HeadgateError, ModelError
from headgate.events import Checked, Emit, Loaded, Note, Planned, Rebased
from headgate.faults import Point, reached
from headgate.ingest.accounting import contract_checks
from headgate.ingest.fields import columns_added
from headgate.ingest.ledger import LEDGER, KnownLoad, Load, known_loads, record, recorded_loads
from headgate.ingest.plan import PlannedLoad, plan_loads
from headgate.ingest.together import load_all
from headgate.quality.books import BOOKS, check_books
from headgate.quality.outside import check_outside
from headgate.quality.reconciliation import reconcile
from headgate.run.fingerprint import SourceFile
from headgate.run.lake import Lake
from headgate.run.leftovers import take_away
from headgate.run.planning import Work, notes_on
from headgate.types import CheckResult, CheckStatus, Content, ModelResult, ModelStatus, Name, Severity

if TYPE_CHECKING:
    from headgate.ingest.contract import Source
    from headgate.ingest.files import InputFile
    from headgate.quality.gate import Standing
    from headgate.transform.values import BuildResult, PlannedModel, Test

EVIDENCE = "checks"
"""Schema of the tables that hold failing rows; they stay on the run's branch."""


class Restart(Exception):
    """What `main` did meanwhile cannot be joined with this run: the run is to start anew from there."""


class Attempt:
    """A run's branch and what was done on it.

    Attributes:
        run_id: The run that tries.
        branch: Name of its branch.
        onto: The commit of `main` that the branch's state contains.
        loads: What became of the files.
        models: What became of the models, by name; a rebuild replaces what was there.
        checks: What became of the checks, by name; likewise.
        not_loaded: Files that broke their contract as a whole: the reason by the name of the check.
        files: The files that were found, loaded or not, by source.
    """

    def __init__(self, lake: Lake, session: Session, work: Work, run_id: str, emit: Emit) -> None:
        self._lake = lake
        self._session = session
        self._work = work
        self._emit = emit
        self.run_id = run_id
        self.branch = f"run/{run_id}"
        self._workspace: Workspace | None = None
        self.onto = ""
        self.loads: list[Load] = []
        self.models: dict[str, ModelResult] = {}
        self.checks: dict[str, CheckResult] = {}
        self.not_loaded: dict[str, str] = {}
        self.files: dict[str, list[SourceFile]] = {}
        self._computed: dict[str, tuple[Name, ...]] = {}

    def begin(self, at: str, onto: str) -> None:
        """Make the branch at a state that contains the commit `onto` of `main`."""
        # Whoever stops this between the two finds the branch by it.
        self.onto = onto
        self._lake.catalog.create_branch(self.branch, at)
        author = self._lake.project.author
        self._workspace = Workspace(self._lake.catalog, self.branch, self._session, run_id=self.run_id, author=author)

    @property
    def workspace(self) -> Workspace:
        """The branch's state, once `begin` made the branch."""
        assert self._workspace is not None, "begin() comes first"
        return self._workspace

    def abandon(self, base: str) -> str | None:
        """Take the branch and the files of this run away; the commit of `main` that has them, if it came to that.

        Args:
            base: Where `main` was before the run's first attempt.
        """
        return take_away(self._lake, self.run_id, self.branch, base) if self.onto else None

    def stop(self) -> None:
        """End what the session is doing, from another thread, and whatever it is asked to do after that."""
        self._session.stop()

    def new_loads(self) -> list[Load]:
        """The loads that the state has and `main` has not."""
        known = {load.load_id for load in self._ledger_of(self.onto)}
        return [load for load in recorded_loads(self.workspace) if load.load_id not in known]

    @property
    def blocking(self) -> list[CheckResult]:
        """The checks that keep this state from `main`."""
        return [check for check in self.checks.values() if check.blocks]

    def ingest(self) -> None:
        """Load every file that the ledger does not know, and judge what came."""
        sources = [source for source in self._work.sources if self._work.wants(source)]
        refresh = self._work.selection.reloads
        known = known_loads(self.workspace)
        planned = plan_loads(
            self._lake.project,
            sources,
            known,
            self._lake.storage,
            self._lake.db,
            full_refresh=refresh,
            tell=lambda text: self._emit(Note(text)),
            found=self._found,
        )
        before = {name: self._columns(name) for name in dict.fromkeys(step.source.table for step in planned)}
        for result in load_all(planned, self.workspace, self._emit, self._not_loadable):
            self.loads.append(result)
        for name, columns in before.items():
            filling = [source for source in self._work.sources if source.table == name]
            note = columns_added(filling, columns, self._columns(name))
            if note:
                self._emit(Note(note))
        record(self.workspace, self.loads)
        self.judge_loads(self.loads)

    def _found(self, source: Source, files: Sequence[InputFile]) -> None:
        self.files[source.name] = [(source.name, file.name, file.sha256) for file in files]

    def _columns(self, name: Name) -> list[str]:
        """The columns of a table in their order; none if it is not there."""
        workspace = self.workspace
        return [field.name for field in workspace.table(name).schema.fields] if workspace.exists(name) else []

    def _not_loadable(self, step: PlannedLoad, error: ContractError) -> None:
        self.judge_files({f"contract:{step.source.name}:{step.name}": _in_one_line(error)})

    def keep(self, loads: Sequence[Load]) -> None:
        """Take over what a change other than a plain load did, and enter it in the books."""
        self.loads.extend(loads)
        record(self.workspace, loads)
        for result in loads:
            self._emit(Loaded(result))
        self.judge_loads(loads)

    def judge_loads(self, loads: Sequence[Load]) -> None:
        """Check the contracts' limits and the books of the loads that the state adds to `main`."""
        for source in self._work.sources:
            own = [result for result in loads if result.source == source.name]
            for check in contract_checks(source, own) if own else ():
                self._note(check)

    def judge_outside(self, before: str) -> None:
        """Fail for tables that headgate keeps the books of and another engine has changed since a commit."""
        catalog = self._lake.catalog
        tables = [LEDGER, *(name for source in self._work.sources for name in (source.table, source.quarantine))]
        states = catalog.state(before), catalog.state(self.branch)
        for check in check_outside(*states, dict.fromkeys(tables), self._lake.storage):
            self._note(check)

    def judge_files(self, reasons: Mapping[str, str]) -> None:
        """Fail for files that could not be loaded, in this run or in the one whose branch this is."""
        self.not_loaded.update(reasons)
        for name, reason in reasons.items():
            self._note(CheckResult(name, "contract", Severity.ERROR, CheckStatus.FAILED, failures=1, message=reason))

    def refine(self, *, tests_stop_models: bool = True) -> None:
        """Build the models that the state lacks and carry out the checks that it has not passed.

        Args:
            tests_stop_models: Whether a failing test keeps what depends on its model from being built.
        """
        plan = self._work.plan_models(self.workspace)
        planned = plan.models if plan else ()
        tests = self._due_tests(planned)
        self._emit(Planned(len(self.loads), len(planned), len(tests), len(plan.unchanged) if plan else 0))
        for note in notes_on(plan, self._work.selection.full_refresh) if plan else ():
            self._emit(Note(note))
        if tests_stop_models:
            told = self._build(planned, tests)
        else:
            self._build(planned, ())
            told = self._build((), tests)
        skipped = any(model.status is ModelStatus.SKIPPED for model in self.models.values())
        if tests_stop_models and skipped and not self.blocking:
            # By a test under a computed name, which may pass on what is to be built.
            self.refine(tests_stop_models=False)
            return
        # What nobody knew to depend on a model that has been built: views above it that were not selected, tests that
        # read it under a computed name.
        self._build((), [test for test in self._due_tests(()) if test.name not in told])
        self._reconcile()

    def standing(self) -> list[Standing]:
        """Every check that the state has to pass, with what is known by now of what it reads."""
        return self._work.standing(self._computed)

    def _due_tests(self, planned: Sequence[PlannedModel]) -> list[Test]:
        """Tests without a pass on the present versions, and tests of what is about to be built."""
        if self._work.dbt is None:
            return []
        coming = {step.model.name for step in planned}
        present = self._work.version(self.workspace)

        def version(name: Name) -> str | None:
            return present(name) or ("coming" if name in coming else None)

        standing = {check.name: check for check in self.standing() if check.fingerprint(version)}
        due = {check.name for check in self._lake.gate.due(standing.values(), version)}
        return [
            test
            for test in self._work.dbt.tests
            if test.name in due or (test.name in standing and coming.intersection(test.inputs))
        ]

    def _build(self, planned: Sequence[PlannedModel], tests: Sequence[Test]) -> set[str]:
        """Build and test; the names of the checks that have had their say."""
        if self._work.dbt is None or not (planned or tests):
            return set()
        from headgate.transform.build import build

        refresh = self._work.selection.full_refresh
        result = build(self._work.dbt, self.workspace, planned, tests, self._emit, full_refresh=refresh)
        self.models.update({model.name: model for model in result.models})
        told = self._told(result, bool(planned))
        self.checks.update({check.name: check for check in told})
        self._record(told)
        broken = [model for model in result.models if model.status is ModelStatus.ERROR]
        if broken:
            parts = broken[0].error or {"message": broken[0].message}
            further = "Correct it and run again; main is as it was."
            raise ModelError(
                f"{broken[0].name}: {parts['message']}",
                place=str(parts["place"]) if parts.get("place") else None,
                hint=f"{parts['hint']}\n{further}" if parts.get("hint") else further,
                data={"models": [model.name for model in broken]},
            )
        return {check.name for check in told}

    def _told(self, result: BuildResult, while_building: bool) -> list[CheckResult]:
        """The outcomes that count of those of a build.

        A test that reads a table under a computed name may have come before the model that builds it, and only now
        can be told whether somebody let this state pass in spite of it.
        """
        if not result.computed:
            return list(result.checks)
        self._computed.update(result.computed)
        due = {check.name for check in self._lake.gate.due(self.standing(), self._work.version(self.workspace))}
        return [
            check
            for check in result.checks
            if check.name not in result.computed or (check.name in due and not while_building)
        ]

    def _reconcile(self) -> None:
        due = {check.name for check in self._lake.gate.due(self.standing(), self._work.version(self.workspace))}
        done = []
        if BOOKS.name in due:
            done.append(check_books(self.workspace))
        # What was not built is not as its inputs are: comparing the two would only repeat why.
        unbuilt = {name for name, model in self.models.items() if model.status is ModelStatus.SKIPPED}
        done += [
            reconcile(check, self.workspace)
            for check in self._work.reconciliations
            if f"reconciliation:{check.name}" in due and not unbuilt.intersection(map(str, check.inputs))
        ]
        for result in done:
            self._note(result)
        self._record(done)
        for text in self._work.waiting(self.workspace):
            self._emit(Note(text))

    def settle_blocking(self) -> None:
        """Record that this state was let pass in spite of the checks that block it."""
        version = self._work.version(self.workspace)
        self._lake.gate.record(self.run_id, self.standing(), self.blocking, version, overridden=True)

    def _note(self, check: CheckResult) -> None:
        self.checks[check.name] = check
        self._emit(Checked(check))

    def _record(self, results: Sequence[CheckResult]) -> None:
        version = self._work.version(self.workspace)
        self._lake.gate.record(self.run_id, self.standing(), results, version)

    def catch_up(self, head: str) -> None:
        """Merge what `main` has become into the branch; what that changed shows in the next `refine`.

        Raises:
            Restart: Another run loaded into the same tables in a way that cannot be joined, or from the same source.
            Conflict: Likewise, or both sides have loads of which one can stand, when this attempt loaded nothing that
                could be loaded anew.
        """
        catalog = self._lake.catalog
        reached(Point.CATCH_UP_DUE)
        moved = tuple(str(change.name) for change in catalog.diff(self.onto, head).changes)
        properties = {"run_id": self.run_id}
        self.workspace.commit("before main is merged in", properties)
        if self.loads and self._met_again(head):
            raise Restart
        if not self.loads:
            check_loads(self._lake, self._work.sources, self.onto, self.branch, head)
        try:
            catalog.merge(
                head,
                self.branch,
                message="merge main",
                author=self._lake.project.author,
                properties=properties,
                rejoin=self._rejoin,
            )
        except Conflict:
            if self.loads:
                raise Restart from None
            raise
        self.workspace.refresh()
        self.onto = head
        reached(Point.CAUGHT_UP)
        self._emit(Rebased(head, moved))

    def _met_again(self, head: str) -> bool:
        """Whether `main` has new loads from a source that this attempt loaded from as well."""
        before = {load.load_id for load in self._ledger_of(self.onto)}
        own = {result.source for result in self.loads}
        return any(load.source in own for load in self._ledger_of(head) if load.load_id not in before)

    def _ledger_of(self, ref: str) -> list[KnownLoad]:
        """The ledger of another state."""
        return _ledgers(self._lake, ref)[0]

    def _rejoin(self, name: Name, base: Content | None, theirs: Content, ours: Content) -> Content | None:
        """Join what the branch (`theirs`) and `main` (`ours`) made of one table.

        A table that a model builds is taken from `main` and built again: its fingerprint tells that its inputs
        are others now.
        """
        if name.schema == EVIDENCE:
            return theirs
        if self._work.dbt and any(model.name == name for model in self._work.dbt.models):
            return ours
        return rejoiner(self._session.storage)(name, base, theirs, ours)


def check_loads(lake: Lake, sources: Sequence[Source], base: str, one: str, other: str) -> None:
    """Raise if two states each loaded the same file since they parted.

    Tables to which both sides appended are joined, and a file that one side has with other rows would be there
    twice. A table that holds what its files are now, or the newest row of each key, takes the files one by one.

    Args:
        lake: Where they are.
        sources: What the contracts say of files that change.
        base: The state that both come from.
        one: The state that is merged, or into which it is.
        other: The other one of these.

    Raises:
        Conflict: Names the file.
    """
    known, ours, theirs = _ledgers(lake, base, one, other)
    before = {load.load_id for load in known}
    held = {mark for load in theirs if load.load_id not in before for mark in _marks(sources, load)}
    for load in ours:
        if load.load_id not in before and held.intersection(_marks(sources, load)):
            raise Conflict(
                f"The file '{load.file}' of the source '{load.source}' was loaded on one of the two branches, and that "
                "source has been loaded on the other as well since they parted.",
                hint="Run again: what main lacks is loaded then. headgate branch delete takes the branch away.",
                data={"source": load.source, "file": load.file},
            )


def _ledgers(lake: Lake, *refs: str) -> list[list[KnownLoad]]:
    with Session(lake.project.engine, lake.storage) as session:
        return [known_loads(Workspace(lake.catalog, ref, session)) for ref in refs]


def _marks(sources: Sequence[Source], load: KnownLoad) -> set[tuple[str, ...]]:
    """What two loads share of which only one can stand."""
    contract = next((source.contract for source in sources if source.name == load.source), None)
    if contract is None or contract.load != "append":
        return {(load.source,)}
    same: set[tuple[str, ...]] = {(load.source, "bytes", load.sha256)} if load.sha256 else set()
    # Under `append` both contents of a file stand.
    return same if contract.changed_file == "append" else same | {(load.source, "file", load.file)}


def _in_one_line(error: HeadgateError) -> str:
    place = f"({error.place})" if error.place else None
    return " ".join(part for part in (error.message, place, error.hint) if part)
