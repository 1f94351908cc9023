"""A project: a folder with `headgate.yml`, and where its parts lie."""

from __future__ import annotations

import getpass
import glob
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from headgate.errors import ProjectError

if TYPE_CHECKING:
    from headgate.config import EngineSettings, Settings, StorageSettings

FILE = "headgate.yml"
STATE = ".headgate"
SCHEMAS = "schemas"
_SQLITE = "sqlite:///"
# Where AWS's own tools look for what the settings leave open, the first that is set.
_AWS = {
    "endpoint": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
    "region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    "access_key": ("AWS_ACCESS_KEY_ID",),
    "secret_key": ("AWS_SECRET_ACCESS_KEY",),
    "session_token": ("AWS_SESSION_TOKEN",),
}


@dataclass(frozen=True)
class Project:
    """An opened project; nothing is written by opening it.

    Attributes:
        root: Absolute path of the folder.
        settings: What `headgate.yml` says, with the profile laid over it.
        profile: Name of the profile that holds, or None.
        environment: Variables for `${NAME}`: those of the process, and of `.env` where the process has none.
        hidden: Values of `headgate.yml` that came from there, which no message may show, with what it shows instead.
        asked: The profile that was asked for by name; None where settings or environment chose.
        opened: When its settings began to be read, in nanoseconds since 1970.
    """

    root: Path
    settings: Settings
    profile: str | None = None
    environment: dict[str, str] = field(default_factory=dict, repr=False)
    hidden: Mapping[str, str] = field(default_factory=dict, repr=False)
    asked: str | None = None
    opened: int = field(default_factory=time.time_ns, compare=False)

    @classmethod
    def open(cls, path: str | os.PathLike[str] | None = None, profile: str | None = None) -> Project:
        """Open the project in `path`, or, when that is None, in this folder or the closest one above.

        Raises:
            ProjectError: There is none, its `headgate.yml` does not validate, or tables cannot lie where they are to.
        """
        # YAML and pydantic are a tenth of a second that `import headgate` and `headgate --help` need not take.
        from headgate.config import load_settings

        opened, root = time.time_ns(), root_of(path)
        environment = environment_of(root)
        loaded = load_settings(root / FILE, environment, profile or environment.get("HEADGATE_PROFILE"))
        project = cls(root, loaded.settings, loaded.profile, environment, loaded.hidden, profile, opened)
        check_warehouse(project.warehouse)
        return project

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def state_dir(self) -> Path:
        """What headgate keeps for itself, such as the state database and the cache of dbt's parser."""
        return self.root / STATE

    @property
    def warehouse(self) -> str:
        """Absolute path or URI below which tables lie."""
        storage = self.settings.storage.url.removeprefix("file://")
        return storage.rstrip("/") if "://" in storage else str(self.path(storage))

    @property
    def storage(self) -> StorageSettings:
        """How the warehouse is reached: what is not set is taken from the environment."""
        found = {
            name: value
            for name, variables in _AWS.items()
            if getattr(self.settings.storage, name) is None
            and (value := next((self.environment[each] for each in variables if self.environment.get(each)), None))
        }
        return self.settings.storage.model_copy(update=found)

    @property
    def catalog_url(self) -> str:
        """URL of the catalog, with an absolute path when it is a file."""
        return self._database_url(self.settings.catalog.url)

    @property
    def state_url(self) -> str:
        """URL of the state database: the catalog's own where the catalog is a database."""
        catalog = self.catalog_url
        own = catalog.startswith(("sqlite:", "sqlite+", "postgresql:", "postgresql+"))
        return self._database_url(self.settings.state or (catalog if own else f"{_SQLITE}{STATE}/state.db"))

    @property
    def protect(self) -> bool:
        """Whether `main` is closed to what other engines write."""
        return self.settings.catalog.protect

    def _database_url(self, url: str) -> str:
        if url.startswith(_SQLITE) and url != _SQLITE:
            return _SQLITE + str(self.path(url.removeprefix(_SQLITE)))
        return url

    @property
    def temp_directory(self) -> Path:
        """Where the engine spills what does not fit into memory."""
        return self.path(self.settings.engine.temp_directory)

    @property
    def engine(self) -> EngineSettings:
        """Limits of the engine, with its temporary folder as an absolute path."""
        return self.settings.engine.model_copy(update={"temp_directory": str(self.temp_directory)})

    @property
    def author(self) -> str:
        """Who commits."""
        return self.settings.author or self.environment.get("HEADGATE_AUTHOR") or _user()

    def contract_files(self) -> list[Path]:
        """The files `ingestion/*.yml`, by name."""
        return contract_files(self.root)

    def check_files(self) -> list[Path]:
        """The files `checks/*.yml`, by name."""
        return _yaml_files(self.root / "checks")

    def path(self, relative: str | os.PathLike[str]) -> Path:
        """A path of the project, absolute and normalised; an absolute path stays itself."""
        return path_below(self.root, relative)

    def is_pattern(self, path: Path) -> bool:
        """Whether an absolute path stands for the files that match it; what the project's folder is called does not."""
        return glob.has_magic(str(path.relative_to(self.root) if path.is_relative_to(self.root) else path))

    def matches(self, pattern: Path) -> Iterator[Path]:
        """What matches an absolute pattern, as `glob` has it, in no order."""
        text = str(pattern)
        if pattern.is_relative_to(self.root):
            text = os.path.join(glob.escape(str(self.root)), pattern.relative_to(self.root))  # noqa: PTH118  # a pattern
        return map(Path, glob.iglob(text, recursive=True))  # noqa: PTH207  # it is absolute

    def relative(self, path: str | os.PathLike[str]) -> str:
        """A path as it is recorded and shown: relative to the project when it lies there, with `/`."""
        absolute = self.path(path)
        return absolute.relative_to(self.root).as_posix() if absolute.is_relative_to(self.root) else str(absolute)

    def make_state_dir(self) -> Path:
        """Create the state folder, and keep git out of it."""
        self.state_dir.mkdir(parents=True, exist_ok=True)
        ignore = self.state_dir / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
        return self.state_dir


