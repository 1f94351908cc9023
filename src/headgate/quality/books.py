"""The books of the loads: every row that was read is loaded, quarantined or a duplicate, and counted once.

This holds on the ledger of every state, whoever made the state. It is what notices when a join of two branches
would bring one load in twice.
"""

from __future__ import annotations

import hashlib
import time

from headgate.engines.workspace import Workspace
from headgate.quality.gate import Standing
from headgate.types import CheckResult, CheckStatus, Name, Severity

LEDGER = Name.of("headgate", "loads")

_UNBALANCED = f"""
SELECT load_id, source, file, read, loaded, quarantined, duplicates,
       'read is not loaded + quarantined + duplicates' AS reason
FROM {LEDGER.sql} WHERE read <> loaded + quarantined + duplicates
UNION ALL
SELECT load_id, min(source), min(file), sum(read), sum(loaded), sum(quarantined), sum(duplicates),
       'one load is in the ledger ' || count(*) || ' times'
FROM {LEDGER.sql} GROUP BY load_id HAVING count(*) > 1
ORDER BY ALL
"""

BOOKS = Standing(
    name="accounting:loads",
    severity=Severity.ERROR,
    inputs=(LEDGER,),
    code_hash=hashlib.sha256(_UNBALANCED.encode()).hexdigest(),
)


def check_books(workspace: Workspace) -> CheckResult:
    """Carry out `BOOKS` on the workspace's present state."""
    started = time.perf_counter()
    cursor = workspace.query(_UNBALANCED)
    columns = tuple(column[0] for column in cursor.description)
    rows = cursor.fetchall()
    return CheckResult(
        name=BOOKS.name,
        kind="accounting",
        severity=BOOKS.severity,
        status=CheckStatus.FAILED if rows else CheckStatus.PASSED,
        failures=len(rows),
        table=str(LEDGER),
        message=f"{len(rows)} loads of {LEDGER} do not add up." if rows else None,
        columns=columns if rows else (),
        sample=tuple(tuple(row) for row in rows[:10]),
        seconds=time.perf_counter() - started,
    )
