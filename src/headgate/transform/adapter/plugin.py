"""How dbt comes to know the adapter."""

from __future__ import annotations

import sys
from pathlib import Path

from dbt.adapters.base import AdapterPlugin
from dbt.adapters.factory import load_plugin

from headgate.transform.adapter.credentials import HeadgateCredentials
from headgate.transform.adapter.impl import HeadgateAdapter

Plugin = AdapterPlugin(
    adapter=HeadgateAdapter,
    credentials=HeadgateCredentials,
    include_path=str(Path(__file__).parent / "include"),
    project_name="dbt_headgate",
    # dbt-duckdb's macros and its `duckdb__` implementations apply wherever headgate has none of its own.
    dependencies=["duckdb"],
)


def install() -> None:
    """Make the adapter known to dbt.

    dbt's factory imports `dbt.adapters.<type>`; the entry in `sys.modules` saves putting files into dbt's package.
    """
    sys.modules["dbt.adapters.headgate"] = sys.modules[__package__]
    load_plugin("headgate")
