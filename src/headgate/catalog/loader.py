"""From a catalog's URL to the catalog: one row per back end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from headgate.catalog.interface import Catalog
from headgate.errors import ProjectError, did_you_mean

if TYPE_CHECKING:
    from headgate.catalog.storage import Storage
    from headgate.database import Database


def _embedded(url: str, db: Database | None, storage: Storage | None) -> Catalog:
    from headgate.catalog.embedded import EmbeddedCatalog
    from headgate.database import Database

    return EmbeddedCatalog(db or Database.open(url))


def _nessie(url: str, db: Database | None, storage: Storage | None) -> Catalog:
    from headgate.catalog.nessie import open_nessie

    if db is None:
        raise ProjectError(
            "A catalog in Nessie needs a state database for what Nessie does not keep",
            hint="Open it with open_catalog(url, Database.open('sqlite:///.headgate/state.db'))",
        )
    return open_nessie(url, db, storage)


_LOADERS: dict[str, Callable[[str, Database | None, Storage | None], Catalog]] = {
    "sqlite": _embedded,
    "postgresql": _embedded,
    "nessie": _nessie,
}


def open_catalog(url: str, db: Database | None = None, storage: Storage | None = None) -> Catalog:
    """The catalog at a URL such as `sqlite:///.headgate/state.db`, made on first use.

    Args:
        url: Where it is; the scheme chooses the back end.
        db: The open state database, for a catalog that lives in it to share, or that keeps something beside it there.
        storage: The lake's files, for a catalog that tells other clients what is in the metadata.

    Raises:
        ProjectError: No back end has this scheme.
        StorageError: It does not answer.
    """
    scheme = url.partition("://")[0].partition("+")[0]
    loader = _LOADERS.get(scheme)
    if loader is None:
        raise ProjectError(
            f"No catalog has the scheme '{scheme}'",
            hint=did_you_mean(scheme, _LOADERS),
            data={"schemes": sorted(_LOADERS)},
        )
    return loader(url, db, storage)
