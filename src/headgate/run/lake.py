"""What every operation on a project works with, made once and passed down."""

from __future__ import annotations

from dataclasses import dataclass, replace

from headgate.catalog.interface import MAIN, Catalog
from headgate.catalog.loader import open_catalog
from headgate.catalog.locations import to_uri
from headgate.catalog.model import RefKind
from headgate.catalog.storage import Storage
from headgate.database import Database
from headgate.errors import ProjectError, UsageError
from headgate.project import Project
from headgate.quality.gate import Gate
from headgate.run.history import RunHistory
from headgate.run.tokens import Tokens
from headgate.types import Name

_LEDGER = Name.of("headgate", "loads")


@dataclass(frozen=True)
class Lake:
    """An open project: its folder, its state database, its catalog, its files."""

    project: Project
    db: Database
    catalog: Catalog
    storage: Storage

    @classmethod
    def open(cls, project: Project) -> Lake:
        project.make_state_dir()
        db = Database.open(project.state_url)
        storage = Storage.open(project.warehouse, project.storage)
        return cls(project, db, open_catalog(project.catalog_url, db, storage), storage)

    @property
    def history(self) -> RunHistory:
        return RunHistory(self.db, self.project.state_dir / "runs")

    @property
    def gate(self) -> Gate:
        return Gate(self.db)

    @property
    def tokens(self) -> Tokens:
        return Tokens(self.db)

    def acting_as(self, author: str) -> Lake:
        """The same lake, in which whatever is done is done by this author."""
        settings = self.project.settings.model_copy(update={"author": author})
        return replace(self, project=replace(self.project, settings=settings))

    def check_storage(self) -> None:
        """Refuse to go on where `main` holds tables of another warehouse than the one that `storage` names.

        Raises:
            ProjectError: It does: a profile has another storage and the same catalog.
        """
        loads = self.catalog.state(MAIN).get(_LEDGER)
        if loads is None or to_uri(loads.metadata_location).startswith(f"{to_uri(self.storage.warehouse)}/"):
            return
        found = loads.metadata_location.partition("/headgate/loads-")[0]
        raise ProjectError(
            f"The tables of this catalog lie in '{found}', and `storage` says '{self.storage.warehouse}'",
            place="headgate.yml",
            hint="A storage needs commits of its own: set `catalog:` beside `storage:` in the profile, such as"
            " `catalog: sqlite:///.headgate/s3.db`, and run; or set `storage:` back. A project that was copied or"
            " moved needs the path that it had, or a symbolic link there (docs/how-to/backup.md)",
        )

    def delete_ref(self, name: str, kind: RefKind) -> None:
        """Delete a branch or a tag, if it is what the caller takes it for."""
        found = self.catalog.ref(name)
        if found.kind is not kind:
            raise UsageError(
                f"'{name}' is a {found.kind.value}, not a {kind.value}.",
                hint=f"headgate {found.kind.value} delete {name}",
            )
        self.catalog.delete_ref(name, expected=found.commit_id)

    def close(self) -> None:
        self.catalog.close()
        self.db.close()
