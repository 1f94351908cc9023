"""Views whose SQL others wrote: it reads tables of the lake, and does nothing else."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from headgate.catalog.model import Operation
from headgate.catalog.storage import Storage
from headgate.catalog.views import write_view
from headgate.engines.duckdb import Session
from headgate.engines.guard import guarded_query, lock
from headgate.engines.workspace import Workspace
from headgate.errors import DataError, QueryError, TableNotFound
from headgate.types import Content, Kind, Name

VIEW = Name.of("bronze", "theirs")
Make = Callable[..., None]


@pytest.fixture
def put(workspace: Workspace, storage: Storage) -> Make:
    """Make a view of a SQL text as the REST catalog does, which leaves out who wrote it."""
    workspace.replace(Name.of("silver", "orders"), "SELECT i AS id FROM range(6) AS t(i)")
    workspace.commit("orders")

    def make(sql: str, engine: str | None = None, namespace: tuple[str, ...] = ()) -> None:
        place = f"{storage.warehouse}/bronze/theirs-{uuid.uuid4()}"
        location = write_view(place, sql, [("content", "string")], storage, default_namespace=namespace)
        metadata = json.loads(storage.read(location))
        metadata["versions"][0]["summary"] = {"engine-name": engine} if engine else {}
        location = f"{place}/metadata/theirs.metadata.json"
        storage.write(location, json.dumps(metadata).encode())
        made = Operation(VIEW, None, Content(Kind.VIEW, metadata["view-uuid"], location))
        workspace.catalog.commit("main", [made], message="from elsewhere", author="client")
        workspace.refresh()

    return make


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1; COPY (SELECT 1) TO '{file}'",
        "SELECT 1;COPY (SELECT 1) TO '{file}';",
        "SELECT 1) ; COPY (SELECT 1) TO '{file}'; SELECT (1",
        "COPY (SELECT 1) TO '{file}'",
        "SELECT 1; SELECT 2",
        "SELECT 1\u200b;\u2060COPY (SELECT 1) TO '{file}'",
        "\ufeffPRAGMA database_list",
        "FROM query\u200b('SELECT 1')",
        "SELECT \"write_log\"\u00a0('x')",
        "FROM enable_logging(level = 'trace')",
        "FROM json_execute_serialized_sql(json_serialize_sql('FROM enable_logging()'))",
        "",
    ],
)
@pytest.mark.parametrize("engine", [None, "headgate"])
@pytest.mark.parametrize("namespace", [(), ("silver",)])
def test_a_view_is_one_statement_that_reads(
    put: Make,
    workspace: Workspace,
    sql: str,
    engine: str | None,
    namespace: tuple[str, ...],
    tmp_path: Path,
) -> None:
    put(sql.format(file=tmp_path / "x.csv") + "/* orders */", engine, namespace)
    with pytest.raises(DataError, match=r"'bronze\.theirs' cannot be read") as caught:
        workspace.query(f"FROM {VIEW.sql}")
    assert caught.value.hint
    assert not list(tmp_path.glob("*.csv"))


def test_a_data_file_is_not_written_from_a_locked_session(
    put: Make, workspace: Workspace, make_session: Callable[..., Session], storage: Storage
) -> None:
    target = f"{storage.warehouse}/overwritten.csv"
    put(f"SELECT 1 AS content; COPY (SELECT 1) TO '{target}'")
    session = make_session()
    lock(session)
    with pytest.raises(DataError, match="more than one statement"):
        guarded_query(Workspace(workspace.catalog, "main", session), f"FROM {VIEW.sql}")
    assert not storage.exists(target)


def test_a_view_of_ours_reads_no_files_for_a_query(
    put: Make, workspace: Workspace, make_session: Callable[..., Session], tmp_path: Path
) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("secret")
    put(f"SELECT content FROM read_text('{secret}')", "headgate")
    assert workspace.query(f"FROM {VIEW.sql}").fetchall() == [("secret",)]
    session = make_session()
    lock(session)
    with pytest.raises(QueryError, match="is a file"):
        guarded_query(Workspace(workspace.catalog, "main", session), f"FROM {VIEW.sql}").fetchall()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT content FROM read_text('{file}')",
        "SELECT (SELECT content FROM \"READ_TEXT\"('{file}')) AS content",
        "WITH a AS MATERIALIZED (FROM main.read_csv('{file}')) FROM a",
        "FROM '{file}'",
        "FROM e'{file}'",
        'FROM "{stem}".csv',
        'FROM "{stem}"."csv" AS t',
        "SELECT id FROM silver.orders WHERE id IN (SELECT 1 FROM '{file}')",
        "WITH \"{file}\" AS (SELECT 1) FROM (FROM '{file}')",
        "FROM glob('/etc/*')",
        "FROM histogram('{file}', a)",
        "FROM (SUMMARIZE '{file}')",
        "FROM (DESCRIBE '{file}')",
    ],
)
def test_a_view_of_others_reads_no_files(put: Make, workspace: Workspace, sql: str, tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("a\nsecret\n", encoding="utf-8")
    put(sql.format(file=file, stem=tmp_path / "x"))
    with pytest.raises((DataError, TableNotFound)) as caught:
        workspace.query(f"FROM {VIEW.sql}").fetchall()
    assert "secret\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT count(*) AS n FROM silver.orders", 6),
        ("SELECT count(*) AS n FROM Silver.ORDERS AS o", 6),
        ("SELECT count(*) AS n FROM orders -- theirs", 6),
        ("WITH o AS (FROM silver.orders) SELECT count(*) FROM o;", 6),
        ("SELECT sum(x) FROM range(3), unnest([1, 2]) AS t(x)", 9),
        ("SELECT count(*) > 0 FROM information_schema.tables", True),
        ('SELECT "1" FROM (PIVOT silver.orders ON id IN (1, 2) USING count(*))', 1),
    ],
)
def test_a_view_of_others_reads_the_lake(put: Make, workspace: Workspace, sql: str, rows: object) -> None:
    put(sql.rstrip(";"), namespace=("silver",))
    assert workspace.query(f"FROM {VIEW.sql}").fetchall() == [(rows,)]


def test_a_table_that_is_not_there_is_told(put: Make, workspace: Workspace) -> None:
    put("FROM silver.csv")
    with pytest.raises(TableNotFound, match=r"silver\.csv"):
        workspace.query(f"FROM {VIEW.sql}")


def test_a_view_of_the_project_reads_files(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("a\n7\n", encoding="utf-8")
    workspace.create_view(VIEW, f"SELECT a FROM read_csv('{file}');")
    assert workspace.query(f"FROM {VIEW.sql}").fetchall() == [(7,)]
    with pytest.raises(QueryError):
        workspace.create_view(VIEW, f"SELECT 1; COPY (SELECT 1) TO '{tmp_path}/y.csv'")
