"""The committed raw files are what the generator writes, and its book of defects is true."""

from __future__ import annotations

import gzip
import importlib
import json
from collections import Counter
from types import ModuleType

import pytest

from . import truth
from .truth_files import EXAMPLE


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLE)
        return importlib.import_module("generate")


@pytest.fixture(scope="module")
def generated(generator: ModuleType) -> dict[str, bytes]:
    files: dict[str, bytes] = generator.files()
    return files


def test_committed_files_equal_the_generators_output(generated: dict[str, bytes]) -> None:
    for name, content in generated.items():
        committed = (EXAMPLE / name).read_bytes()
        # What deflate makes of the same bytes differs between zlib's versions.
        assert (gzip.decompress(committed) if name.endswith(".gz") else committed) == content, name


def test_sizes_are_those_of_the_example(generated: dict[str, bytes]) -> None:
    rows: Counter[str] = Counter()
    for book in json.loads(generated["data/defects.json"])["files"].values():
        rows[book["source"]] += book["rows"]
    assert rows == {
        "vehicles": 40,
        "customers": 2500,
        "sales": 5800,
        "product_reviews": 500,
        "stations": 250,
        "charging_sessions": 12000,
        "vehicle_health": 3200,
    }


def test_planted_defects_are_found_by_an_independent_count() -> None:
    planted = json.loads((EXAMPLE / "data/defects.json").read_text(encoding="utf-8"))["files"]
    books = truth.books()
    for name, entry in planted.items():
        book = books[name]
        assert (book.read, book.loaded, book.quarantined, book.duplicates) == (
            entry["rows"],
            entry["loaded"],
            entry["quarantined"],
            entry["duplicates"],
        ), name
        expected: Counter[tuple[str, str]] = Counter()
        for defect in entry["defects"]:
            if defect["effect"] == "quarantined":
                expected[defect["rule"], defect["column"]] += defect["rows"]
        assert book.refused == expected, name


def test_every_defect_says_what_answers_it() -> None:
    planted = json.loads((EXAMPLE / "data/defects.json").read_text(encoding="utf-8"))["files"]
    defects = [defect for entry in planted.values() for defect in entry["defects"]]
    assert len(defects) > 60
    assert all(defect["rows"] > 0 and defect["answer"] for defect in defects)


def test_every_raw_file_is_in_the_books() -> None:
    raw = {str(path.relative_to(EXAMPLE)) for path in (EXAMPLE / "data").rglob("*") if path.is_file()}
    assert raw - {"data/defects.json", "data/README.md"} == truth.books().keys()
