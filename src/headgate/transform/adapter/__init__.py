"""The dbt adapter `headgate`: dbt-duckdb on the tables of a lake.

dbt finds it as `dbt.adapters.headgate` once `plugin.install()` has been called.
"""

from headgate.transform.adapter.plugin import Plugin, install
from headgate.transform.adapter.target import Target

__all__ = ["Plugin", "Target", "install"]
