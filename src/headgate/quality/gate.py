"""The gate: whether a state may become `main`.

A check is a pure function of its own definition and of the versions of the tables it reads. So its outcome is
recorded under a fingerprint of both, a state needs no check again that ran on exactly these versions, and the
gate can prove of the very state that is about to be published that every blocking check ran on it and passed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from headgate import database
from headgate.database import Database
from headgate.faults import Point, reached
from headgate.types import CheckResult, CheckStatus, Name, Severity

Version = Callable[[Name], str | None]
"""What a name stands for in the state at hand: an opaque text that changes with the content, None when absent."""

# SQLite binds at most 32,766 values in one statement, older builds 999.
_BATCH = 500
_OVERRIDDEN = "overridden"


@dataclass(frozen=True)
class Standing:
    """A check that has to hold on every state that has its inputs.

    Attributes:
        name: As in its `CheckResult`.
        severity: What a failure does.
        inputs: The tables and views it reads.
        code_hash: Changes whenever the check's definition does.
        needs: What has to be there for it to be carried out, though its rows do not matter.
        mentions: What else it may read; may be absent.
    """

    name: str
    severity: Severity
    inputs: tuple[Name, ...]
    code_hash: str
    needs: tuple[Name, ...] = ()
    mentions: tuple[Name, ...] = ()

    def fingerprint(self, version: Version) -> str | None:
        """The identity of this check on this state; None when an input is not there."""
        versions = [version(name) for name in self.inputs]
        if None in versions or any(version(name) is None for name in self.needs):
            return None
        text = json.dumps([self.name, self.code_hash, versions, [version(name) for name in self.mentions]])
        return hashlib.sha256(text.encode()).hexdigest()


class Gate:
    """Remembers which checks passed on which versions, and judges a state by it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def due(self, checks: Collection[Standing], version: Version) -> list[Standing]:
        """The checks that have not passed on the state's present versions."""
        prints = {check.name: check.fingerprint(version) for check in checks}
        passed = self._passed(found for found in prints.values() if found)
        return [check for check in checks if prints[check.name] and prints[check.name] not in passed]

    def record(
        self,
        run_id: str,
        checks: Iterable[Standing],
        results: Iterable[CheckResult],
        version: Version,
        *,
        overridden: bool = False,
    ) -> None:
        """Keep the outcomes of `results` for the versions they were carried out on.

        Args:
            run_id: Which run carried them out.
            checks: The definitions of the checks.
            results: Their outcomes.
            version: Versions of the state they were carried out on.
            overridden: Somebody let this state pass in spite of them; until a table changes, they are settled.
        """
        by_name = {check.name: check for check in checks}
        rows = []
        for result in results:
            check = by_name.get(result.name)
            found = check.fingerprint(version) if check else None
            if found is None or result.status is CheckStatus.SKIPPED:
                continue
            rows.append(
                {
                    "check_name": result.name,
                    "fingerprint": found,
                    "status": _OVERRIDDEN if overridden else result.status.value,
                    "failures": result.failures,
                    "severity": result.severity.value,
                    "run_id": run_id,
                    "checked_at": datetime.now(UTC),
                }
            )
        if not rows:
            return
        # In one order for all: two runs that record the same checks would wait for each other on Postgres.
        rows.sort(key=lambda row: (row["check_name"], row["fingerprint"]))

        def work(connection: Connection, again: bool) -> None:
            connection.execute(self._db.upsert(database.check_outcomes), rows)

        self._db.transact(work)
        reached(Point.CHECKS_RECORDED)

    def missing(self, checks: Sequence[Standing], version: Version) -> list[Standing]:
        """The blocking checks without a recorded pass on exactly this state: none, or the state stays off `main`."""
        return [check for check in self.due(checks, version) if check.severity is Severity.ERROR]

    def _passed(self, fingerprints: Iterable[str]) -> set[str]:
        """Those of the fingerprints under which a check passed; a warning that failed has had its say as well."""
        wanted = sorted(set(fingerprints))
        outcomes = database.check_outcomes
        passed: set[str] = set()
        with self._db.read() as connection:
            for start in range(0, len(wanted), _BATCH):
                rows = connection.execute(
                    select(outcomes.c.fingerprint).where(
                        outcomes.c.fingerprint.in_(wanted[start : start + _BATCH]),
                        outcomes.c.status.in_([CheckStatus.PASSED.value, _OVERRIDDEN])
                        | (
                            (outcomes.c.severity == Severity.WARN.value)
                            & (outcomes.c.status == CheckStatus.FAILED.value)
                        ),
                    )
                )
                passed.update(row.fingerprint for row in rows)
        return passed
