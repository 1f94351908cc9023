"""Starting a project: an empty one, or a copy of an example."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from headgate import schemas
from headgate.errors import AlreadyExists, NotFound, StorageError, did_you_mean
from headgate.project import FILE, check_warehouse, schema_comment
from headgate.yaml import display_path

_SETTINGS = """\
name: {name}

# Tables lie in .headgate/warehouse, commits and runs in .headgate/state.db. To change that:
# storage: /srv/lake/warehouse
# catalog: sqlite:////srv/lake/state.db

# engine:
#   memory_limit: 4GB
#   threads: 4
"""
_IGNORE = """\
.headgate/
.env
target/
dbt_packages/
logs/
"""
_README = """\
# {name}

A lakehouse made with headgate.

| folder | what stands there |
|---|---|
| `ingestion/` | one source and its contract per file; `headgate sources add FILE` writes a first one |
| `models/staging/` | dbt models that clean a source: schema `silver` |
| `models/marts/` | dbt models that answer questions: schema `gold` |
| `checks/` | tables that have to agree |
| `schemas/` | JSON Schemas, by which editors complete and check these files |

    headgate plan
    headgate run
    headgate tables
"""
_FOLDERS = ("ingestion", "models/staging", "models/marts", "checks", "data")
# What a run leaves in an example's folder.
_LEFT_BEHIND = (".headgate", "target", "dbt_packages", "logs", "__pycache__", ".user.yml")


def create(directory: Path, example: str | None = None) -> list[Path]:
    """Start a project in a folder, which may exist; a file that stands there is kept as it is.

    Args:
        directory: The folder.
        example: Name of an example to copy, or None for an empty project.

    Returns:
        The files that were written, absolute.

    Raises:
        AlreadyExists: There is a project in the folder already.
        NotFound: There is no such example.
        ProjectError: No tables can lie in the folder.
        StorageError: The folder cannot be written.
    """
    root = directory.expanduser().absolute()
    if (root / FILE).exists():
        raise AlreadyExists(
            f"There is a project in {display_path(root)} already.",
            place=display_path(root / FILE),
            hint="Use it with --project, or choose another folder.",
        )
    check_warehouse(str(root))
    source = None if example is None else _example(example)
    try:
        root.mkdir(parents=True, exist_ok=True)
        written = _empty(root) if source is None else _copy(source, root)
        return list(dict.fromkeys([*written, *schemas.write(root)]))
    except OSError as error:
        raise StorageError(
            f"The project cannot be written: {error.strerror}.",
            place=display_path(root),
            hint="Choose a folder that you may write.",
        ) from error


def examples() -> dict[str, Path]:
    """The examples by name: those of the installed package, or of the repository it is worked on in."""
    here = Path(__file__).parent
    for folder in (here / "examples", here.parents[1] / "examples"):
        if folder.is_dir():
            return {path.name: path for path in sorted(folder.iterdir()) if (path / FILE).is_file()}
    return {}


def _example(name: str) -> Path:
    found = examples()
    if name not in found:
        raise NotFound(f"There is no example '{name}'.", hint=did_you_mean(name, found) or "This package has none.")
    return found[name]


def _empty(root: Path) -> list[Path]:
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", root.name).strip("_-") or "lake"
    name = name if name[0].isalpha() else f"lake_{name}"
    texts = {
        FILE: schema_comment("headgate") + _SETTINGS.format(name=name),
        ".gitignore": _IGNORE,
        "README.md": _README.format(name=name),
        **{f"{folder}/.gitkeep": "" for folder in _FOLDERS},
    }
    written = []
    for relative, text in texts.items():
        path = root / relative
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            written.append(path)
    return written


def _copy(source: Path, root: Path) -> list[Path]:
    written = []
    for path in sorted(source.rglob("*")):
        relative = path.relative_to(source)
        if path.is_dir() or any(part in _LEFT_BEHIND for part in relative.parts):
            continue
        target = root / relative
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            written.append(target)
    return written
