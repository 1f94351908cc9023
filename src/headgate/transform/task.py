"""dbt's build task, on given nodes, in this thread, telling what happens as it happens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from dbt.artifacts.schemas.results import NodeStatus
from dbt.artifacts.schemas.run import RunResult
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.graph.nodes import TestNode
from dbt.graph import GraphQueue, UniqueId
from dbt.node_types import NodeType
from dbt.selected_resources import set_selected_resources
from dbt.task.base import BaseRunner, ExecutionContext
from dbt.task.build import BuildTask
from dbt.task.run import MicrobatchBatchRunner, ModelRunner
from dbt.task.seed import SeedRunner
from dbt.task.snapshot import SnapshotRunner
from dbt.task.test import TestResultData, TestRunner

from headgate.errors import HeadgateError
from headgate.events import Checked, Emit, ModelFinished, ModelStarted, Note
from headgate.faults import Point, reached
from headgate.transform.adapter import Target
from headgate.transform.datatests import are_plain, ask
from headgate.transform.definition import Definition
from headgate.transform.failures import as_model_error, cancelled_by
from headgate.transform.runtime import Invocation
from headgate.transform.values import Model, Test, TestKind
from headgate.transform.versions import FINGERPRINT
from headgate.types import CheckResult, CheckStatus, Kind, ModelResult, ModelStatus, Name, Severity

_SAMPLE_ROWS = 10

_CHECK_STATUS = {
    NodeStatus.Pass: CheckStatus.PASSED,
    NodeStatus.Fail: CheckStatus.FAILED,
    NodeStatus.Warn: CheckStatus.FAILED,
    NodeStatus.Skipped: CheckStatus.SKIPPED,
}


class _Remembers(BaseRunner):
    """Keeps the exception of which dbt's results hold only the text."""

    raised: Exception | None = None

    def handle_exception(self, e: Exception, ctx: ExecutionContext) -> str:
        self.raised = e
        return str(super().handle_exception(e, ctx))


class _Model(_Remembers, ModelRunner):
    pass


class _Seed(_Remembers, SeedRunner):
    pass


class _Snapshot(_Remembers, SnapshotRunner):
    pass


class _Test(_Remembers, TestRunner):
    plain = False
    """Whether data tests of the project are what `datatests` asks."""

    def execute_data_test(self, data_test: TestNode, manifest: Manifest) -> TestResultData:
        answer = ask(data_test, self.adapter.workspace) if self.plain else None
        if answer is not None and not (answer.should_warn or answer.should_error):
            return answer
        in_its_way: TestResultData = super().execute_data_test(data_test, manifest)
        # A test of a sample may pass when it is asked again: that does not count.
        return in_its_way if answer is None else answer


class _ThisThread:
    """What dbt asks of its thread pool when it has none."""

    max_threads = 1
    max_microbatch_models = 1

    def is_closed(self) -> bool:
        return False


