"""Models that are a Python function."""

from __future__ import annotations

import textwrap

import pytest

from headgate.types import ModelStatus

from .conftest import Lake

NUMBERS = {"models/numbers.sql": "select range as n from range(4)"}


def python(body: str) -> dict[str, str]:
    return {
        "models/squares.py": "def model(dbt, session):\n" + textwrap.indent(textwrap.dedent(body).lstrip("\n"), "    ")
    }


@pytest.mark.parametrize(
    "result",
    [
        "dbt.ref('numbers').project('n * n as square')",
        "session.sql('select n * n as square from numbers_in')",
        "dbt.ref('numbers').project('n * n as square').to_arrow_table()",
        "dbt.ref('numbers').project('n * n as square').df()",
    ],
)
def test_whatever_it_returns_becomes_the_table(lake: Lake, result: str) -> None:
    body = f"dbt.ref('numbers').create_view('numbers_in')\nreturn {result}\n"
    lake.write({**NUMBERS, **python(body)}).built()
    assert lake.sql("select square from silver.squares order by 1") == [(0,), (1,), (4,), (9,)]
    assert lake.model("silver.squares").rows == 4


def test_configuration_and_sources(lake: Lake) -> None:
    lake.table("bronze.raw", "select 5 as n")
    lake.write({"models/sources.yml": "sources:\n  - name: bronze\n    tables:\n      - name: raw\n"})
    lake.write(
        python(
            """
            dbt.config(schema='gold', materialized='table', factor=3)
            factor = dbt.config.get('factor')
            return dbt.source('bronze', 'raw').project(f'n * {factor} as n')
            """
        )
    ).built()
    assert lake.sql("select n from gold.squares") == [(15,)]


def test_incremental(lake: Lake) -> None:
    lake.write(NUMBERS)
    lake.write(
        python(
            """
            dbt.config(materialized='incremental', unique_key='n', incremental_strategy='merge')
            rows = dbt.ref('numbers')
            if dbt.is_incremental:
                rows = rows.filter('n > 2')
            return rows.project(f"n, {dbt.is_incremental} as again")
            """
        )
    ).built()
    lake.write({"models/numbers.sql": "select range as n from range(5)"}).built()
    assert lake.sql("select n, again from silver.squares order by n") == [
        (0, False),
        (1, False),
        (2, False),
        (3, True),
        (4, True),
    ]


def test_what_it_raises_is_told_with_the_line(lake: Lake) -> None:
    lake.write({**NUMBERS, **python("return {}['nope']\n")}).build()
    failed = lake.model("silver.squares")
    assert failed.status is ModelStatus.ERROR
    assert "KeyError: 'nope'" in (failed.message or "")
    assert "models/squares.py:2" in (failed.message or "")
