"""Formats of files, as their names tell them."""

from __future__ import annotations

from pathlib import PurePath, PurePosixPath

from headgate.ingest.contract import Format

_FORMATS: dict[str, Format] = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".json": "json",
    ".geojson": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".xlsx": "excel",
    ".xlsm": "excel",
}
_COMPRESSED = (".gz", ".zst", ".gzip", ".zstd")


def format_of(name: str) -> Format | None:
    """The format that a file's name tells, compression looked through; None when it tells none."""
    endings = PurePosixPath(name.lower()).suffixes
    if endings and endings[-1] in _COMPRESSED:
        endings.pop()
    return _FORMATS.get(endings[-1]) if endings else None


def is_data_name(name: str, declared: Format | None) -> bool:
    """Whether a file of a source's folder is one of its data files.

    Args:
        name: Path in the folder; hidden files and those in hidden folders are none.
        declared: The contract's format.
    """
    known = format_of(name)
    return not is_hidden(PurePosixPath(name)) and known is not None and declared in (None, known)


def is_hidden(path: PurePath) -> bool:
    """Whether a path in a source's folder is one of those that are no data: hidden, or in a hidden folder."""
    return any(part.startswith((".", "_")) for part in path.parts)
