"""Parsing a dbt project into its manifest, with a cache that processes may share.

The cache holds parsed manifests named by what went into them (files by path, size and times; project file; variables),
so that a reader finds either the one it wants or none, and whoever writes never changes a file in place.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dbt.adapters.factory import get_adapter
from dbt.cli.types import Command
from dbt.constants import DEFAULT_ENV_PLACEHOLDER
from dbt.contracts.files import FileHash
from dbt.contracts.graph.manifest import Manifest, ManifestStateCheck
from dbt.exceptions import TargetNotFoundError
from dbt.parser.hooks import HookParser
from dbt.parser.manifest import (
    ManifestLoader,
    _check_manifest,
    extended_mashumaro_encoder,
    extended_mashumuro_decoder,
)
from dbt.version import __version__ as dbt_version

from headgate.scratch import is_alive, write_atomically
from headgate.transform.definition import Definition
from headgate.transform.failures import missing_input, origin_of
from headgate.transform.mentions import link_named_tables
from headgate.transform.runtime import Invocation, dbt_invocation
from headgate.version import __version__

_KEPT = 8
"""Manifests in the cache; more than the states that one switches between (branches of git, profiles)."""

_WARNED = "-warned"
"""Ends the name of a manifest at whose parsing dbt warned.

It is what was asked for, and nothing to go on from: dbt's partial parse forgets the tests of a model that is not there.
"""

# The tag with which something is defined that another project's, or dbt's, of that name makes way for.
_DEFINES = re.compile(r"\{%[-+]?\s*((?:macro|test|data_test|materialization)\s+[^(%]+)")

_DEFINITIONS = (".sql", ".yml", ".yaml", ".py", ".md", ".csv", ".dbtignore")


def pack_manifest(manifest: Manifest) -> bytes:
    """A manifest as it is read fastest, without indexes that dbt makes when it needs them.

    dbt's own way of pickling takes some of these for fields of another name.
    """
    names = [each.name for each in fields(manifest) if not each.name.startswith("_")]
    return pickle.dumps({name: getattr(manifest, name) for name in names})


def read_manifest(packed: bytes) -> Manifest:
    """A manifest of one's own; dbt changes the one that it works with.

    Args:
        packed: Of `pack_manifest`.
    """
    manifest = Manifest(**pickle.loads(packed))  # noqa: S301  # of this process, or of the one that parsed for it
    manifest.build_flat_graph()
    manifest.build_parent_and_child_maps()
    return manifest


@contextmanager
def scratch_folder(definition: Definition) -> Iterator[Path]:
    """A folder below `.headgate` for what dbt writes during one invocation."""
    parent = definition.folder / "tmp"
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.iterdir():
        process = left.name.partition("-")[0]
        if not process.isdigit() or not is_alive(int(process)):
            shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(dir=parent, prefix=f"{os.getpid()}-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@dataclass(frozen=True)
class Parsed:
    """A manifest, with what it does not hold.

    Attributes:
        manifest: To look at, see `pack_manifest`.
        variables: Of `dbt_project.yml` and `headgate.yml`, those of packages below the package's name.
        warnings: What dbt had to say; empty when nothing was parsed.
    """

    manifest: Manifest
    variables: dict[str, Any]
    warnings: tuple[str, ...]


def parse(definition: Definition) -> Parsed:
    """Read the manifest of a project, parsing only what changed since the last time.

    Raises:
        ModelError: A model reads what there is not.
        DbtBaseException: dbt's own, see `failures.as_model_error`.
    """
    with (
        scratch_folder(definition) as scratch,
        dbt_invocation(definition, scratch, command=Command.PARSE) as invocation,
    ):
        # dbt's versions cannot read each other's manifests.
        folder = definition.folder / "manifests" / dbt_version
        cached = folder / _fingerprint(definition, invocation)
        warned = cached.with_name(cached.name + _WARNED)
        variables = {**invocation.config.vars.to_dict(), **definition.vars}
        cached = warned if warned.exists() else cached
        content = _read(cached)
        manifest = _decoded(content) if content is not None else None
        if manifest is not None and _environment_holds(manifest, definition):
            os.utime(cached)
            return Parsed(manifest, variables, ())
        content = _Loader(definition, invocation, latest=_latest(folder)).parse()
        cached = warned if invocation.warnings else cached
        write_atomically(cached, hashlib.sha256(content).digest() + content)
        for old in _by_age(folder)[_KEPT:]:
            old.unlink(missing_ok=True)
        return Parsed(_decoded(content), variables, tuple(map(definition.masked, invocation.warnings)))


def _decoded(content: bytes) -> Manifest:
    """What is in a file of the cache, in dbt's own format."""
    manifest = Manifest.from_msgpack(content, decoder=extended_mashumuro_decoder)
    link_named_tables(manifest)
    return manifest


