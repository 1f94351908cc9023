"""The lakes that are tortured: the mobility example, and the slice of it that a trial can afford."""

from __future__ import annotations

import shutil
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "mobility"

# Loads of all kinds (merge with duplicates and refused rows, replace, gzip), a seed, an incremental model, tests and
# reconciliations: every way to write that the whole has, in a tenth of its time.
SLICE = (
    "headgate.yml",
    "ingestion/customers.yml",
    "ingestion/exchange_rates.yml",
    "ingestion/sales.yml",
    "data/customers.csv",
    "data/exchange_rates",
    "data/sales",
    "macros/normalised.sql",
    "models/staging/stg_customers.sql",
    "models/marts/dim_customer.sql",
    "seeds/place_spellings.csv",
)
WRITTEN = {
    "seeds/_seeds.yml": """\
version: 2
seeds:
  - name: place_spellings
    config: {schema: silver, column_types: {kind: varchar, spelling: varchar, name: varchar}}
""",
    "models/staging/_staging.yml": """\
version: 2
models:
  - name: stg_customers
    columns:
      - {name: customer_id, data_tests: [unique, not_null]}
""",
    "models/staging/rates.sql": """\
{{ config(materialized='view') }}
select month, country, units_per_usd from {{ source('bronze', 'exchange_rates') }}
""",
    "models/marts/sales_by_customer.sql": """\
{{ config(materialized='incremental', unique_key='sale_id') }}
select sale_id, customer_id, sale_date, sale_price from {{ source('bronze', 'sales') }}
{% if is_incremental() %} where sale_date >= (select max(sale_date) from {{ this }}) {% endif %}
""",
    "checks/reconciliation.yml": """\
checks:
  - {name: customers_kept, kind: keys, left: bronze.customers, right: silver.stg_customers, columns: [customer_id]}
""",
}


def whole(root: Path) -> None:
    """The mobility example in full, as it is before its first run."""
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns(".headgate", "__pycache__"))


def part(root: Path) -> None:
    """The slice of it, before its first run."""
    for name in SLICE:
        source, target = EXAMPLE / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy2(source, target)
    for name, text in WRITTEN.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
