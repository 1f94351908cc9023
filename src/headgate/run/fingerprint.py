"""Whether anything changed at all, told without the engine, dbt or PyIceberg.

The fingerprint of a project covers every file that defines it, the settings in force, the environment variables
that its dbt files read, and the bytes of every source file. A run on a fingerprint that an earlier run
settled, with `main` where that run left it, has nothing to do.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from headgate.project import Project
from headgate.version import __version__

# Folders of a project that hold no definitions: what runs produce, and what tools leave behind; but `models/data` does.
_SKIPPED = {"target", "logs", "data", "node_modules", "venv"}
# dbt and headgate read definitions from these; anything else beside them is data or somebody's notes.
_DEFINITIONS = {".yml", ".yaml", ".sql", ".py", ".md", ".env"}
# Who is let in does not change what a run makes.
_CREDENTIALS = {"access_key", "secret_key", "session_token"}
_ENV_VAR = re.compile(rb"""env_var\(\s*['"](\w+)['"]""")


def project_fingerprint(project: Project, source_files: Iterable[tuple[str, str, str]], selection: str) -> str:
    """The identity of everything a run depends on but the lake itself.

    Args:
        project: The project as opened, profile and environment applied.
        source_files: Source, path and SHA-256 of every file that the contracts name.
        selection: The run's selection, as text.
    """
    digest = hashlib.sha256()
    digest.update(__version__.encode())
    digest.update(project.settings.model_dump_json(exclude={"storage": _CREDENTIALS}).encode())
    digest.update(selection.encode())
    variables: set[str] = set()
    for path in definition_files(project.root):
        relative = path.relative_to(project.root)
        if path.suffix == ".csv":
            # A seed can be large: who touched it without changing it pays with one full plan.
            stat = path.stat()
            digest.update(f"{relative}\0{stat.st_size}\0{stat.st_mtime_ns}\0{stat.st_ino}\n".encode())
            continue
        content = path.read_bytes()
        variables.update(name.decode() for name in _ENV_VAR.findall(content))
        digest.update(f"{relative}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    digest.update(json.dumps({name: os.environ.get(name) for name in sorted(variables)}).encode())
    digest.update(json.dumps(sorted(source_files)).encode())
    return digest.hexdigest()


def definition_files(root: Path) -> list[Path]:
    """Every file of the project that can change what a run does, in order."""
    return sorted(definition_tree(root)[0])


def definition_tree(root: Path) -> tuple[list[Path], list[Path]]:
    """Those files, and the folders in which they lie or another would count, in no order."""
    files: list[Path] = []
    folders = [root]
    for folder in folders:
        for entry in os.scandir(folder):
            if entry.name.startswith(".") and entry.name != ".env":
                continue
            if entry.is_dir():
                inside = Path(entry.path)
                if entry.name != "__pycache__" and not (inside.parent == root and entry.name in _SKIPPED):
                    folders.append(inside)
            elif entry.name == ".env" or Path(entry.name).suffix in _DEFINITIONS | {".csv"}:
                files.append(Path(entry.path))
    return files, folders
