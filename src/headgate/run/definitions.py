"""The files that define a project, wherever they lie, and the variables of the environment that they read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from headgate.ingest.digests import Stamp, stamp
from headgate.transform.definition import FILE as DBT_PROJECT
from headgate.yaml import SAFE_LOADER

# Folders of a project that hold no definitions, unless dbt is told so: what runs produce, and what tools leave behind.
_SKIPPED = {"target", "logs", "data", "node_modules", "venv"}
# dbt and headgate read definitions from these; anything else beside them is data or somebody's notes.
_DEFINITIONS = {".yml", ".yaml", ".sql", ".py", ".md", ".csv"}
_DOTTED = {".env", ".dbtignore"}


# Where dbt looks, by the key that says otherwise; a key of today's after the name that it had.
_DBT_FOLDERS = {
    "source-paths": (),
    "model-paths": ("models",),
    "data-paths": (),
    "seed-paths": ("seeds",),
    "macro-paths": ("macros",),
    "snapshot-paths": ("snapshots",),
    "test-paths": ("tests",),
    "analysis-paths": ("analyses",),
    "docs-paths": (),
    "asset-paths": (),
    "function-paths": ("functions",),
}
_PACKAGES = "packages-install-path"

# A name that is written out; where it is computed, or the function itself is handed on, the second group is empty.
_ENV_VAR = re.compile(rb"""\b(?:env_var|environ|getenv)\b(?:\s*\(\s*(?:var\s*=\s*)?(['"])(\w+)\1\s*[,)])?""")
_INTERPOLATED = re.compile(rb"\$\{(\w+)")


def definition_tree(root: Path) -> tuple[list[Path], list[Path]] | None:
    """Every file that can change what a run does, and the folders in which they lie or another would count.

    Args:
        root: The project's folder.

    Returns:
        Both in no order; None where `dbt_project.yml` computes a path.
    """
    found = _dbt_paths(root)
    if found is None:
        return None
    dbt_folders, packages = found
    files: list[Path] = []
    folders: list[Path] = []
    # Whether a folder was looked into as dbt does; by identity, because links can lead around in a circle.
    seen: dict[tuple[int, int], bool] = {}
    waiting = [(folder, True) for folder in dbt_folders] + [(folder, False) for folder in (*packages, root)]
    for folder, of_dbt in waiting:
        if not folder.is_dir():
            folders.append(_nearest(folder))
            continue
        status = os.stat(folder)  # noqa: PTH116  # of thousands of folders, `Path` would take longer
        identity = (status.st_dev, status.st_ino)
        if identity in seen and (seen[identity] or not of_dbt):
            continue
        seen[identity] = of_dbt
        folders.append(folder)
        for entry in os.scandir(folder):
            if _is_folder(entry):
                if _is_looked_into(entry.name, folder == root, of_dbt):
                    waiting.append((Path(entry.path), of_dbt and folder != root))
            elif entry.name in _DOTTED or (not entry.name.startswith(".") and _is_definition(entry.name)):
                files.append(Path(entry.path))
    return files, folders


Stamps = Mapping[Path, Stamp | None]
"""The stamps of files and folders; None for one that went since it was listed, or leads nowhere."""


def definition_stamps(root: Path) -> Stamps | None:
    """What changes with every definition that is written to, comes or goes, also when what was there comes back.

    The time at which a file's entry changed cannot be set, so what was restored is not as it was.

    Args:
        root: The project's folder.

    Returns:
        Those of what `definition_tree` names, or None where that is none.
    """
    tree = definition_tree(root)
    return None if tree is None else {path: _stamp(path) for group in tree for path in group}


def _stamp(path: Path) -> Stamp | None:
    try:
        return stamp(path)
    except OSError:
        return None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _is_looked_into(name: str, at_root: bool, of_dbt: bool) -> bool:
    if name == "__pycache__":
        return False
    # dbt passes over no folder below those that it is told of.
    return (of_dbt and not at_root) or not (name.startswith(".") or (at_root and name in _SKIPPED))


def _is_definition(name: str) -> bool:
    # dbt takes `a.SQL` for a model.
    return os.path.splitext(name)[1].lower() in _DEFINITIONS  # noqa: PTH122  # a path for each name would take longer


def _nearest(folder: Path) -> Path:
    """The closest folder above one that is not there: it changes when that comes."""
    while not folder.is_dir():
        folder = folder.parent
    return folder


def _dbt_paths(root: Path) -> tuple[list[Path], list[Path]] | None:
    """The folders that dbt reads, and those of its packages where they are not at the usual place."""
    try:
        data = yaml.load((root / DBT_PROJECT).read_bytes(), SAFE_LOADER)  # noqa: S506  # it is a safe one
    except (OSError, ValueError, yaml.YAMLError):
        data = None  # there is none, or dbt is going to say what is wrong with it
    said = data if isinstance(data, dict) else {}
    named = [text for key, usual in _DBT_FOLDERS.items() for text in _texts(said.get(key), usual)]
    packages = list(_texts(said.get(_PACKAGES), ()))
    if any("{{" in text or "{%" in text for text in (*named, *packages)):
        return None
    return [_below(root, text) for text in named], [_below(root, text) for text in packages]


def _texts(value: object, usual: tuple[str, ...]) -> Iterator[str]:
    listed = usual if value is None else value if isinstance(value, list) else (value,)
    yield from (text for text in listed if isinstance(text, str))


def _below(root: Path, text: str) -> Path:
    return Path(os.path.normpath(root / text))


def variables_of(file: Path, content: bytes) -> tuple[set[str], bool]:
    """The variables of the environment that a file names, and whether it may read others as well.

    Args:
        file: Its name tells what reads it.
        content: Its bytes.
    """
    asked = [name.decode() for _, name in _ENV_VAR.findall(content)]
    names = {name for name in asked if name}
    if file.suffix.lower() in (".yml", ".yaml"):
        names.update(name.decode() for name in _INTERPOLATED.findall(content))
    # dbt renders nothing in Markdown.
    return names, "" in asked and file.suffix.lower() != ".md"