def check_warehouse(location: str) -> None:
    """Raise a ProjectError where DuckDB can read no table: it takes a path with a double quote for a quoted name."""
    if '"' in location:
        raise ProjectError(
            "The place of the tables has a double quote in its path, and DuckDB cannot read tables there.",
            place=location,
            hint="Rename the folder, or let `storage` in headgate.yml name another.",
        )


def path_below(root: Path, relative: str | os.PathLike[str]) -> Path:
    """A path of the project in `root`, absolute and normalised; an absolute path stays itself."""
    return Path(os.path.normpath(root / Path(relative).expanduser()))


def environment_of(root: Path) -> dict[str, str]:
    """Variables for `${NAME}`: those of the process, and of `.env` where the process has none.

    Raises:
        ProjectError: A line of `.env` sets none.
    """
    from headgate.yaml import read_dotenv

    return {**read_dotenv(root / ".env"), **os.environ}


def contract_files(root: Path) -> list[Path]:
    """The files `ingestion/*.yml` of the project in `root`, by name."""
    return _yaml_files(root / "ingestion")


def _yaml_files(folder: Path) -> list[Path]:
    found = (path for path in folder.glob("*") if path.suffix in (".yml", ".yaml"))
    return sorted(path for path in found if path.is_file() and not path.name.startswith("."))


def schema_comment(kind: str, *, depth: int = 0) -> str:
    """The first line of a YAML file, by which editors find its JSON Schema.

    Args:
        kind: `headgate`, `source` or `checks`.
        depth: How many folders below the project's the file lies.
    """
    return f"# yaml-language-server: $schema={'../' * depth}{SCHEMAS}/{kind}.schema.json\n"


def root_of(path: str | os.PathLike[str] | None = None) -> Path:
    """The folder of the project in `path`, or, when that is None, of the one in this folder or the closest above.

    Raises:
        ProjectError: There is none.
    """
    return find_root(Path.cwd()) if path is None else _root_at(Path(path))


def find_root(start: Path) -> Path:
    """The closest folder, `start` or above, that has a `headgate.yml`.

    Raises:
        ProjectError: None has.
    """
    start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder
    raise ProjectError(
        f"There is no {FILE} in this folder or above.",
        place=str(start),
        hint="Go to a project, name one with --project DIR, or start one with: headgate init DIR",
    )


def _root_at(path: Path) -> Path:
    path = path.expanduser()
    if path.name == FILE and path.is_file():
        path = path.parent
    root = Path(os.path.normpath(path.absolute()))
    if (root / FILE).is_file():
        return root
    from headgate.yaml import display_path

    what = f"The folder has no {FILE}." if root.is_dir() else "There is no such folder."
    raise ProjectError(
        what, place=display_path(root), hint=f"Start a project there with: headgate init {display_path(path)}"
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a user id without a name
        return "unknown"
