"""One thing in detail: a table, a new project, an inferred contract."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headgate.cli.output.columns import Column
from headgate.cli.output.document import Document, listing
from headgate.cli.output.json import plain
from headgate.errors import counted
from headgate.yaml import display_path

if TYPE_CHECKING:
    from rich.console import Console

_COLUMNS = [
    Column("name", "column"),
    Column("type", "type"),
    Column("required", "required"),
    Column("comment", "description"),
]
_SNAPSHOTS = [
    Column("snapshot_id", "snapshot"),
    Column("time", "time", "time"),
    Column("operation", "operation"),
    Column("rows", "rows", "number"),
    Column("files", "files", "number"),
]
_FILES = [
    Column("path", "file"),
    Column("rows", "rows", "number"),
    Column("bytes", "size", "bytes"),
    Column("content", "content"),
]
_LISTS = {"columns": _COLUMNS, "snapshots": _SNAPSHOTS, "files": _FILES}
# Of long lists a person sees the first; the JSON document has all.
_FIRST = 10


def table(found: Any) -> Document:
    """A table: what it is, then its columns, snapshots, files and properties."""
    data: dict[str, Any] = plain(found)

    def text(console: Console) -> None:
        for key, value in data.items():
            if key not in _LISTS and not isinstance(value, dict | list) and value not in (None, ""):
                console.print(f"[bold]{key.replace('_', ' '):<12}[/] ", end="")
                console.print(_figure(value), markup=False)
        for key, value in data.items():
            if key not in _LISTS and isinstance(value, dict | list) and value:
                console.print(f"\n[bold]{key.replace('_', ' ')}[/]")
                for line in _lines(value):
                    console.print(f"  {line}", markup=False)
        for key, columns in _LISTS.items():
            items = data.get(key) or []
            if items:
                console.print(f"\n[bold]{key}[/]" + (f" [dim]({len(items)})[/]" if len(items) > 1 else ""))
                first = items if key == "columns" else items[:_FIRST]
                first = [_inside(item, data.get("location")) for item in first]
                listing(key, first, columns, "").text(console)

    return Document({"tables": [data]}, text)


def _inside(item: dict[str, Any], location: str | None) -> dict[str, Any]:
    """An item with its path told from the table's folder on."""
    path = item.get("path")
    return {**item, "path": path.removeprefix(location).lstrip("/")} if location and isinstance(path, str) else item


def _figure(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _lines(value: dict[str, Any] | list[Any]) -> Iterable[str]:
    if isinstance(value, dict):
        return [f"{key} = {item}" for key, item in value.items()]
    return [str(item) for item in value]


def new_project(directory: Path, files: Sequence[Path]) -> Document:
    """What `init` wrote, and the commands that come next."""
    root = directory.absolute()
    names = [path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path) for path in files]
    contracts = any(name.startswith("ingestion/") and name.endswith(".yml") for name in names)

    def text(console: Console) -> None:
        console.print(f"Started a project in [bold]{display_path(directory)}[/]:")
        folders: dict[str, int] = {}
        for name in names:
            folders[name.split("/")[0]] = folders.get(name.split("/")[0], 0) + 1
        for name, count in sorted(folders.items()):
            console.print(
                f"  {name}" + (f"/  ({counted(count, 'file')})" if name not in names else ""),
                markup=False,
            )
        console.print("\n[bold]Next[/]")
        steps = [
            f"cd {display_path(directory)}",
            "headgate run" if contracts else "headgate sources add PATH/TO/FILE.csv",
        ]
        for step in [*steps, "headgate tables" if contracts else "headgate run"]:
            console.print(f"  {step}", style="cyan", markup=False)

    return Document({"project": str(directory), "files": names}, text)


def inferred(sources: Iterable[Any]) -> Document:
    """Contracts that were written, and what was unsure about them."""
    found = [plain(source) for source in sources]

    def text(console: Console) -> None:
        for source in found:
            console.print(f"[green]✓[/] [bold]{source['name']}[/]  {source['path']}")
            for note in source["notes"]:
                console.print("  [yellow]?[/] ", end="")
                console.print(str(note), markup=False)
        console.print("\nRead the contracts, correct what is wrong, then:")
        console.print("  headgate run", style="cyan")

    return Document({"sources": found}, text)
