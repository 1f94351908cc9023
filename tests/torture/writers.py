"""A process that appends, merges, replaces and reads among others: `writers.py URL WAREHOUSE NUMBER SEED SECONDS`.

Prints what it did and saw as JSON. Rows are numbered so that no two processes append the same; every append goes into
two tables in one commit, to `main` or to a branch that is merged.
"""

from __future__ import annotations

import json
import random
import sys
import time
from typing import Any

from headgate.catalog import Catalog, open_catalog
from headgate.catalog.iceberg import rejoiner
from headgate.catalog.storage import Storage
from headgate.config import EngineSettings
from headgate.engines.duckdb import Session
from headgate.engines.workspace import Workspace
from headgate.errors import Conflict
from headgate.types import Name

TABLES = (Name.of("bronze", "one"), Name.of("bronze", "two"))
KEYED, WHOLE = Name.of("silver", "keyed"), Name.of("silver", "whole")
BATCH, WHOLE_ROWS = 5, 40
_EACH = 1_000_000


class Writer:
    """One process's part."""

    def __init__(self, catalog: Catalog, session: Session, number: int, seed: int) -> None:
        self.catalog = catalog
        self.session = session
        self.number = number
        self.chance = random.Random(f"{seed} {number}")
        self.next_row = number * _EACH
        self.done: dict[str, Any] = {"appends": [], "reads": [], "keyed": None, "torn": [], "refused": 0, "others": 0}
        self.pinned: list[str] = []

    def append(self, branch: str) -> None:
        rows = list(range(self.next_row, self.next_row + BATCH))
        self.next_row += BATCH
        begun, answer = time.monotonic(), "ACKNOWLEDGED"
        try:
            workspace = Workspace(self.catalog, "main", self.session, author=f"writer {self.number}")
            if branch != "main":
                self.catalog.create_branch(branch)
                workspace = Workspace(self.catalog, branch, self.session)
            for table in TABLES:
                workspace.append(table, f"SELECT unnest({rows}) AS id")
            workspace.commit("append")
            if branch != "main":
                storage = self.session.storage
                self.catalog.merge(branch, "main", message="merge", author="writer", rejoin=rejoiner(storage))
                self.catalog.delete_ref(branch)
        except Conflict:
            answer = "REFUSED"
        self.done["appends"].append([rows, begun, time.monotonic(), answer])

    def change(self) -> None:
        """Change a row of its own by key, or replace a whole table: what conflicts is done again later."""
        workspace = Workspace(self.catalog, "main", self.session)
        value = self.chance.randrange(10**6)
        keyed = self.chance.random() < 0.5
        try:
            if keyed:
                workspace.merge(KEYED, f"SELECT {self.number} AS key, {value} AS value", ["key"])
            else:
                workspace.replace(WHOLE, f"SELECT {value} AS version, i FROM range({WHOLE_ROWS}) rows(i)")
            workspace.commit("change")
        except Conflict:
            self.done["refused"] += 1
            return
        self.done["others"] += 1
        if keyed:
            self.done["keyed"] = value

    def read(self) -> None:
        """Read a commit, that of now or one that was read before."""
        begun = 0.0
        if self.pinned and self.chance.random() < 0.3:
            commit = self.chance.choice(self.pinned)
        else:
            begun = time.monotonic()
            commit = self.catalog.state().commit_id
            self.pinned.append(commit)
        workspace = Workspace(self.catalog, commit, self.session)
        found = {}
        for table in TABLES:
            exists = workspace.exists(table)
            found[str(table)] = [row[0] for row in workspace.query(f"FROM {table.sql}").fetchall()] if exists else []
        if workspace.exists(WHOLE):
            whole = workspace.query(f"SELECT count(*), count(DISTINCT version) FROM {WHOLE.sql}").fetchone()
            if whole != (WHOLE_ROWS, 1):
                self.done["torn"].append([commit, whole])
        self.done["reads"].append([commit, found, begun])

    def work(self, seconds: float) -> None:
        """Do this and that for so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            what = self.chance.random()
            if what < 0.5:
                self.append("main")
            elif what < 0.65:
                self.append(f"work/{self.number}-{self.next_row}")
            elif what < 0.8:
                self.change()
            else:
                self.read()


def main(url: str, warehouse: str, number: int, seed: int, seconds: float) -> None:
    catalog = open_catalog(url)
    with Session(EngineSettings(threads=1), Storage.open(warehouse)) as session:
        writer = Writer(catalog, session, number, seed)
        # All begin at the same time.
        sys.stdin.readline()
        writer.work(seconds)
    catalog.close()
    sys.stdout.write(json.dumps(writer.done))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
