"""Tables that two would fill: what a model builds is neither a source's nor headgate's own."""

from __future__ import annotations

from pathlib import Path

import pytest

import headgate
from headgate.errors import ProjectError


@pytest.mark.parametrize("alias", ["m", "M"])
def test_a_model_does_not_build_the_table_of_a_source(project_dir: Path, alias: str) -> None:
    for folder in ("models", "ingestion", "data"):
        (project_dir / folder).mkdir()
    (project_dir / "ingestion/s.yml").write_text("table: silver.m\nfiles: data/*.csv\ncolumns: {id: bigint}\n")
    (project_dir / "data/a.csv").write_text("id,v\n1,2\n")
    (project_dir / "models/n.sql").write_text(f"{{{{ config(alias='{alias}') }}}} select 7 as id")
    with headgate.open(project_dir) as lake:
        result = lake.run()
        assert result.status == "failed"
        assert f"The model n builds silver.{alias}, which the source 's' fills with its files." in str(result.error)
        assert not list(lake.tables())


@pytest.mark.parametrize("schema", ["checks", "quarantine", "headgate"])
def test_a_model_does_not_build_what_headgate_keeps(project_dir: Path, schema: str) -> None:
    (project_dir / "models").mkdir()
    (project_dir / "models/n.sql").write_text(f"{{{{ config(schema='{schema}', alias='s') }}}} select 1 as id")
    with headgate.open(project_dir) as lake:
        with pytest.raises(ProjectError, match=rf"The model n builds {schema}\.s, .*'{schema}' is one that") as told:
            lake.run()
        assert told.value.place == "models/n.sql"
