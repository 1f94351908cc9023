"""dbt's documentation of a state."""

from __future__ import annotations

import json

from headgate.transform.docs import generate_docs

from .conftest import Lake


def test_manifest_and_catalog_describe_tables_views_and_sources(lake: Lake) -> None:
    lake.table("bronze.raw", "select 1 as id, sum(i) as total from range(3) t(i)")
    lake.write(
        {
            "models/a.sql": "select * from {{ source('bronze', 'raw') }}",
            "models/v.sql": "{{ config(materialized='view') }} select id from {{ ref('a') }}",
            "models/all.yml": """
            sources: [{name: bronze, tables: [{name: raw}]}]
            models: [{name: a, description: All., columns: [{name: id, description: Which.}]}]
            """,
        }
    ).built()
    folder = generate_docs(lake.open(), lake.workspace)
    assert folder == lake.root / ".headgate/dbt/docs"
    catalog = json.loads((folder / "catalog.json").read_text())
    table, view = catalog["nodes"]["model.lake.a"], catalog["nodes"]["model.lake.v"]
    assert (table["metadata"]["type"], table["metadata"]["comment"], view["metadata"]["type"]) == (
        "BASE TABLE",
        "All.",
        "VIEW",
    )
    columns = {name: (column["type"], column["comment"]) for name, column in table["columns"].items()}
    assert columns == {"id": ("INTEGER", "Which."), "total": ("DECIMAL(38, 0)", None)}
    assert list(catalog["sources"]) == ["source.lake.bronze.raw"]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert '"silver"."a"' in manifest["nodes"]["model.lake.v"]["compiled_code"]
    assert (folder / "index.html").is_file()
