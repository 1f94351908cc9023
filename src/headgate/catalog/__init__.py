"""Git for tables: commits, refs and merges over Iceberg metadata."""

from headgate.catalog.interface import MAIN, Catalog, Changes, State
from headgate.catalog.loader import open_catalog
from headgate.catalog.model import (
    Change,
    Clash,
    Commit,
    Diff,
    MergeResult,
    Operation,
    Problem,
    Ref,
    RefKind,
    Rejoin,
)

__all__ = [
    "MAIN",
    "Catalog",
    "Change",
    "Changes",
    "Clash",
    "Commit",
    "Diff",
    "MergeResult",
    "Operation",
    "Problem",
    "Ref",
    "RefKind",
    "Rejoin",
    "State",
    "open_catalog",
]
