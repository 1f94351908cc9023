"""The checks of a source's loads: whether they keep the contract's limits, and whether every row is accounted for."""

from __future__ import annotations

import math
from collections.abc import Sequence

from headgate.errors import counted
from headgate.ingest.contract import Source
from headgate.ingest.ledger import Load
from headgate.types import CheckResult, CheckStatus, Severity

_ACCOUNTING_COLUMNS = ("file", "read", "loaded", "quarantined", "duplicates", "found_loaded", "found_quarantined")


def contract_checks(source: Source, loads: Sequence[Load]) -> list[CheckResult]:
    """The results of `contract:<source>` and `accounting:<source>` for the loads of one run."""
    own = [load for load in loads if load.source == source.name]
    return [_limits(source, own), _accounting(source, own)]


def _limits(source: Source, loads: Sequence[Load]) -> CheckResult:
    """Fails where more rows of a file were refused than the contract tolerates."""
    over = [load for load in loads if load.quarantined > allowed(source, load.read)]
    failures = sum(load.quarantined for load in over)
    message = None
    if over:
        first = over[0]
        limit = "bad_rows: fail" if source.contract.bad_rows == "fail" else f"max_bad: {source.contract.max_bad}"
        # What was loaded by an earlier run is known by its numbers alone.
        rules = ", ".join(f"{rule} {count:,}" for rule, count in first.broken_rules.items())
        named = f" ({rules})" if rules else ""
        message = (
            f"{first.quarantined:,} of {first.read:,} rows of {first.file} break the contract{named}; "
            f"{limit} allows {allowed(source, first.read):,}."
        )
        if len(over) > 1:
            message += f" So do rows of {counted(len(over) - 1, 'more file')}."
    return CheckResult(
        name=f"contract:{source.name}",
        kind="contract",
        severity=Severity.ERROR,
        status=CheckStatus.FAILED if over else CheckStatus.PASSED,
        failures=failures,
        table=str(source.table),
        message=message,
        columns=over[0].sample_columns if over else (),
        sample=tuple(row for load in over for row in load.sample)[:10],
        evidence=str(source.quarantine) if over else None,
    )


def allowed(source: Source, read: int) -> int:
    """How many rows of a file with so many rows may be refused."""
    contract = source.contract
    if contract.bad_rows == "fail":
        return 0
    if contract.max_bad is None:
        return read
    text = str(contract.max_bad).replace(" ", "")
    return math.floor(read * float(text[:-1]) / 100 + 1e-9) if text.endswith("%") else int(text)


def _accounting(source: Source, loads: Sequence[Load]) -> CheckResult:
    """Fails where a row that was read is neither in the table nor in quarantine nor known as a duplicate.

    What was read, written, refused and passed over are four counts of their own, and the tables are counted again.
    """
    wrong = [load for load in loads if not balanced(load)]
    return CheckResult(
        name=f"accounting:{source.name}",
        kind="accounting",
        severity=Severity.ERROR,
        status=CheckStatus.FAILED if wrong else CheckStatus.PASSED,
        failures=len(wrong),
        table=str(source.table),
        message=f"The rows of {wrong[0].file} do not add up." if wrong else None,
        columns=_ACCOUNTING_COLUMNS if wrong else (),
        sample=tuple(tuple(getattr(load, name) for name in _ACCOUNTING_COLUMNS) for load in wrong[:10]),
    )


def balanced(load: Load) -> bool:
    """Whether a load's figures add up, and are those that are found in the tables."""
    added = load.read == load.loaded + load.quarantined + load.duplicates
    refused = load.found_quarantined == max(load.quarantined, 0)
    return added and refused and load.found_loaded == load.loaded
