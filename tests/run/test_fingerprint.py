from __future__ import annotations

from pathlib import Path

import pytest

from headgate.project import Project
from headgate.run.fingerprint import definition_files, project_fingerprint

FILES = [("orders", "data/orders-1.csv", "a" * 64)]


def fingerprint(root: Path, selection: str = "") -> str:
    return project_fingerprint(Project.open(root), FILES, selection)


def test_the_same_project_has_the_same_fingerprint(shop: Path) -> None:
    assert fingerprint(shop) == fingerprint(shop)


def test_every_definition_counts(shop: Path) -> None:
    seen = {fingerprint(shop), fingerprint(shop, "orders+")}
    for name in ("models/staging/stg_orders.sql", "ingestion/orders.yml", "headgate.yml", "models/staging/staging.yml"):
        path = shop / name
        path.write_text(path.read_text() + "\n# changed\n")
        seen.add(fingerprint(shop))
    (shop / "seeds").mkdir()
    (shop / "seeds/rates.csv").write_text("a,b\n1,2\n")
    seen.add(fingerprint(shop))

    assert len(seen) == 7


def test_source_files_count_by_content(shop: Path) -> None:
    before = fingerprint(shop)

    assert project_fingerprint(Project.open(shop), [("orders", "data/orders-1.csv", "b" * 64)], "") != before


def test_environment_variables_that_models_read_count(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = shop / "models/staging/stg_orders.sql"
    model.write_text(model.read_text() + "-- {{ env_var('SHOP_REGION', 'eu') }}\n")
    before = fingerprint(shop)
    monkeypatch.setenv("SHOP_REGION", "us")

    assert fingerprint(shop) != before


def test_data_and_what_runs_leave_are_no_definitions(shop: Path) -> None:
    for name in (".headgate/dbt/x.yml", "target/run.sql", "data/notes.md", "report.pdf"):
        path = shop / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")

    names = {path.relative_to(shop).as_posix() for path in definition_files(shop)}

    assert "models/marts/mart_spending.sql" in names
    assert not names & {".headgate/dbt/x.yml", "target/run.sql", "data/notes.md", "report.pdf"}
