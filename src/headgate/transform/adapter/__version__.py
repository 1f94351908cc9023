"""Where dbt's factory looks for the version of an adapter."""

from dbt.adapters.duckdb.__version__ import version as version
