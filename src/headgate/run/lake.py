"""What every operation on a project works with, made once and passed down."""

from __future__ import annotations

from dataclasses import dataclass, replace

from headgate.catalog.interface import Catalog
from headgate.catalog.loader import open_catalog
from headgate.catalog.model import RefKind
from headgate.catalog.storage import Storage
from headgate.database import Database
from headgate.errors import UsageError
from headgate.project import Project
from headgate.quality.gate import Gate
from headgate.run.history import RunHistory
from headgate.run.tokens import Tokens


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
