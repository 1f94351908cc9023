"""What a run came to, told so that a person knows what happened and what to do next."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from headgate.cli.invocation import Invocation
from headgate.cli.output.columns import Column
from headgate.cli.output.document import Document, listing
from headgate.cli.output.writer import TextWriter
from headgate.errors import HeadgateError, counted
from headgate.types import CheckResult, CheckStatus, LoadResult, ModelResult, ModelStatus

if TYPE_CHECKING:
    from rich.console import Console

    from headgate.run.result import Plan, Repair, RunResult

_STEPS = [
    Column("what", ""),
    Column("name", "name"),
    Column("file", "file"),
    Column("action", "action"),
    Column("reason", "why"),
]
_OUTCOMES = {
    "merged": "[bold green]merged[/] into {into}",
    "unchanged": "[bold]unchanged[/]: {into} holds all of this already",
    "refused": "[bold red]refused[/]: {into} is as it was",
    "failed": "[bold red]failed[/]: {into} is as it was",
    "conflict": "[bold red]conflict[/]: {into} is as it was",
    "interrupted": "[bold yellow]interrupted[/]: {into} is as it was",
}


def plan(found: Plan) -> Document:
    """What a run would do."""
    steps = [
        {"what": what, "name": step.name, "file": step.file, "action": step.action, "reason": step.reason}
        for what, group in (("load", found.loads), ("model", found.models), ("check", found.checks))
        for step in group
    ]
    shown = listing("steps", steps, _STEPS, "Nothing to do: main holds everything already.")

    def text(console: Console) -> None:
        shown.text(console)
        for note in found.notes:
            console.print(f"\n{note}", markup=False, soft_wrap=True)
        if steps:
            counts = f"{len(found.loads)} to load, {len(found.models)} to build, {len(found.checks)} to check"
            console.print(f"\n{counts}, {found.skipped} up to date.", style="dim")

    return Document(found.to_dict(), text)


def report(invocation: Invocation, result: RunResult, into: str = "main") -> None:
    """Show the outcome of a run or a merge; its error, when it has one, is told on standard error as well."""
    called = program_call(invocation)
    invocation.write(Document(result.to_dict(), lambda console: _summary(console, result, called, into)))
    if result.error is not None:
        TextWriter().error(result.error, debug=invocation.debug)


def program_call(invocation: Invocation) -> str:
    """How the person can call headgate on the same project again, to be pasted."""
    program = Path(sys.argv[0])
    found = shutil.which("headgate")
    name = "headgate"
    if program.name == "headgate" and (found is None or not program.exists() or not program.samefile(found)):
        relative = os.path.relpath(program)
        name = str(program.absolute()) if relative.startswith(os.pardir) else relative
    options = ["--project", str(invocation.project)] if invocation.project else []
    options += ["--profile", invocation.profile] if invocation.profile else []
    return shlex.join([name, *options])


def _summary(console: Console, result: RunResult, called: str, into: str) -> None:
    outcome = _OUTCOMES[result.status.value].format(into=into)
    if result.repair and result.status.value == "unchanged":
        outcome = f"[bold]unchanged[/]: {into} is as it was"
    console.print()
    console.print(f"Run [bold]{result.run_id}[/]  {outcome}  [dim]{result.seconds:.1f} s[/]")
    if result.repair:
        _repair(console, result.repair)
    if result.loads:
        _loads(console, result.loads)
    _models(console, result.models, result.error)
    _checks(console, result.checks)
    if result.status.value == "merged":
        console.print(f"\n[bold]Merged[/]  {into} is at [cyan]{result.commit[:10]}[/]")
    _next(console, result, called, into)


def _repair(console: Console, repair: Repair) -> None:
    left = f"{counted(repair.left, 'row')} still refused"
    if not repair.discarded and not repair.tried:
        console.print(f"\n[bold]Quarantine[/]  no row was concerned; {left}")
    elif repair.discarded:
        console.print(f"\n[bold]Discarded[/]  {counted(repair.discarded, 'row')}; {left}")
    else:
        console.print(f"\n[bold]Read again[/]  {counted(repair.tried, 'row')}: {repair.passed:,} passed; {left}")


def _loads(console: Console, loads: Sequence[LoadResult]) -> None:
    from headgate.cli.output.tables import grid

    console.print("\n[bold]Loaded[/]")
    table = grid()
    for title in ("  table", "files", "read", "loaded", "quarantined", "duplicates"):
        table.add_column(title, justify="left" if title == "  table" else "right")
    tables: dict[str, list[LoadResult]] = {}
    for load in loads:
        tables.setdefault(load.table, []).append(load)
    for name, group in [*tables.items(), *([("total", list(loads))] if len(tables) > 1 else [])]:
        figures = [
            sum(getattr(load, part) for load in group) for part in ("read", "loaded", "quarantined", "duplicates")
        ]
        cells = [f"{figure:,}" if figure or part < 2 else "·" for part, figure in enumerate(figures)]
        if figures[2]:
            cells[2] = f"[yellow]{cells[2]}[/]"
        table.add_row(f"  {name}", f"{len(group):,}", *cells, style="bold" if name == "total" else "")
    console.print(table)


def _models(console: Console, models: Sequence[ModelResult], error: HeadgateError | None) -> None:
    from headgate.cli.output.tables import grid, one_line

    named = error.data.get("models") if error is not None else None
    told_of = named[:1] if isinstance(named, list) else []
    counts = Counter(model.status for model in models)
    if not counts:
        return
    built = counts.pop(ModelStatus.BUILT, 0)
    told = [
        counted(built, "model"),
        *(f"{count} {status.value}" for status, count in counts.items()),
    ]
    console.print(f"\n[bold]Built[/]  {', '.join(told)}")
    table = grid()
    table.show_header = False
    table.add_column()
    table.add_column(justify="right")
    table.add_column(justify="right")
    table.add_column()
    for model in models:
        if model.status is ModelStatus.UNCHANGED:
            continue
        mark = {ModelStatus.BUILT: "[green]✓[/]", ModelStatus.ERROR: "[red]✗[/]"}.get(model.status, "[dim]-[/]")
        rows = "view" if model.rows is None and model.status is ModelStatus.BUILT else ""
        rows = counted(model.rows, "row") if model.rows is not None else rows
        # The error of the run tells of one of them in full.
        note = "" if model.name in told_of else one_line((model.message or "").partition("\n")[0])
        table.add_row(f"  {mark} {model.name}", rows, f"[dim]{model.seconds:.2f} s[/]", note)
    console.print(table)


def _checks(console: Console, checks: Sequence[CheckResult]) -> None:
    if not checks:
        return
    counts = Counter("warned" if _warned(check) else check.status.value for check in checks)
    console.print(f"\n[bold]Checked[/]  {', '.join(f'{count} {status}' for status, count in counts.items())}")
    for check in sorted(checks, key=lambda check: not check.blocks):
        if check.status not in (CheckStatus.PASSED, CheckStatus.SKIPPED):
            _check(console, check)


def _check(console: Console, check: CheckResult) -> None:
    """A check that did not pass, and the first of the rows that it failed on."""
    from headgate.cli.output.tables import print_result

    mark, style = ("✗", "red") if check.blocks else ("!", "yellow")
    console.print(f"\n  [{style}]{mark} {check.severity.value}[/]  [bold]{check.name}[/]", end="")
    console.print(f"  {check.table}" if check.table else "", style="dim", markup=False)
    if check.message:
        for line in check.message.splitlines():
            console.print(f"    {line}", markup=False)
    if check.sample:
        # Where two tables differ in a figure, that figure of each is what is shown, and not a row that failed.
        figures = check.kind == "reconciliation" and check.columns[0] != "side"
        print_result(console, check.columns, check.sample, None if figures else check.failures, indent=4)


def _warned(check: CheckResult) -> bool:
    return check.status is CheckStatus.FAILED and not check.blocks


def _next(console: Console, result: RunResult, called: str, into: str) -> None:
    """Up to three commands that make sense now, to be pasted."""
    commands: list[str] = []
    failing = [check for check in result.checks if check.blocks]
    if result.branch and result.status.value != "merged":
        evidence = next((check.evidence for check in failing if check.evidence), None)
        branch = shlex.quote(result.branch)
        if evidence:
            commands.append(f'{called} query "select * from {evidence} limit 20" --ref {branch}')
        commands.append(f"{called} diff {into} {branch}")
        if failing and result.error is not None and result.error.data.get("changes"):
            commands.append(f'{called} merge {branch} --into {into} --override "why it is right all the same"')
        console.print(f"\nThe branch [bold]{result.branch}[/] is kept for inspection.")
    elif result.status.value in ("merged", "unchanged"):
        tables = [load.table for load in result.loads]
        built = [model for model in result.models if model.status is ModelStatus.BUILT]
        tables += [model.name for model in built if model.rows is not None]
        commands.append(f'{called} query "select * from {tables[-1]} limit 10"' if tables else f"{called} tables")
        if any(load.quarantined > 0 for load in result.loads) or (result.repair and result.repair.left):
            commands.append(f"{called} quarantine list")
        commands += [f"{called} log", f"{called} loads"]
    if commands:
        console.print("\n[bold]Next[/]")
    for line in commands[:3]:
        console.print(f"  {line}", style="cyan", markup=False, soft_wrap=True)
