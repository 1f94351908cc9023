"""Standard streams that are closed, full or of another encoding."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.rights import as_anybody

from headgate.cli.main import main

_FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not _FULL.exists(), reason="this system has no device that is always full")


def headgate(project: Path, line: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """What a shell makes of a line of which `headgate` is this one."""
    command = f"headgate() {{ '{sys.executable}' -m headgate \"$@\"; }}\n{line}"
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        capture_output=True,
        check=False,
        cwd=project,
        env={**os.environ, **environment},
    )


def status(project: Path) -> list[str]:
    listed = headgate(project, "headgate runs --json")
    return [run["status"] for run in json.loads(listed.stdout)["runs"]]


@pytest.mark.parametrize("closed", ["2>&-", ">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_run_needs_no_streams(shop: Path, closed: str) -> None:
    assert headgate(shop, f"headgate run {closed}").returncode == 0
    assert status(shop) == ["merged"]


@needs_full
def test_a_run_goes_on_where_nobody_can_be_told_how(shop: Path) -> None:
    done = headgate(shop, "headgate run 2>/dev/full")
    assert (done.returncode, status(shop)) == (0, ["merged"])
    assert b"merged into main" in done.stdout


@needs_full
@pytest.mark.parametrize(
    "command",
    [
        "run",
        "run --json",
        "--help",
        "--version",
        "query 'select range from range(100000)' --format csv",
        "query 'select range from range(100000)' --format parquet",
        "query 'select range from range(100000)' --json",
        "query 'select 1'",
    ],
)
def test_a_result_that_cannot_be_written_is_told_as_that(shop: Path, command: str) -> None:
    done = headgate(shop, f"headgate {command} >/dev/full")
    assert done.returncode == 1
    told = done.stderr.decode()
    assert "The result cannot be written to standard output: No space left on device." in told
    assert "Traceback" not in told
    assert "bug" not in told
    if "run" in command:
        assert status(shop) == ["merged"]


def test_who_reads_no_further_ends_a_table_as_it_ends_csv(shop: Path) -> None:
    long = "select repeat('x', 1000) as x from range(1000)"
    for style in ("table", "csv"):
        done = headgate(shop, f'headgate query "{long}" --format {style} --limit 1000 | head -1')
        assert (done.returncode, done.stderr) == (141, b"")


def test_text_without_an_encoding_is_escaped_and_data_is_utf8(shop: Path) -> None:
    query = "headgate query \"select 'é😀' as x\""
    assert rb"\xe9\U0001f600" in headgate(shop, query, PYTHONIOENCODING="ascii").stdout
    assert headgate(shop, f"{query} --format csv", PYTHONIOENCODING="latin-1").stdout.decode() == "x\né😀\n"
    document = headgate(shop, f"{query} --json", PYTHONIOENCODING="ascii").stdout.decode()
    assert json.loads(document)["rows"] == [{"x": "é😀"}]
    done = headgate(shop, "headgate run", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr.count(b"Error")) == (0, 0)


def test_nothing_comes_of_a_closed_input(shop: Path) -> None:
    done = headgate(shop, "headgate query - <&-")
    assert done.returncode == 2
    assert b"The statement is empty." in done.stderr


@pytest.mark.parametrize("folder", ["ingestion", "models"])
def test_a_folder_that_may_not_be_read_is_no_bug(shop: Path, folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    (shop / folder).mkdir(exist_ok=True)
    (shop / folder).chmod(0)
    try:
        with as_anybody():
            code = main(["--project", str(shop), "run"])
    finally:
        (shop / folder).chmod(0o755)
    told = capsys.readouterr().err
    assert code == 1
    assert f"{folder}' cannot be read or written: Permission denied." in told
    assert "bug" not in told
