"""What a run needs, and what processes of their own begin before the project is open."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from headgate.ingest.ahead import Hashing, hash_ahead
from headgate.transform.ahead import Parsing, parse_ahead


@dataclass(frozen=True)
class Ahead:
    """What was begun; None where nothing was.

    Attributes:
        files: Large new files of sources that are being hashed.
        models: The dbt side of the project that is being parsed.
    """

    files: Hashing | None = None
    models: Parsing | None = None

    def close(self) -> None:
        """End what nobody waited for."""
        for begun in (self.files, self.models):
            if begun is not None:
                begun.close()


def begin(root: Path) -> Ahead:
    """Begin what pays for the project in a folder; what is wrong there is for whoever opens it to tell."""
    return Ahead(hash_ahead(root), parse_ahead(root))
