"""How commits are told to a person."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from rich.console import Console

from headgate.catalog import Commit
from headgate.cli.output.history import log


def test_the_log_names_the_checks_that_an_override_passed_over() -> None:
    time = datetime(2026, 1, 1, tzinfo=UTC)
    properties = {"override": "ticket 42", "overridden": "not_null_a, unique_b"}
    commit = Commit("a" * 64, (), "b" * 64, (), "ada", "merge x (override: ticket 42)", time, properties, 1)
    out = io.StringIO()

    log([commit]).text(Console(file=out, width=120))

    assert "  passed over: not_null_a, unique_b\n" in out.getvalue()
