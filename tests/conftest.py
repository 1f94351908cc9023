"""What every test may ask for."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

pytest_plugins = ["services.fixtures"]

# A small shop, the project that runs and promises are tried on.
SHOP = {
    "headgate.yml": "name: shop\nauthor: tester\n",
    "ingestion/orders.yml": """\
table: orders
files: data/orders*.csv
columns:
  id: {name: order_id, type: bigint, required: true}
  customer: {name: customer_id, type: bigint, required: true}
  day: {name: order_date, type: date}
  amount: {name: amount, type: "decimal(10,2)", min: 0}
key: [order_id]
load: append
max_bad: 50%
""",
    "ingestion/customers.yml": """\
table: customers
files: data/customers.csv
columns:
  id: {name: customer_id, type: bigint, required: true}
  name: {name: name, type: varchar}
key: [customer_id]
load: merge
""",
    "data/orders-1.csv": "id,customer,day,amount\n1,10,2026-01-05,12.50\n2,11,2026-01-06,7.25\n3,10,not a day,3.00\n",
    "data/customers.csv": "id,name\n10,Ada\n11,Grace\n",
    "models/staging/stg_orders.sql": """\
select order_id, customer_id, order_date, amount from {{ source('bronze', 'orders') }}
""",
    "models/staging/stg_customers.sql": """\
select customer_id, name from {{ source('bronze', 'customers') }}
""",
    "models/staging/staging.yml": """\
models:
  - name: stg_orders
    columns:
      - name: order_id
        data_tests: [unique, not_null]
""",
    "models/marts/mart_spending.sql": """\
select c.customer_id, c.name, count(o.order_id) as orders, coalesce(sum(o.amount), 0) as spent
from {{ ref('stg_customers') }} as c left join {{ ref('stg_orders') }} as o using (customer_id)
group by all
""",
}


@pytest.fixture
def project_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project that is also the working folder, shut off from the environment of whoever runs the tests."""
    for variable in ("HEADGATE_PROJECT", "HEADGATE_PROFILE", "HEADGATE_AUTHOR", "HEADGATE_CATALOG", "HEADGATE_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    root = tmp_path / "lake"
    root.mkdir()
    (root / "headgate.yml").write_text("name: lake\n", encoding="utf-8")
    monkeypatch.chdir(root)
    return root


@pytest.fixture(autouse=True)
def interruptible() -> None:
    """Some tests send interrupts; a command that has told its answer, or a shell's background, does without them."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The folder of a new project that has never run."""
    root = tmp_path / "shop"
    for name, text in SHOP.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root
