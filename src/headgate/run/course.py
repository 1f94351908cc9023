"""The way of every change to `main`: work on a branch, catch up with `main`, pass the gate, publish."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack

from headgate.catalog.iceberg import rejoiner
from headgate.catalog.interface import MAIN
from headgate.catalog.model import Commit
from headgate.engines.duckdb import Session
from headgate.errors import (
    Cancelled,
    Conflict,
    HeadgateError,
    Refused,
    StaleRef,
    StorageError,
    counted,
    was_interrupted,
)
from headgate.events import Emit, Event, Failed, Merged, Note, Rebased, RunRefused, Started
from headgate.faults import Point, reached
from headgate.run.attempt import EVIDENCE, Attempt, Restart, check_loads
from headgate.run.beside import beside
from headgate.run.errors import arrived, parted, status_of, taken_for_dead, tell_of_main, written_to
from headgate.run.fingerprint import Inputs, SourceFile
from headgate.run.lake import Lake
from headgate.run.planning import Work
from headgate.run.result import RunResult, RunStatus, new_run_id
from headgate.types import CheckResult, Name

# A run that lost this often to others holds the turn on `main` for the rest of its work.
PATIENCE = 2
NOT_LOADED = "not_loaded"
"""Property of a commit on a run's branch: files that its contract kept out, with the reasons, as JSON."""


