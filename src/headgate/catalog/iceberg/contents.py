"""What a snapshot holds: counted from its summary where that can be trusted, else from its manifests."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from pyiceberg.io import FileIO
from pyiceberg.manifest import DataFile, DataFileContent, ManifestContent, ManifestEntry, ManifestFile
from pyiceberg.table.snapshots import Snapshot

from headgate.catalog.iceberg.manifests import read_entries, read_list
from headgate.errors import CorruptHistory, HeadgateError

ENGINE = "engine-name"
"""Entry of a snapshot's summary that names who made it; Spark writes it too."""
HEADGATE = "headgate"

DATA_FILES, RECORDS, SIZE = "total-data-files", "total-records", "total-files-size"
DELETE_FILES, POSITIONS, EQUALITIES = "total-delete-files", "total-position-deletes", "total-equality-deletes"
# What PyIceberg's Avro reader, its compiled part and the decompressors raise on bytes that are no Avro.
_GARBAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RuntimeError,
    SystemError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)

TOTALS = (DATA_FILES, RECORDS, SIZE, DELETE_FILES, POSITIONS, EQUALITIES)


def live_manifests(io: FileIO, snapshot: Snapshot | None) -> list[ManifestFile]:
    """The manifests of a snapshot that hold files, for data and for deletes."""
    if snapshot is None:
        return []
    with avro_errors(snapshot.manifest_list):
        manifests = read_list(io, snapshot.manifest_list)
    return [manifest for manifest in manifests if manifest.has_added_files() or manifest.has_existing_files()]


def live_entries(
    io: FileIO, manifests: Sequence[ManifestFile], content: ManifestContent = ManifestContent.DATA
) -> Iterator[ManifestEntry]:
    """The entries of all data files that a snapshot holds, or of all its delete files."""
    for manifest in manifests:
        if manifest.content == content:
            yield from entries_of(io, manifest)


def entries_of(io: FileIO, manifest: ManifestFile) -> list[ManifestEntry]:
    """The entries of a manifest whose files are there.

    Raises:
        CorruptHistory: The file is no manifest.
    """
    with avro_errors(manifest.manifest_path):
        return read_entries(io, manifest)


@contextmanager
def avro_errors(location: str) -> Iterator[None]:
    """Turn what PyIceberg's reader says about a file that is not what it should be into `CorruptHistory`."""
    try:
        yield
    except HeadgateError:
        raise
    except _GARBAGE as error:
        raise CorruptHistory(
            f"'{location}' is not a manifest or manifest list of an Iceberg table: {type(error).__name__}.",
            place=location,
            hint="The engine that wrote the table left it damaged; go back to a commit before that.",
        ) from error


def summary_of(snapshot: Snapshot | None) -> dict[str, str]:
    """The entries of a snapshot's summary; empty where it has none."""
    return dict(snapshot.summary.additional_properties) if snapshot is not None and snapshot.summary else {}


def is_ours(snapshot: Snapshot) -> bool:
    """Whether headgate made the snapshot."""
    return summary_of(snapshot).get(ENGINE) == HEADGATE


def engine_of(snapshot: Snapshot) -> str:
    """Who made the snapshot, as far as its summary tells."""
    summary = summary_of(snapshot)
    return summary.get(ENGINE) or ("trino" if "trino_query_id" in summary else "another engine")


def live_rows(io: FileIO, snapshot: Snapshot | None) -> int | None:
    """The number of rows; None where delete files take rows away, so that only a scan can tell."""
    if snapshot is None:
        return 0
    totals = summary_of(snapshot)
    if is_ours(snapshot) and RECORDS in totals and DELETE_FILES in totals:
        return int(totals[RECORDS]) if totals[DELETE_FILES] == "0" else None
    rows = 0
    for manifest in live_manifests(io, snapshot):
        if manifest.content == ManifestContent.DELETES:
            return None
        counted = (manifest.added_rows_count, manifest.existing_rows_count)
        if None in counted:
            rows += sum(entry.data_file.record_count for entry in live_entries(io, [manifest]))
        else:
            rows += sum(count or 0 for count in counted)
    return rows


def totals_of(io: FileIO, snapshot: Snapshot | None) -> dict[str, int]:
    """The totals that a summary has to have, counted in the manifests where another writer left some out."""
    if snapshot is None:
        return dict.fromkeys(TOTALS, 0)
    summary = summary_of(snapshot)
    if all(summary.get(name, "").isdigit() for name in TOTALS):
        return {name: int(summary[name]) for name in TOTALS}
    manifests = live_manifests(io, snapshot)
    return count(entry.data_file for content in ManifestContent for entry in live_entries(io, manifests, content))


def count(files: Iterable[DataFile]) -> dict[str, int]:
    """The totals of some data files and delete files."""
    counts = dict.fromkeys(TOTALS, 0)
    for file in files:
        counts[SIZE] += file.file_size_in_bytes
        if file.content == DataFileContent.DATA:
            counts[DATA_FILES] += 1
            counts[RECORDS] += file.record_count
            continue
        counts[DELETE_FILES] += 1
        counts[POSITIONS if file.content == DataFileContent.POSITION_DELETES else EQUALITIES] += file.record_count
    return counts
