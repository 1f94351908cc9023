"""P4 and P2 under concurrency: runs at the same time all land, no row is lost and none comes in twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import headgate

PROCESSES = 20
ROWS = 50


def start(root: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "headgate", "--project", str(root), "run", "--json", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_twenty_processes_that_append_to_one_table_all_land(tmp_path: Path) -> None:
    (tmp_path / "ingestion").mkdir()
    (tmp_path / "data").mkdir()
    # Twenty processes wait for one another; each needs little of the machine.
    (tmp_path / "headgate.yml").write_text("name: events\nengine: {threads: 1, memory_limit: 500MB}\n")
    for number in range(PROCESSES):
        lines = [f"{number * ROWS + row},{number}" for row in range(ROWS)]
        (tmp_path / f"data/part-{number}.csv").write_text("\n".join(["id,part", *lines, ""]))
        (tmp_path / f"ingestion/part_{number}.yml").write_text(
            f"table: events\nfiles: data/part-{number}.csv\n"
            "columns: {id: {type: bigint, required: true}, part: {type: bigint}}\n"
        )

    running = [start(tmp_path, "--select", f"part_{number}") for number in range(PROCESSES)]
    outputs = [process.communicate() for process in running]

    assert [said for process, said in zip(running, outputs, strict=True) if process.returncode] == []
    with headgate.open(tmp_path) as lake:
        assert lake.query("select count(*), count(distinct id), min(id), max(id) from bronze.events").rows() == [
            (PROCESSES * ROWS, PROCESSES * ROWS, 0, PROCESSES * ROWS - 1)
        ]
        assert lake.query("select count(*), count(distinct load_id), sum(loaded) from headgate.loads").rows() == [
            (PROCESSES, PROCESSES, PROCESSES * ROWS)
        ]
        assert [finding.status for finding in lake.doctor() if finding.name in ("history", "tables")] == ["ok", "ok"]


def test_two_runs_at_once_on_two_sources_both_land(shop: Path) -> None:
    with headgate.open(shop) as lake:
        lake.run()
    (shop / "data/orders-2.csv").write_text("id,customer,day,amount\n4,11,2026-01-09,5.00\n")
    (shop / "data/customers.csv").write_text("id,name\n10,Ada\n11,Grace\n12,Edsger\n")

    running = [start(shop, "--select", "orders+"), start(shop, "--select", "customers+")]
    outputs = [process.communicate() for process in running]

    assert [process.returncode for process in running] == [0, 0], outputs
    with headgate.open(shop) as lake:
        # 12.50 + 7.25 + 5.00, counted by hand; Edsger ordered nothing.
        found = lake.query("select name, orders, spent::varchar from gold.mart_spending order by name").rows()
        assert found == [("Ada", 1, "12.50"), ("Edsger", 0, "0.00"), ("Grace", 2, "12.25")]


def test_the_same_file_loaded_by_two_runs_at_once_comes_in_once(shop: Path) -> None:
    running = [start(shop), start(shop)]
    outputs = [process.communicate() for process in running]

    assert [process.returncode for process in running] == [0, 0], outputs
    with headgate.open(shop) as lake:
        assert lake.query("select count(*), count(distinct order_id) from bronze.orders").rows() == [(2, 2)]
        assert lake.query("select count(*), count(distinct load_id) from headgate.loads").rows() == [(2, 2)]