class Course:
    """One run, through as many attempts as others make necessary."""

    def __init__(self, lake: Lake, work: Work, emit: Emit) -> None:
        self._lake = lake
        self._work = work
        self._listener = emit
        self._notes: list[str] = []
        self._started = time.perf_counter()
        self.run_id = new_run_id()
        self._base = ""
        self._losses = 0
        # What is known of `main` once a publication was begun.
        self._of_main = ""
        self._files: Mapping[str, Iterable[SourceFile]] = {}
        self._turn = ExitStack()

    def run(self, inputs: Inputs | None = None) -> RunResult:
        """Load, build, check and publish.

        Args:
            inputs: What is to be worked on; recorded when the run settles it.
        """
        return self._follow(self._run_attempt, inputs)

    def change(self, work: Callable[[Attempt], None], message: str) -> RunResult:
        """Carry out a change of the lake on a branch, rebuild what depends on it, check and publish."""

        def attempt_change(attempt: Attempt) -> RunResult:
            head = self._lake.catalog.ref(MAIN).commit_id
            attempt.begin(head, head)
            work(attempt)
            attempt.refine()
            return self._finish(attempt, message)

        return self._follow(attempt_change, None)

    def merge(self, source: str, override: str | None) -> RunResult:
        """Bring a branch to `main`: with `main` merged in, rebuilt where that is needed, and checked."""
        self._lake.catalog.resolve(source)

        def attempt_merge(attempt: Attempt) -> RunResult:
            try:
                return self._merge_attempt(attempt, source, override)
            except Conflict as conflict:
                if "tables" not in conflict.data:
                    raise
                raise parted(conflict, source) from conflict

        return self._follow(attempt_merge, None)

    def _emit(self, event: Event) -> None:
        # An attempt that is made again tells the same again.
        if isinstance(event, Note):
            if event.message in self._notes:
                return
            self._notes.append(event.message)
        self._listener(event)

    def merge_unchecked(self, source: str, into: str) -> RunResult:
        """Merge into a branch that no gate guards."""
        catalog = self._lake.catalog
        before = catalog.ref(into).commit_id
        status, error = RunStatus.MERGED, None
        try:
            check_loads(self._lake, self._work.sources, catalog.merge_base(source, into).id, source, into)
            merged = catalog.merge(
                source,
                into,
                message=f"merge {source}",
                author=self._lake.project.author,
                rejoin=rejoiner(self._lake.storage),
            )
            after = merged.commit.id
        except Conflict as conflict:
            status, error, after = RunStatus.CONFLICT, conflict, before
        if status is RunStatus.MERGED and after == before:
            status = RunStatus.UNCHANGED
        return self._result(status, None, error=error, branch=into, commit=after)

    def _follow(self, attempt_once: Callable[[Attempt], RunResult], inputs: Inputs | None) -> RunResult:
        """Attempt until nobody is in the way, and record what became of it."""
        self._lake.check_storage()
        base = self._base = self._lake.catalog.ref(MAIN).commit_id
        branch = f"run/{self.run_id}"
        selection = str(self._work.selection)
        with self._lake.history.running(self.run_id, branch, base, selection), self._turn:
            self._emit(Started(self.run_id, branch, base))
            while True:
                result = self._try(attempt_once)
                if result is not None:
                    break
                self._lost()
            settled = self._settled(result, inputs)
            try:
                self._lake.history.finish(result, settled)
            except StorageError as error:
                tell_of_main(error, arrived(result.commit) if result.status is RunStatus.MERGED else "")
                raise
        return result

    def _settled(self, result: RunResult, inputs: Inputs | None) -> str | None:
        """The fingerprint of what a run has settled, unless what it used was another for a while."""
        if inputs is None or result.status not in (RunStatus.MERGED, RunStatus.UNCHANGED):
            return None
        return inputs.fingerprint if inputs.were_used(self._lake.project, self._files) else None

    def _try(self, attempt_once: Callable[[Attempt], RunResult]) -> RunResult | None:
        """One attempt; None when it has to be made again."""
        with Session(self._lake.project.engine, self._lake.storage.of_run(self.run_id)) as session:
            attempt = Attempt(self._lake, session, self._work, self.run_id, self._emit)
            try:
                return attempt_once(attempt)
            except Restart:
                attempt.abandon(self._base)
                self._emit(Rebased(self._lake.catalog.ref(MAIN).commit_id, ()))
                return None
            except BaseException as error:
                found: BaseException = error
                if was_interrupted(error) and not isinstance(error, Cancelled):
                    found = Cancelled("The run was stopped.", hint="main is as it was; run again when you like.")
                if isinstance(found, HeadgateError):
                    return self._given_up(attempt, status_of(found), found)
                attempt.abandon(self._base)
                raise

    def _given_up(self, attempt: Attempt, status: RunStatus, error: HeadgateError) -> RunResult:
        """The end of an attempt that met an error; what had reached `main` before is merged all the same."""
        try:
            published = attempt.abandon(self._base)
            if not isinstance(error, Cancelled) and self._lake.history.is_buried(self.run_id):
                status, error = RunStatus.FAILED, taken_for_dead(error)
        except StorageError:
            # Whatever is gone now, the first error says what it was; the next run takes away what is left.
            tell_of_main(error, self._of_main)
            raise error from None
        if published is not None:
            return self._result(RunStatus.MERGED, attempt, commit=published)
        return self._failed(status, attempt, error)

    def _run_attempt(self, attempt: Attempt) -> RunResult:
        head = self._lake.catalog.ref(MAIN).commit_id
        attempt.begin(head, head)
        # Loads leave Python idle, and of reading the models DuckDB has no part.
        with beside(self._work.check_models, attempt.stop):
            attempt.ingest()
        self._files = attempt.files
        if not attempt.blocking:
            attempt.refine()
        return self._finish(attempt, self._message(attempt))

    def _merge_attempt(self, attempt: Attempt, source: str, override: str | None) -> RunResult:
        catalog = self._lake.catalog
        head = catalog.ref(MAIN).commit_id
        # Others may go on writing to the branch: what is checked and what is recorded as merged is this commit.
        merged = catalog.resolve(source).id
        base = catalog.merge_base(merged, MAIN).id
        attempt.begin(merged, base)
        # Whoever takes a run's branch away from here on finds this one, which needs its files.
        catalog.resolve(source)
        attempt.judge_outside(base)
        if attempt.onto != head:
            attempt.catch_up(head)
        attempt.judge_loads(attempt.new_loads())
        for commit in catalog.ahead(merged, head):
            attempt.judge_files(json.loads(commit.properties.get(NOT_LOADED, "{}")))
        attempt.refine(tests_stop_models=override is None)
        return self._finish(attempt, f"merge {source}", override, merged)

    def _finish(
        self, attempt: Attempt, message: str, override: str | None = None, merged: str | None = None
    ) -> RunResult:
        """Publish what passed; keep the branch of what did not."""
        catalog, gate = self._lake.catalog, self._lake.gate
        while True:
            properties = {"run_id": self.run_id}
            if attempt.not_loaded:
                properties[NOT_LOADED] = json.dumps(attempt.not_loaded)
            commit = attempt.workspace.commit(message, properties)
            reached(Point.STATE_COMMITTED)
            if attempt.blocking and override is None:
                return self._refused(attempt, commit.id)
            head = catalog.ref(MAIN).commit_id
            if head != attempt.onto:
                self._lost()
                attempt.catch_up(catalog.ref(MAIN).commit_id)
                attempt.refine(tests_stop_models=override is None)
                continue
            if not self._changes(attempt, commit.id):
                if override is not None and _passes_over(catalog.resolve(head), attempt.blocking):
                    # The run that brought this state may have ended before it could record the same.
                    attempt.settle_blocking()
                catalog.delete_ref(attempt.branch)
                return self._result(RunStatus.UNCHANGED, attempt, commit=head)
            unproven = gate.missing(attempt.standing(), self._work.version(attempt.workspace))
            if unproven and override is None:
                return self._refused(
                    attempt, commit.id, [f"{check.name} did not pass on this state" for check in unproven]
                )
            passed_over = {check.name for check in attempt.blocking} | {check.name for check in unproven}
            told = message
            if override is not None and passed_over:
                properties |= {"override": override, "overridden": ", ".join(sorted(passed_over))}
                told = f"{message} (override: {override})"
            published = self._publish(attempt, commit.id, head, told, properties, merged)
            if published is None:
                continue
            self._of_main = arrived(published.id)
            reached(Point.PUBLISHED)
            if override is not None:
                attempt.settle_blocking()
            catalog.delete_ref(attempt.branch)
            self._emit(Merged(published.id))
            return self._result(RunStatus.MERGED, attempt, commit=published.id)

    def _publish(
        self, attempt: Attempt, checked: str, head: str, message: str, properties: dict[str, str], merged: str | None
    ) -> Commit | None:
        """Bring the commit that was checked to `main`; None where that is not at `head` any more."""
        reached(Point.PUBLISH_DUE)
        self._of_main = (
            "main may have the run's commit: headgate log tells, and the next run records what became of it."
        )
        try:
            return self._lake.catalog.publish(
                attempt.branch,
                MAIN,
                message=message,
                author=self._lake.project.author,
                properties=properties,
                drop=_is_evidence,
                expected=head,
                merged=merged,
                checked=checked,
            )
        except StaleRef as error:
            self._of_main = ""
            if error.data["ref"] == attempt.branch:
                raise written_to(attempt.branch) from error
            return None

    def _changes(self, attempt: Attempt, commit: str) -> int:
        """How many tables and views a merge of the commit would bring to `main`: none where no file could be read."""
        changes = self._lake.catalog.diff(attempt.onto, commit).changes
        return sum(not _is_evidence(change.name) for change in changes)

    def _lost(self) -> None:
        """Others were faster: after a few times, make them wait."""
        self._losses += 1
        if self._losses == PATIENCE:
            self._turn.enter_context(self._lake.catalog.turn(MAIN, self.run_id))

    def _message(self, attempt: Attempt) -> str:
        parts = []
        if attempt.loads:
            loaded = sum(load.loaded for load in attempt.loads)
            parts.append(f"load {counted(len(attempt.loads), 'file')}, {counted(loaded, 'row')}")
        if attempt.models:
            parts.append(f"build {counted(len(attempt.models), 'model')}")
        return "; ".join(parts) or "run"

    def _refused(self, attempt: Attempt, commit: str, further: list[str] | None = None) -> RunResult:
        reasons = [check.message or f"{check.name} failed" for check in attempt.blocking] + (further or [])
        self._emit(RunRefused(attempt.branch, tuple(reasons)))
        names = ", ".join(check.name for check in attempt.blocking) or "the gate"
        changes = self._changes(attempt, commit)
        otherwise = f'; or: headgate merge {attempt.branch} --into main --override "why"' if changes else "."
        error = Refused(
            f"{len(reasons)} blocking {'check' if len(reasons) == 1 else 'checks'} failed: {names}.",
            place=f"branch {attempt.branch}",
            hint=f"main is as it was. Look at the branch with --ref {attempt.branch}, mend the data or the model, "
            f"and run again{otherwise}",
            data={"reasons": reasons, "changes": changes},
        )
        return self._result(RunStatus.REFUSED, attempt, error=error, branch=attempt.branch)

    def _failed(self, status: RunStatus, attempt: Attempt, error: HeadgateError) -> RunResult:
        self._emit(Failed(error.message))
        return self._result(status, attempt, error=error)

    def _result(
        self,
        status: RunStatus,
        attempt: Attempt | None,
        *,
        error: HeadgateError | None = None,
        branch: str | None = None,
        commit: str | None = None,
    ) -> RunResult:
        return RunResult(
            run_id=self.run_id,
            status=status,
            branch=branch,
            commit=commit or self._lake.catalog.ref(MAIN).commit_id,
            seconds=time.perf_counter() - self._started,
            loads=tuple(attempt.loads) if attempt else (),
            models=tuple(attempt.models.values()) if attempt else (),
            checks=tuple(attempt.checks.values()) if attempt else (),
            error=error,
            notes=tuple(self._notes),
        )


def _passes_over(commit: Commit, checks: Iterable[CheckResult]) -> bool:
    """Whether an override that brought a commit to `main` was about all of these checks."""
    names = commit.properties.get("overridden", "").split(", ")
    return all(check.name in names for check in checks)


def _is_evidence(name: Name) -> bool:
    return name.schema == EVIDENCE