class _Loader(ManifestLoader):
    """dbt's parser, with its state in memory and a project file that may lie elsewhere than the project."""

    def __init__(self, definition: Definition, invocation: Invocation, latest: bytes | None) -> None:
        self._definition = definition
        self._latest = latest
        self._content = latest
        self._adapter = get_adapter(invocation.config)
        super().__init__(
            invocation.config,
            invocation.config.load_dependencies(),
            macro_hook=self._adapter.connections.set_query_header,
        )

    def parse(self) -> bytes:
        try:
            manifest = self.load()
        except TargetNotFoundError as error:
            told = missing_input(error, self.manifest, self._definition)
            raise told from origin_of(error, self._definition)
        _check_manifest(manifest, self.root_project)
        assert self._content is not None  # written by load, or what load found unchanged
        return self._content

    def build_manifest_state_check(self) -> ManifestStateCheck:
        """What must be equal for a partial parse."""
        config = self.root_project
        files = {name: Path(project.project_root, "dbt_project.yml") for name, project in self.all_projects.items()}
        files[config.project_name] = self._definition.file
        # Unit tests hold rows of the seeds that they name, which dbt does not read again in a partial parse.
        seeds = [_stamp(path) for project in self.all_projects.values() for path in _seeds(project)]
        # Nor does it see that a macro which came takes the place of one of dbt's, or that one which went did.
        macros = [name for project in self.all_projects.values() for name in _macro_names(project)]
        variables = (
            f"{sorted(config.cli_vars.items(), key=str)}\0{config.target_name}\0{dbt_version}\0{seeds}\0{macros}"
        )
        return ManifestStateCheck(
            vars_hash=FileHash.from_contents(variables),
            profile_hash=FileHash.from_contents(config.credentials.schema),
            project_env_vars_hash=FileHash.from_contents(str(sorted(config.project_env_vars.items()))),
            project_hashes={name: FileHash.from_contents(path.read_text("utf-8")) for name, path in files.items()},
        )

    def parse_project(self, project: Any, parser_files: Any, parser_types: list[Any]) -> None:
        """Without hooks where the project has no file of its own: dbt would read them from it."""
        if project is self.root_project and self._definition.file.parent != self._definition.root:
            parser_types = [parser for parser in parser_types if parser is not HookParser]
        super().parse_project(project, parser_files, parser_types)

    def read_manifest_for_partial_parse(self) -> Manifest | None:
        if self._latest is None:
            return None
        saved = Manifest.from_msgpack(self._latest, decoder=extended_mashumuro_decoder)
        # dbt compares values: where one is another, its hash is as good as what it was.
        now = self._definition.environment
        for name, digest in saved.env_vars.items():
            if name in now and _digest(now[name]) == digest:
                saved.env_vars[name] = now[name]
        return saved if self.is_partial_parsable(saved)[0] else None

    def write_manifest_for_partial_parse(self) -> None:
        # The values of variables may be secrets, and are not to lie in the cache.
        values = self.manifest.env_vars
        self.manifest.env_vars = {name: _digest(value) for name, value in values.items()}
        self._content = self.manifest.to_msgpack(extended_mashumaro_encoder)
        self.manifest.env_vars = values

    def inject_external_nodes(self) -> bool:
        """None are: dbt would import every module on the path that is called `dbt_...` to ask it for nodes."""
        return False


def _fingerprint(definition: Definition, invocation: Invocation) -> str:
    config = invocation.config
    digest = hashlib.sha256()
    for part in (__version__, dbt_version, definition.target, repr(sorted(definition.vars.items(), key=str))):
        digest.update(part.encode() + b"\0")
    digest.update(repr(sorted(config.project_env_vars.items())).encode())
    digest.update(definition.file.read_bytes())
    for project in config.load_dependencies().values():
        folders = {*project.all_source_paths, *project.docs_paths, *project.test_paths, *project.asset_paths}
        # Includes dbt's and the adapters' macros, whose project file tells their version.
        digest.update(f"{project.project_name}\0{project.version}\0".encode())
        if project.project_name.startswith("dbt"):
            continue
        for folder in sorted(folders):
            for path in sorted(Path(project.project_root, folder).rglob("*")):
                if path.name.endswith(_DEFINITIONS):
                    digest.update(_stamp(path).encode())
    return digest.hexdigest()


def _seeds(project: Any) -> list[Path]:
    return _files(project, project.seed_paths, "*.csv")


def _macro_names(project: Any) -> list[str]:
    """What a project, dbt's own apart, says that it defines, by the tags: `macro unit`, `test unique`."""
    if project.project_name.startswith("dbt"):
        return []
    files = _files(project, (*project.macro_paths, *project.generic_test_paths), "*.sql")
    texts = (path.read_text("utf-8", errors="replace") for path in files)
    return sorted(" ".join(tag.split()) for text in texts for tag in _DEFINES.findall(text))


def _files(project: Any, folders: Iterable[str], pattern: str) -> list[Path]:
    return sorted(path for folder in folders for path in Path(project.project_root, folder).rglob(pattern))


def _stamp(path: Path) -> str:
    """What changes when somebody writes to a file."""
    stat = path.stat()
    return f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\0{stat.st_ctime_ns}\n"


def _environment_holds(manifest: Manifest, definition: Definition) -> bool:
    """Whether every variable that the files read has the value that it had."""
    now = definition.environment
    # A value is looked up, as dbt did, for the manifest may hold it and a message quote it.
    return all(
        (_digest(now[name]) if name in now else DEFAULT_ENV_PLACEHOLDER) == digest
        for name, digest in manifest.env_vars.items()
    )


def _digest(value: str) -> str:
    """What the cache keeps of a variable's value."""
    return value if value == DEFAULT_ENV_PLACEHOLDER else hashlib.sha256(value.encode()).hexdigest()


def _read(path: Path) -> bytes | None:
    """A manifest of the cache; None if it is not there or not whole."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    digest, encoded = content[:32], content[32:]
    return encoded if hashlib.sha256(encoded).digest() == digest else None


def _by_age(folder: Path) -> list[Path]:
    """The manifests of the cache, newest first; another process may be evicting at the same time."""
    ages = []
    for path in folder.glob("*"):
        try:
            ages.append((path.stat().st_mtime_ns, path))
        except FileNotFoundError:
            continue
    return [path for _, path in sorted(ages, reverse=True)]


def _latest(folder: Path) -> bytes | None:
    """The newest manifest that dbt may go on from."""
    found = (_read(path) for path in _by_age(folder) if not path.name.endswith(_WARNED))
    return next((content for content in found if content is not None), None)
