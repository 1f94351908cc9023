from __future__ import annotations

from pathlib import Path

import pytest

from headgate.project import Project
from headgate.run.definitions import definition_tree
from headgate.run.fingerprint import project_fingerprint

FILES = [("orders", "data/orders-1.csv", "a" * 64)]


def fingerprint(root: Path, selection: str = "") -> str | None:
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


def test_links_to_folders_above_and_to_themselves_end(shop: Path) -> None:
    (shop / "notes/deep").mkdir(parents=True)
    (shop / "notes/deep/plan.yml").write_text("")
    for name, target in (("notes/top", ".."), ("notes/deep/up", ".."), ("notes/self", "self")):
        (shop / name).symlink_to(target)
    (shop / "linked").symlink_to(shop.parent / "elsewhere")
    (shop.parent / "elsewhere").mkdir()
    (shop.parent / "elsewhere/m.sql").write_text("")

    tree = definition_tree(shop)

    assert tree is not None
    names = [path.relative_to(shop).as_posix() for path in tree[0]]
    assert [name for name in names if name.endswith(("plan.yml", "m.sql"))].count("linked/m.sql") == 1
    assert sum(name.endswith("plan.yml") for name in names) == 1


@pytest.mark.parametrize("name", ["models/a.SQL", "models/a.Yml", "seeds/a.CSV"])
def test_names_in_capitals_count_as_they_do_for_dbt(shop: Path, name: str) -> None:
    before = fingerprint(shop)
    (shop / name).parent.mkdir(exist_ok=True)
    (shop / name).write_text("")

    assert fingerprint(shop) != before


def test_data_and_what_runs_leave_are_no_definitions(shop: Path) -> None:
    for name in (".headgate/dbt/x.yml", "target/run.sql", "data/notes.md", "report.pdf"):
        path = shop / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")

    tree = definition_tree(shop)
    assert tree is not None
    names = {path.relative_to(shop).as_posix() for path in tree[0]}

    assert "models/marts/mart_spending.sql" in names
    assert not names & {".headgate/dbt/x.yml", "target/run.sql", "data/notes.md", "report.pdf"}


@pytest.mark.parametrize(
    "folder", ["data", "data/models", "target", "logs", "venv", "../shared", ".hidden", "models/.x"]
)
@pytest.mark.parametrize("key", ["model-paths", "seed-paths", "macro-paths", "packages-install-path"])
def test_what_dbt_is_told_to_read_counts_wherever_it_lies(shop: Path, folder: str, key: str) -> None:
    named = folder if key == "packages-install-path" else f"[{folder}]"
    (shop / "dbt_project.yml").write_text(f"name: shop\nprofile: x\n{key}: {named}\n")
    before = fingerprint(shop)
    path = shop / folder / "deep" / ("s.csv" if key == "seed-paths" else "m.sql")
    path.parent.mkdir(parents=True)
    path.write_text("1\n")
    made = fingerprint(shop)
    path.write_text("2\n")

    assert len({before, made, fingerprint(shop)}) == 3
    assert None not in (before, made)


@pytest.mark.parametrize("text", ["name: [", "[]", "model-paths: 7", "model-paths: {a: b}", "\xff"])
def test_a_project_file_that_dbt_refuses_is_for_a_run_to_tell(shop: Path, text: str) -> None:
    (shop / "dbt_project.yml").write_text(text, encoding="latin-1")

    assert fingerprint(shop) is not None


def test_where_dbt_computes_a_path_nothing_is_told(shop: Path) -> None:
    (shop / "dbt_project.yml").write_text("name: shop\nmodel-paths: [\"{{ env_var('WHERE') }}\"]\n")

    assert fingerprint(shop) is None


def test_what_dbt_is_to_ignore_counts(shop: Path) -> None:
    before = fingerprint(shop)
    (shop / "models/.dbtignore").write_text("stg_orders.sql\n")

    assert fingerprint(shop) != before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("models/m.sql", "select {{ env_var(var='SHOP_REGION') }}"),
        ("models/m.sql", "select {{ env_var('SHOP_' ~ 'REGION') }}"),
        ("macros/m.sql", "{% macro env(n) %}{{ env_var(n, '0') }}{% endmacro %}"),
        ("macros/m.sql", "{% set ask = env_var %}"),
        ("models/m.yml", r'x: "{{ env_var(\"SHOP_REGION\") }}"'),
        ("models/m.py", "import os\n\ndef model(dbt, session):\n    return os.environ['SHOP_REGION']\n"),
        ("checks/c.yml", "x: ${SHOP_REGION}"),
        ("ingestion/c.yaml", "x: a-${SHOP_REGION:-b}"),
    ],
)
def test_variables_count_however_they_are_asked_for(
    shop: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    (shop / name).parent.mkdir(exist_ok=True)
    (shop / name).write_text(text)
    before = fingerprint(shop)
    monkeypatch.setenv("SHOP_REGION", "us")

    assert fingerprint(shop) != before


def test_variables_that_nothing_asks_for_do_not_count(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shop / "README.md").write_text("A model may call `env_var`.")
    (shop / "models/m.sql").write_text("select {{ env_var('SHOP_REGION', 'eu') }}")
    before = fingerprint(shop)
    monkeypatch.setenv("SHELL_SESSION", "7")

    assert fingerprint(shop) == before
