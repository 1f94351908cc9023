from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from headgate.engines.duckdb import Session
from headgate.engines.guard import guarded_query, lock
from headgate.engines.workspace import Workspace
from headgate.errors import HeadgateError, QueryError, ReadOnly


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT count(*) FROM silver.orders", [(6,)]),
        ("FROM silver.orders SELECT max(id)", [(5,)]),
        ("WITH o AS (FROM silver.orders) SELECT count(*) FROM o;", [(6,)]),
        ("VALUES (1), (2)", [(1,), (2,)]),
        ("-- a remark; with a semicolon\nSELECT 1", [(1,)]),
        ("SELECT ';'", [(";",)]),
        ("PIVOT (SELECT kind FROM silver.orders) ON kind USING count(*)", [(2, 2, 2)]),
    ],
)
def test_queries_read_the_lake(guarded: Workspace, sql: str, rows: list[tuple[object, ...]]) -> None:
    assert guarded_query(guarded, sql).fetchall() == rows


@pytest.mark.parametrize(
    "sql",
    [
        "DESCRIBE silver.orders",
        "SUMMARIZE silver.orders",
        "SHOW TABLES",
        "EXPLAIN SELECT * FROM silver.orders",
        "EXPLAIN ANALYZE SELECT * FROM silver.orders",
        "/* why */ EXPLAIN (FORMAT json) SELECT * FROM silver.orders",
        "EXPLAIN (ANALYZE, FORMAT json) SELECT * FROM silver.orders",
    ],
)
def test_questions_about_tables_and_plans_are_answered(guarded: Workspace, sql: str) -> None:
    guarded_query(guarded, sql).fetchall()


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE t AS SELECT 1",
        "CREATE TABLE t AS PIVOT silver.orders ON kind USING count(*)",
        "CREATE OR REPLACE VIEW silver.orders AS SELECT 1",
        "INSERT INTO silver.orders VALUES (1)",
        "DELETE FROM silver.orders",
        "UPDATE silver.orders SET id = 1",
        "DROP VIEW silver.orders",
        "COPY silver.orders TO '/tmp/orders.csv'",
        "COPY (SELECT 1) TO '{warehouse}/x.parquet'",
        "EXPORT DATABASE '{warehouse}/x'",
        "ATTACH '{warehouse}/x.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET threads = 1",
        "RESET threads",
        "PRAGMA enable_profiling",
        "CALL enable_logging()",
        "CHECKPOINT",
        "BEGIN",
        "EXPLAIN ANALYZE INSERT INTO silver.orders VALUES (1)",
        "EXPLAIN (ANALYZE) COPY (SELECT 1) TO '{warehouse}/x.parquet'",
        "EXPLAIN (FORMAT json, ANALYZE) CREATE TABLE t AS SELECT 1",
        "/* */ EXPLAIN -- \n ANALYZE DELETE FROM silver.orders",
        "SELECT * FROM enable_logging(storage = 'file', storage_path = '{warehouse}')",
        "SELECT \"write_log\"('x')",
        "SELECT * FROM query('SELECT 1')",
        "FROM json_execute_serialized_sql(json_serialize_sql('FROM enable_logging()'))",
        "FROM enable_profiling(format = 'json')",
        'FROM "disable_profiling"()',
        "EXPLAIN ANALYZE FROM enable_profiling()",
        "FROM pandas_scan(12345678)",
        "FROM arrow_scan(1, 2, 3)",
        "SELECT 1; DROP VIEW silver.orders",
        "SELECT 1; SELECT 2",
        "",
        " -- nothing",
    ],
)
def test_everything_else_is_refused(guarded: Workspace, sql: str) -> None:
    with pytest.raises((ReadOnly, QueryError)) as caught:
        guarded_query(guarded, sql.format(warehouse=guarded.session.storage.warehouse))
    assert caught.value.exit_code != 0
    assert guarded_query(guarded, "SELECT count(*) FROM silver.orders").fetchone() == (6,)


@pytest.mark.parametrize(
    "sql",
    [
        "FROM '{outside}'",
        "FROM read_csv('{outside}')",
        "FROM read_text('{outside}')",
        "FROM read_blob('{outside}')",
        "FROM glob('{folder}/*')",
        "FROM sniff_csv('{outside}')",
        "FROM read_csv('{warehouse}/../secret.csv')",
        "FROM read_csv('{parent}/secret.csv')",
        "FROM glob('{parent}/*')",
        "FROM read_text('s3://other/secret.csv')",
        "FROM read_csv('https://127.0.0.1:1/x.csv')",
        "FROM iceberg_scan('{folder}')",
        "SELECT getenv('HOME')",
    ],
)
def test_files_outside_the_lake_stay_unread(guarded: Workspace, sql: str, tmp_path: Path) -> None:
    outside = tmp_path / "secret.csv"
    outside.write_text("a\nsecret\n", encoding="utf-8")
    storage = guarded.session.storage
    parent = storage.warehouse.rpartition("/")[0]
    if not storage.exists(f"{parent}/secret.csv"):
        storage.write(f"{parent}/secret.csv", b"a\nsecret\n")
    with pytest.raises(HeadgateError) as caught:
        guarded_query(
            guarded, sql.format(outside=outside, folder=tmp_path, warehouse=storage.warehouse, parent=parent)
        ).fetchall()
    assert "secret\n" not in str(caught.value)


KEYS = {
    "AWS_ACCESS_KEY_ID": "key-of-the-environment",
    "AWS_SECRET_ACCESS_KEY": "secret-of-the-environment",
    "AWS_SESSION_TOKEN": "token-of-the-environment",
    "AWS_ENDPOINT_URL": "http://endpoint.of.the.environment",
}


def test_keys_cannot_be_asked_for(
    make_session: Callable[..., Session], workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    session = make_session()
    lock(session)
    reader = Workspace(workspace.catalog, "main", session)
    settings = guarded_query(reader, "SELECT string_agg(value, ' ') FROM duckdb_settings()").fetchone()
    assert settings is not None
    access = session.storage.access
    hidden = {*KEYS.values(), access.access_key or "?", access.secret_key or "?"}
    assert not [value for value in hidden if value in settings[0]]
    for sql in ("FROM duckdb_secrets()", 'FROM "duckdb_secrets"()', "FROM which_secret('s3://lake/x', 's3')"):
        with pytest.raises(ReadOnly):
            guarded_query(reader, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "PRAGMA import_database('{folder}')",
        "/**/ IMPORT DATABASE '{folder}'",
        "\ufeffPRAGMA import_database('{folder}')",
        "IMPORT\u200bDATABASE '{folder}'",
    ],
)
def test_statements_of_a_file_are_not_run(guarded: Workspace, sql: str) -> None:
    storage = guarded.session.storage
    folder, target = f"{storage.warehouse}/import", f"{storage.warehouse}/imported.csv"
    if not storage.exists(f"{folder}/schema.sql"):
        storage.write(f"{folder}/schema.sql", f"COPY (SELECT 1) TO '{target}';".encode())
        storage.write(f"{folder}/load.sql", b"SELECT 1;")
    with pytest.raises(ReadOnly):
        guarded_query(guarded, sql.format(folder=folder)).fetchall()
    assert not storage.exists(target)


def test_variables_of_the_program_are_no_tables(session: Session) -> None:
    rows = [1, 2, 3]
    with pytest.raises(QueryError):
        session.rows("SELECT * FROM rows")
    assert rows
