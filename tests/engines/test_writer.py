"""Data files: how they are compressed."""

from __future__ import annotations

import pytest

from headgate.engines.workspace import Workspace
from headgate.types import Layout, Name

TEXTS = "SELECT md5((i % 5000)::VARCHAR) || i AS text FROM range(50000) AS t(i)"
_CODEC, _LEVEL = "write.parquet.compression-codec", "write.parquet.compression-level"


def _written(workspace: Workspace, name: str, properties: dict[str, str]) -> tuple[int, str]:
    """Bytes and codec of a file with the same rows in it."""
    (file,) = workspace.write_files(Name.of("silver", name), TEXTS, layout=Layout(properties=properties)).files
    codec = workspace.session.value(f"SELECT compression FROM parquet_metadata('{file.path}')")
    return file.bytes, str(codec)


def test_the_level_of_zstd_is_a_property_of_the_table(workspace: Workspace) -> None:
    plain, codec = _written(workspace, "plain", {})
    assert codec == "ZSTD"
    assert _written(workspace, "first", {_LEVEL: "1"}) == (plain, "ZSTD")
    assert _written(workspace, "high", {_LEVEL: "19"})[0] < 0.97 * plain


@pytest.mark.parametrize("level", ["", "fast", "0", "-3", "23", "²"])
def test_a_level_that_is_none_is_the_usual_one(workspace: Workspace, level: str) -> None:
    assert _written(workspace, "other", {_LEVEL: level}) == _written(workspace, "plain", {})


@pytest.mark.parametrize("codec", ["snappy", "gzip", "uncompressed"])
def test_other_codecs_have_no_level(workspace: Workspace, codec: str) -> None:
    assert _written(workspace, "orders", {_CODEC: codec, _LEVEL: "9"})[1] == codec.upper()
