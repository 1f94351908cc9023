"""What a table or view says about itself, read from its metadata file."""

from __future__ import annotations

from headgate.catalog.metadata import current_snapshot, read_metadata
from headgate.catalog.storage import Storage

# As `catalog.iceberg.contents` writes it.
_ENGINE, _HEADGATE = "engine-name", "headgate"


def table_properties(metadata_location: str, storage: Storage) -> dict[str, str]:
    """The properties of a table or view.

    Raises:
        StorageError: The file cannot be read.
    """
    return dict(read_metadata(metadata_location, storage).get("properties") or {})


def changed_elsewhere(metadata_location: str, storage: Storage) -> bool:
    """Whether the rows of a table are not as headgate left them: another engine wrote last, or went back in time.

    Raises:
        StorageError: The file cannot be read.
    """
    metadata = read_metadata(metadata_location, storage)
    snapshot = current_snapshot(metadata)
    if snapshot is None:
        return bool(metadata.get("snapshots"))
    ours = (snapshot.get("summary") or {}).get(_ENGINE) == _HEADGATE
    return not ours or snapshot.get("sequence-number") != metadata.get("last-sequence-number")
