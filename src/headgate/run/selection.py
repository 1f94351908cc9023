"""What a run is about."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Selection:
    """All of the project, unless something is named.

    Attributes:
        select: dbt's selection syntax; the name of a source (a file in `ingestion/`) stands for its loads.
        exclude: As `select`, taken away.
        full_refresh: Whether incremental models start anew.
    """

    select: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    full_refresh: bool = False

    @property
    def everything(self) -> bool:
        return not (self.select or self.exclude)

    @property
    def reloads(self) -> bool:
        """Whether files that were loaded are read again: those of sources that are named."""
        return self.full_refresh and not self.everything

    def __str__(self) -> str:
        parts = [*self.select, *(f"-{name}" for name in self.exclude)]
        return " ".join([*parts, *(["--full-refresh"] if self.full_refresh else [])])
