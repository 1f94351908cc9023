"""Files as DuckDB reads them best: without compression, in UTF-8.

DuckDB's own readers take a gzip file that was cut off for a whole one, and one with flipped bits for another text,
so compressed files are unpacked here, where checksums are looked at.
"""

from __future__ import annotations

import codecs
import glob
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from headgate.errors import DataError
from headgate.types import literal

CHUNK = 1 << 20
PLAIN = "compression = 'uncompressed'"
"""Tells a reader of DuckDB's that a file is plain, which it else takes from the name."""
_GZIP = b"\x1f\x8b"
# A frame of zstd, and a frame to be passed over (RFC 8878, 3.1.2), with which some programs begin.
_ZSTD = (b"\x28\xb5\x2f\xfd", *(bytes([kind]) + b"\x2a\x4d\x18" for kind in range(0x50, 0x60)))
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_ESCAPE = "headgate-escape"


@dataclass(frozen=True)
class PlainFile:
    """A file without compression, in UTF-8 without a byte-order mark.

    Attributes:
        path: Where it lies: the source's own file, or a temporary one.
        name: The source's file, for messages.
        encoding: What the source's file is written in.
        bytes: Size of the file at `path`.
    """

    path: Path
    name: str
    encoding: str
    bytes: int


def plain_file(path: Path, name: str, encoding: str, scratch: Path) -> PlainFile:
    """Unpack and transcode a text file, unless it is plain UTF-8 already.

    A byte-order mark says more about the encoding than the contract does. Bytes that the encoding does not have become
    bytes that UTF-8 does not have, so that the rows they stand in are found later.

    Raises:
        DataError: The file is cut off or damaged.
    """
    with opened(path, name) as stream:
        head = stream.read(4)
    mark, encoding = next(((mark, known) for mark, known in _MARKS if head.startswith(mark)), (b"", encoding))
    utf8 = codecs.lookup(encoding).name in ("utf-8", "ascii")
    if utf8 and not mark and not is_compressed(path):
        return PlainFile(path, name, "utf-8", path.stat().st_size)
    target = scratch / "plain"
    with opened(path, name) as stream, target.open("wb") as out:
        stream.read(len(mark))
        for chunk in _chunks(stream) if utf8 else _transcoded(stream, encoding):
            out.write(chunk)
    return PlainFile(target, name, "utf-8" if utf8 else encoding, target.stat().st_size)


def path_literal(path: Path) -> str:
    """A file's path for a function of DuckDB, which would read every file that a `*`, `?` or `[` in it stands for."""
    pattern = glob.escape(str(path))
    if pattern != str(path):
        # In a pattern DuckDB takes a backslash for a slash, except as what lies between two others: those from [ to ].
        pattern = pattern.replace("\\", "[[-]]")
    return literal(pattern)


def is_compressed(path: Path) -> bool:
    """Whether the first bytes are those of gzip or zstd, whatever the file is called."""
    with path.open("rb") as file:
        return file.read(4).startswith((_GZIP, *_ZSTD))


class opened:  # noqa: N801  # used as a function, `with opened(path, name) as stream`
    """A file's bytes, unpacked; errors of the compression become DataErrors that say where it broke off."""

    def __init__(self, path: Path, name: str) -> None:
        self._name = name
        with path.open("rb") as file:
            head = file.read(4)
        if head.startswith(_GZIP):
            self._stream: BinaryIO = cast("BinaryIO", gzip.open(path, "rb"))  # noqa: SIM115 - closed with this object
        elif head.startswith(_ZSTD):
            import pyarrow as pa

            self._stream = cast("BinaryIO", pa.input_stream(str(path), compression="zstd"))
        else:
            self._stream = path.open("rb")  # closed by __exit__

    def __enter__(self) -> opened:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()

    def read(self, size: int = CHUNK) -> bytes:
        """The next bytes, as many as asked for unless the file ends."""
        try:
            return bytes(self._stream.read(size))
        except (EOFError, zlib.error, gzip.BadGzipFile, OSError) as error:
            raise DataError(
                f"The file is cut off or damaged: {error}.",
                place=self._name,
                hint="Fetch it again; none of its rows was loaded.",
            ) from error


def _chunks(stream: opened) -> Iterator[bytes]:
    while chunk := stream.read():
        yield chunk


def _transcoded(stream: opened, encoding: str) -> Iterator[bytes]:
    codecs.register_error(_ESCAPE, _escape)
    # Without a mark, UTF-16 and UTF-32 are little-endian: what Windows writes.
    bare = {"utf-16": "utf-16-le", "utf-32": "utf-32-le"}
    decoder = codecs.getincrementaldecoder(bare.get(codecs.lookup(encoding).name, encoding))(_ESCAPE)
    for chunk in _chunks(stream):
        yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
    yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")


def _escape(error: UnicodeError) -> tuple[str, int]:
    """A byte that cannot be decoded as one lone surrogate, which UTF-8 does not allow."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in wrong), error.end


def shown(record: bytes) -> str:
    r"""The text of a record with bytes that are not UTF-8, these as `\x..`."""
    text = (
        record.decode("utf-8", "surrogatepass")
        if _only_surrogates(record)
        else record.decode("utf-8", "backslashreplace")
    )
    return "".join(f"\\x{ord(char) - 0xDC00:02x}" if 0xDC00 <= ord(char) <= 0xDCFF else char for char in text)


def _only_surrogates(record: bytes) -> bool:
    try:
        record.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True
