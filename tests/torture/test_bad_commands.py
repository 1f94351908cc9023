"""The command line on damaged files and contracts: an exit code that says what happened, and nothing half done."""

from __future__ import annotations

import gzip
import random
import shutil
import time
from pathlib import Path

from tests.torture.conftest import Record
from tests.torture.harness import Answer, Driver, Json, Lake
from tests.torture.lakes import EXAMPLE
from tests.torture.sizes import SEED, Part, seconds
from tests.torture.test_bad_input import CONTRACT, mutated, valid

# As many bytes of a file as make it worth its contract and take no time.
_ENOUGH = 40_000


def check(answer: Answer, state: Json) -> None:
    """What holds after `headgate run`, whatever it was given."""
    assert answer.code in (0, 1, 2, 3), answer
    assert not answer.hung, answer
    told = answer.out + answer.err
    assert "Traceback" not in told, told
    assert "should not happen" not in told, told
    assert (answer.code == 0) or len(answer.err.splitlines()) > 1, answer
    for what in ("unbalanced", "running"):
        assert state[what] == [], (what, state[what])
    # What is wrong with a damaged contract or file is still there to be found, and the run has failed for it.
    found = state["doctor"]
    assert all(each.startswith(("error in source ", "warn in source ")) for each in found), found
    assert answer.code != 0 or not any(each.startswith("error") for each in found), (answer, found)
    assert state["files"] == {"missing": [], "orphans": []}, state["files"]
    kept = [ref for ref in state["refs"] if ref != "main"]
    assert len(kept) == (answer.code == 3), (answer.code, state["refs"])


def tried(lake: Lake, record: Record, what: str) -> None:
    shutil.rmtree(lake.root / ".headgate", ignore_errors=True)
    answer = lake.call("run")
    try:
        check(answer, lake.inspect() if (lake.root / ".headgate").exists() and answer.code != 2 else _NOTHING)
    except AssertionError as error:
        files = {path.name: path.read_bytes() for path in lake.root.rglob("data/**/*") if path.is_file()}
        raise AssertionError(f"seed {SEED}: {what}: {error}\n{files}\n{contracts(lake)}") from error
    record(Part.BAD_INPUT, f"commands over {what}, exit code {answer.code}")


_NOTHING: Json = {
    "unbalanced": [], "running": [], "doctor": [], "files": {"missing": [], "orphans": []}, "refs": ["main"],
}  # fmt: skip  # a table is read better so


def contracts(lake: Lake) -> list[bytes]:
    return [path.read_bytes() for path in (lake.root / "ingestion").iterdir()]


def emptied(lake: Lake) -> None:
    for folder in ("ingestion", "data"):
        shutil.rmtree(lake.root / folder, ignore_errors=True)
        (lake.root / folder).mkdir(parents=True)
    (lake.root / "headgate.yml").write_text("name: bad\n")


def test_a_run_over_mutated_files_and_contracts(tmp_path: Path, driver: Driver, record: Record) -> None:
    chance = random.Random(SEED)
    lake = Lake(tmp_path / "lake", driver, tmp_path / "kept")
    until = time.monotonic() + seconds(Part.BAD_INPUT, 0.1)
    while time.monotonic() < until:
        emptied(lake)
        name, content = chance.choice(list(valid().items()))
        whole = chance.random() < 0.5
        (lake.root / "data" / name).write_bytes(content if whole else mutated(chance, content))
        (lake.root / "ingestion" / "t.yml").write_bytes(mutated(chance, CONTRACT) if whole else CONTRACT)
        tried(lake, record, "contracts" if whole else "files")


def test_a_run_over_mutated_files_of_the_example(tmp_path: Path, driver: Driver, record: Record) -> None:
    chance = random.Random(SEED)
    lake = Lake(tmp_path / "lake", driver, tmp_path / "kept")
    sources = sorted((EXAMPLE / "ingestion").glob("*.yml"))
    until = time.monotonic() + seconds(Part.BAD_INPUT, 0.2)
    while time.monotonic() < until:
        emptied(lake)
        contract = chance.choice(sources)
        shutil.copy(contract, lake.root / "ingestion")
        (pattern,) = (
            line.removeprefix("files: ") for line in contract.read_text().splitlines() if line.startswith("files: ")
        )
        path = chance.choice(sorted(EXAMPLE.glob(pattern)))
        target = lake.root / path.relative_to(EXAMPLE)
        target.parent.mkdir(parents=True, exist_ok=True)
        packed = path.suffix == ".gz"
        content = gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
        # A document of JSON has no end of its own after some lines.
        head = content[:_ENOUGH].rpartition(b"\n")[0] if ".csv" in path.name else content
        if packed and chance.random() < 0.2:
            target.write_bytes(mutated(chance, gzip.compress(head)))
        else:
            damaged = mutated(chance, head)
            target.write_bytes(gzip.compress(damaged) if packed else damaged)
        tried(lake, record, "files of the example")