class PlannedBuild(BuildTask):
    """`dbt build` on exactly the nodes that were planned.

    Args:
        invocation: dbt, set up.
        manifest: Of its own; dbt writes compiled code into it.
        nodes: The models and tests to be built, by dbt's id.
        target: Where to.
        emit: Is told what happens; what it raises ends the build.
    """

    RUNNER_MAP: ClassVar[dict[NodeType, type[BaseRunner]]] = {
        NodeType.Model: _Model,
        NodeType.Seed: _Seed,
        NodeType.Snapshot: _Snapshot,
        NodeType.Test: _Test,
        NodeType.Unit: _Test,
    }

    def __init__(
        self,
        invocation: Invocation,
        manifest: Manifest,
        definition: Definition,
        nodes: Mapping[str, Model | Test],
        target: Target,
        emit: Emit,
    ) -> None:
        super().__init__(invocation.flags, invocation.config, manifest)
        self._definition = definition
        self._nodes = nodes
        self._target = target
        self._emit = emit
        self._plain_tests = are_plain(manifest)
        # By way of models that stay as they are a test would hold up others: each has to be seen.
        self._only_tests = not any(isinstance(node, Model) for node in nodes.values())
        self.models: list[ModelResult] = []
        self.checks: list[CheckResult] = []
        self.computed: dict[str, tuple[Name, ...]] = {}

    def get_graph_queue(self) -> GraphQueue:
        wanted = {UniqueId(unique_id) for unique_id in self._nodes}
        # dbt runs unit tests just before their model; those whose model is not built run as nodes of their own.
        before = {unit for unit in wanted if unit in self.manifest.unit_tests and self._runs_before_model(unit)}
        self.selected_unit_tests = before
        self.build_model_to_unit_test_map(sorted(before))
        queued = wanted - before
        set_selected_resources(queued)
        graph = self.graph.get_subset_graph(queued).graph
        if self._only_tests:
            graph.remove_edges_from(list(graph.edges))
        return GraphQueue(graph, self.manifest, queued)

    def _mark_dependent_errors(self, node_id: str, result: RunResult, cause: RunResult | None) -> None:
        if not self._only_tests:
            super()._mark_dependent_errors(node_id, result, cause)

    def _runs_before_model(self, unit_id: str) -> bool:
        """Whether a unit test runs just before its model; it is compiled with the columns of what it gives rows for."""
        unit = self.manifest.unit_tests[unit_id]
        model = self._nodes.get(unit.depends_on.nodes[0])
        if not isinstance(model, Model):
            return False
        gives_itself = any(given.input == "this" for given in unit.given)
        return not gives_itself or self._target.workspace.exists(model.name)

    def get_runner(self, node: Any) -> BaseRunner:
        runner: BaseRunner = super().get_runner(node)
        if isinstance(runner, _Test):
            runner.plain = self._plain_tests
        return runner

    def execute_nodes(self) -> list[RunResult]:
        self.run_queue(_ThisThread())
        results: list[RunResult] = self.node_results
        return results

    def call_runner(self, runner: BaseRunner) -> RunResult:
        if isinstance(runner, MicrobatchBatchRunner):  # a part of a model
            return super().call_runner(runner)
        node = self._nodes[runner.node.unique_id]
        if isinstance(node, Model) and not runner.skip:
            self._emit(ModelStarted(str(node.name)))
        before = self._target.workspace.version(node.name) if isinstance(node, Model) else None
        result = super().call_runner(runner)
        self._target.release()
        raised = getattr(runner, "raised", None)
        if raised is not None:
            cancelled = cancelled_by(raised)
            if cancelled is not None:
                raise cancelled
        error = None
        if raised is not None:
            macros = {macro.name for macro in self.manifest.macros.values()}
            error = as_model_error(raised, self._definition, runner.node, macros)
        message = self._definition.masked(result.message or "") if error is None else str(error)
        if isinstance(node, Model):
            self._finished(node, result, message, error)
            if self.models[-1].status is ModelStatus.ERROR and self._target.workspace.version(node.name) != before:
                self._mark_unfinished(node)
        else:
            self._checked(node, result, message)
        return result

    def _mark_unfinished(self, model: Model) -> None:
        """See that a model which failed after its table was written is not taken for built by a later plan."""
        workspace = self._target.workspace
        content = workspace.content(model.name)
        if content is not None and content.kind is Kind.TABLE:
            workspace.set_properties(model.name, {FINGERPRINT: None})
        elif content is not None:
            workspace.drop(model.name)

    def _finished(self, model: Model, result: RunResult, message: str | None, error: HeadgateError | None) -> None:
        statuses = {NodeStatus.Success: ModelStatus.BUILT, NodeStatus.Skipped: ModelStatus.SKIPPED}
        status = statuses.get(result.status, ModelStatus.ERROR)
        finished = ModelResult(
            name=str(model.name),
            unique_id=model.unique_id,
            status=status,
            rows=self._target.rows.get(model.unique_id),
            seconds=result.execution_time,
            message=message if status is ModelStatus.ERROR else None,
            error=error.to_dict() if error is not None and status is ModelStatus.ERROR else None,
        )
        self.models.append(finished)
        computed = self._computed(result, (model.name, *model.inputs)) if status is ModelStatus.BUILT else ()
        if computed:
            named = ", ".join(map(str, computed))
            self._emit(
                Note(
                    f"{model.name} reads {named} under a name that its template computes: it is not built again when"
                    " that changes. Name it once more, in a comment: -- depends_on: {{ ref('...') }}"
                )
            )
        reached(Point.MODEL_BUILT)
        self._emit(ModelFinished(finished))

    def _checked(self, test: Test, result: RunResult, message: str | None) -> None:
        status = _CHECK_STATUS.get(result.status, CheckStatus.ERROR)
        severity = Severity.WARN if result.status == NodeStatus.Warn else test.severity
        columns, sample = self._sample(test) if status is CheckStatus.FAILED else ((), ())
        evidence = self._target.evidence.get(test.unique_id)
        if status is CheckStatus.FAILED and test.kind is not TestKind.UNIT:
            # dbt's own words are "Got 2 results, configured to fail if != 0".
            failures = result.failures or 0
            message = f"{failures:,} {'row fails' if failures == 1 else 'rows fail'} the test."
        checked = CheckResult(
            name=test.name,
            kind="dbt",
            severity=severity,
            status=status,
            failures=result.failures or 0,
            table=str(test.table) if test.table else None,
            message=message if status in (CheckStatus.FAILED, CheckStatus.ERROR) else None,
            columns=columns,
            sample=sample,
            evidence=str(evidence) if evidence else None,
            seconds=result.execution_time,
        )
        self.checks.append(checked)
        computed = self._computed(result, (*test.inputs, *test.mentions)) if test.kind is not TestKind.UNIT else ()
        if computed:
            self.computed[test.name] = computed
        self._emit(Checked(checked))

    def _computed(self, result: RunResult, known: Iterable[Name]) -> tuple[Name, ...]:
        """What the compiled SQL of a node reads beside what is known to be read."""
        workspace = self._target.workspace
        read = workspace.references(getattr(result.node, "compiled_code", None) or "")
        return tuple(sorted({*read} - {workspace.resolve(name) for name in known}))

    def _sample(self, test: Test) -> tuple[tuple[str, ...], tuple[tuple[object, ...], ...]]:
        """The first failing rows, from the table that keeps them all."""
        evidence = self._target.evidence.get(test.unique_id)
        if evidence is None:
            return (), ()
        cursor = self._target.workspace.session.execute(f"select * from {evidence.sql} limit {_SAMPLE_ROWS}")
        return tuple(column[0] for column in cursor.description), tuple(cursor.fetchall())
