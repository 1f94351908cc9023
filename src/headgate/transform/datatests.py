"""Data tests, asked without dbt's way of asking.

dbt makes a context for each test, runs a materialization of macros in it and packs the one row of the answer into a
table. Where nobody has other macros for that, all of it comes to one query. The query is asked here, once, and its
answer counts. A test that fails is then left to dbt, which keeps the rows, and so is what only dbt has the words for.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import Any

from dbt.contracts.graph.manifest import Manifest
from dbt.flags import get_flags
from dbt.task.test import TestResultData, TestRunner

from headgate.engines.workspace import Workspace
from headgate.errors import Cancelled, HeadgateError
from headgate.transform.digests import digest_of
from headgate.types import Name

_RUNNER = "bf26eb926bd223a0"
# All macros that have to do with it, by digests of their texts, and what those ask of dbt's context.
_MACROS = {
    "materialization_test_headgate": "a481a526c1dc0121",
    "materialization_test_default": "4683bd327eafd170",
    "get_limit_subquery_sql": "91548f7ffb445f2d",
    "default__get_limit_sql": "49dde53fd49e401e",
    "get_test_sql": "727ffacd71e9e48c",
    "default__get_test_sql": "3fc783e5e0fa4a3e",
    "statement": "bf1748daacc73ec8",
    "should_store_failures": "51bc44894806a7a2",
}
_KINDS = ("materialization_test_",)
_DISPATCHED = ("__get_test_sql", "__get_limit_sql")
_CONTEXT = {"adapter", "api", "caller", "config", "database", "execute", "load_result", "log", "model", "return"}
_CONTEXT |= {"schema", "sql", "store_result", "this", "write"}


def are_plain(manifest: Manifest) -> bool:
    """Whether a project carries out data tests as dbt and headgate do, to the letter."""
    found: dict[str, set[str]] = defaultdict(set)
    for macro in manifest.macros.values():
        name = macro.name
        if name in _MACROS or name in _CONTEXT or name.startswith(_KINDS) or name.endswith(_DISPATCHED):
            found[name].add(hashlib.sha256(macro.macro_sql.encode()).hexdigest()[:16])
    return found == {name: {digest} for name, digest in _MACROS.items()} and (
        digest_of(TestRunner.execute_data_test) == _RUNNER
    )


def ask(test: Any, workspace: Workspace) -> TestResultData | None:
    """The answer to a compiled test; None where only dbt can tell, or keeps rows of it in any case."""
    config = test.config
    keeps = config.store_failures or (config.store_failures is None and get_flags().STORE_FAILURES)
    named = test.schema and test.alias
    if keeps or not named or config.limit is not None or workspace.exists(Name.of(test.schema, test.alias)):
        return None
    found = config.fail_calc
    sql = f"""select
  {found} as failures,
  {found} {config.warn_if} as should_warn,
  {found} {config.error_if} as should_error
from (
{test.compiled_code}
) dbt_internal_test"""
    try:
        rows = workspace.query(sql).fetchall()
    except Cancelled:
        raise
    except HeadgateError:
        return None
    if [tuple(map(type, row)) for row in rows] != [(int, bool, bool)]:
        return None
    return TestResultData(*rows[0], adapter_response={})
