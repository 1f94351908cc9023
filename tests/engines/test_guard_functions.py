"""All of DuckDB, one by one, from a query: its functions, settings, pragmas, keywords, statements and formats."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from headgate.engines.duckdb import Session
from headgate.engines.guard import guarded_query, lock
from headgate.engines.references import respaced
from headgate.engines.workspace import Workspace
from headgate.errors import HeadgateError, QueryError, ReadOnly
from headgate.types import literal, quote

SECRET = "text-that-no-query-may-see"
_PARTS = re.compile(r"^\[(\w+)\]\n((?:(?!\[).+\n)+)", re.MULTILINE)
LISTED = {part[1]: part[2].split() for part in _PARTS.finditer((Path(__file__).parent / "functions.txt").read_text())}


class Outside:
    """Files and a port outside of the lake, which no query may read, change or reach."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._listen, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/secret.csv"
        self.secret = folder / "secret.csv"
        self.secret.write_text(f"a\n{SECRET}\n", encoding="utf-8")
        with duckdb.connect(str(folder / "secret.db")) as connection:
            connection.execute(f"CREATE TABLE secrets AS SELECT {literal(SECRET)} AS a")
            connection.execute(f"COPY secrets TO {literal(str(folder / 'secret.parquet'))}")
            connection.execute(f"COPY secrets TO {literal(str(folder / 'secret.json'))}")
        self._before = self._files()

    def close(self) -> None:
        self._listener.close()

    def assert_untouched(self, what: str) -> None:
        """Nothing was written, and nobody called."""
        assert self._files() == self._before, what
        assert self.connections == 0, what

    @property
    def targets(self) -> list[str]:
        """What may be asked for: files of several kinds, their folder, and the port."""
        return [*map(str, sorted(self._before)), str(self.folder), f"file://{self.secret}", self.url]

    def _files(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    found = Outside(tmp_path_factory.mktemp("outside"))
    yield found
    found.close()


def functions(session: Session, *kinds: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """Kind, name and types of the parameters of every function of these kinds."""
    rows = session.rows(
        "SELECT DISTINCT function_type, function_name, parameter_types FROM duckdb_functions()"
        " WHERE list_contains(?, function_type) ORDER BY ALL",
        [list(kinds)],
    )
    return [(kind, name, tuple(map(str, types or ()))) for kind, name, types in rows]


def answer(guarded: Workspace, sql: str) -> str:
    """What a query gives, its error included, as text."""
    try:
        return repr(guarded_query(guarded, sql).fetchmany(1000))
    except (HeadgateError, duckdb.Error) as error:
        # An error quotes the statement.
        return str(error).replace(sql, "")


def test_every_function_was_looked_at(make_session: Callable[..., Session]) -> None:
    """Goes red when another DuckDB brings a function that nobody has looked at."""
    # Of a new session: one that wrote to buckets has functions for that, which headgate defined.
    session = make_session()
    rows = session.rows("SELECT DISTINCT function_type = 'pragma', function_name FROM duckdb_functions()")
    assert sorted(name for pragma, name in rows if pragma) == sorted(LISTED["pragma"])
    listed = [name for part in ("refused", "files", "session", "computes") for name in LISTED[part]]
    assert sorted(listed) == sorted(name for pragma, name in rows if not pragma)


@pytest.mark.parametrize("name", LISTED["refused"])
def test_what_does_more_than_read_is_refused_however_it_is_written(guarded: Workspace, name: str) -> None:
    spaces = ["", " ", "\n", "/* ( */", "--\n", "\u00a0", "\u200b", "\u2060", "\ufeff"]
    calls = [f"{written}{space}('x')" for written in (name, name.upper(), quote(name)) for space in spaces]
    for call in calls:
        for sql in (
            f"FROM {call}",
            f"SELECT {call}",
            f"EXPLAIN ANALYZE FROM {call}",
            f"SELECT * FROM (DESCRIBE {call})",
        ):
            with pytest.raises((ReadOnly, QueryError)) as caught:
                guarded_query(guarded, sql)
            # An error of the parser would do as well, but then something else is tried than is meant.
            assert isinstance(caught.value, ReadOnly) or "DESCRIBE" in sql, ascii(sql)


@pytest.mark.parametrize("name", LISTED["files"])
def test_what_reads_files_reads_none_outside_the_lake(guarded: Workspace, outside: Outside, name: str) -> None:
    for target in outside.targets:
        for arguments in (literal(target), f"[{literal(target)}]", f"{literal(target)}, 'a', 1"):
            with pytest.raises((QueryError, HeadgateError)) as caught:
                guarded_query(guarded, f"FROM {quote(name)}({arguments})").fetchall()
            assert SECRET not in str(caught.value)
    outside.assert_untouched(name)


def _argument(kind: str, text: str) -> str:
    if kind in ("VARCHAR", "ANY", "BLOB", "JSON", "T", "K", "V"):
        return literal(text)
    if kind.endswith("[]"):
        return f"[{literal(text)}]"
    if "INT" in kind or kind in ("DOUBLE", "FLOAT", "DECIMAL"):
        return "1"
    return f"CAST(NULL AS {kind})" if re.fullmatch(r"[A-Z ]+", kind) else "NULL"


def test_what_computes_touches_nothing(guarded: Workspace, outside: Outside) -> None:
    known = {*LISTED["computes"], *LISTED["session"]}
    tried: set[str] = set()
    for kind, name, types in functions(guarded.session, "scalar", "aggregate", "macro", "table", "table_macro"):
        if name not in known or not re.fullmatch(r"\w+", name):
            continue
        tried.add(name)
        for target in (str(outside.secret), outside.url):
            arguments = ", ".join(_argument(each, target) for each in types)
            call = f"{quote(name)}({arguments})"
            found = answer(guarded, f"FROM {call}" if kind.startswith("table") else f"SELECT {call}")
            assert SECRET not in found, call
    outside.assert_untouched("computing")
    assert len(tried) > 750


@pytest.mark.parametrize("name", LISTED["pragma"])
def test_no_pragma_is_run(guarded: Workspace, outside: Outside, name: str) -> None:
    target = literal(str(outside.secret))
    for begin in ("", "\n", "/* */", "-- \n", "\u200b", "\ufeff", "\u00a0"):
        for sql in (
            f"PRAGMA {name}",
            f"PRAGMA {name}({target})",
            f"PRAGMA\u200b{name}={target}",
            f"EXPLAIN PRAGMA {name}",
        ):
            with pytest.raises((ReadOnly, QueryError)):
                guarded_query(guarded, begin + sql)


def test_no_setting_is_changed(guarded: Workspace) -> None:
    before = guarded.session.rows("FROM duckdb_settings() ORDER BY ALL")
    names = [str(row[0]) for row in before]
    assert len(names) > 150
    for name in names:
        for sql in (
            f"SET {name} = 1",
            f"SET GLOBAL {name} = 'x'",
            f"RESET {name}",
            f"PRAGMA {name} = 1",
            f"PRAGMA {name}",
        ):
            with pytest.raises((ReadOnly, QueryError)):
                guarded_query(guarded, sql)
    assert guarded.session.rows("FROM duckdb_settings() ORDER BY ALL") == before


def test_what_a_setting_says_is_no_secret(
    make_session: Callable[..., Session], workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://someone:{SECRET}@127.0.0.1:9")
    session = make_session()
    lock(session)
    guarded = Workspace(workspace.catalog, "main", session)
    for sql in ("FROM duckdb_settings()", "SELECT current_setting('http_proxy')"):
        found = answer(guarded, sql)
        assert "127.0.0.1:9" in found
        assert SECRET not in found


WORDS = {
    # What may begin a query that is answered; all other words of SQL begin none.
    "describe",
    "desc",
    "explain",
    "from",
    "pivot",
    "pivot_wider",
    "pivot_longer",
    "select",
    "show",
    "summarize",
    "table",
    "unpivot",
    "values",
    "with",
}


def test_no_other_word_begins_a_query(guarded: Workspace, outside: Outside) -> None:
    words = [str(word) for (word,) in guarded.session.rows("SELECT DISTINCT keyword_name FROM duckdb_keywords()")]
    assert len(words) > 400
    for word in {*words} - WORDS:
        target = literal(str(outside.folder / "made"))
        for rest in (
            "",
            " x",
            f" {target}",
            " TABLE x",
            f" DATABASE {target}",
            " ALL",
            "(1)",
            f" silver.orders TO {target}",
        ):
            with pytest.raises((ReadOnly, QueryError)):
                guarded_query(guarded, word + rest)
    outside.assert_untouched("keywords")


# One statement of each type that DuckDB knows, or None where none is written as such.
STATEMENTS = {
    "INVALID": None,
    "SELECT": None,
    "INSERT": "INSERT INTO silver.orders VALUES (1, 2)",
    "UPDATE": "UPDATE silver.orders SET id = 1",
    "CREATE": "CREATE TEMP TABLE t AS SELECT 1",
    "DELETE": "DELETE FROM silver.orders",
    "PREPARE": "PREPARE p AS COPY (SELECT 1) TO {target}",
    "EXECUTE": "EXECUTE p",
    "ALTER": "ALTER VIEW silver.orders RENAME TO others",
    "TRANSACTION": "BEGIN",
    "COPY": "COPY (SELECT 1) TO {target}",
    "ANALYZE": "ANALYZE",
    "VARIABLE_SET": "SET VARIABLE x = 1",
    "CREATE_FUNC": "CREATE MACRO m(x) AS TABLE FROM read_text(x)",
    "EXPLAIN": "EXPLAIN ANALYZE COPY (SELECT 1) TO {target}",
    "DROP": "DROP VIEW silver.orders",
    "EXPORT": "EXPORT DATABASE {target}",
    "PRAGMA": "PRAGMA database_list",
    "VACUUM": "VACUUM",
    "CALL": "CALL enable_logging()",
    "SET": "SET threads = 1",
    "LOAD": "LOAD httpfs",
    "RELATION": None,
    "EXTENSION": None,
    "LOGICAL_PLAN": None,
    "ATTACH": "ATTACH {target}",
    "DETACH": "DETACH memory",
    "MULTI": "IMPORT DATABASE {target}",
    "COPY_DATABASE": "COPY FROM DATABASE memory TO other",
    "MERGE_INTO": "MERGE INTO silver.orders USING silver.orders o ON true WHEN MATCHED THEN DELETE",
}


def test_every_type_of_statement_is_known() -> None:
    assert set(duckdb.StatementType.__members__) == STATEMENTS.keys()


@pytest.mark.parametrize("sql", [sql for sql in STATEMENTS.values() if sql])
def test_no_type_of_statement_but_one_that_reads_is_run(guarded: Workspace, outside: Outside, sql: str) -> None:
    sql = sql.format(target=literal(str(outside.folder / "made")))
    variants = [
        sql,
        f"/* */{sql}",
        sql.replace(" ", "\u200b"),
        sql.replace(" ", "\u00a0"),
        f"\ufeff{sql}",
        f"EXPLAIN {sql}",
    ]
    variants += [f"EXPLAIN ANALYZE {sql}", f"SELECT 1; {sql}", f"{sql}; SELECT 1", f"WITH x AS ({sql}) FROM x"]
    variants += [f"FROM ({sql})", f"SELECT $a\u200bb$ ' $a\u200bb$; {sql}; --'", f"SELECT /*'*/ 1\u200b; {sql} /*'*/"]
    for each in variants:
        with pytest.raises((ReadOnly, QueryError)):
            guarded_query(guarded, each)
    outside.assert_untouched(sql)
    assert guarded_query(guarded, "SELECT count(*) FROM silver.orders").fetchone() == (6,)


@pytest.mark.parametrize("form", ["csv", "parquet", "json", "avro", "xlsx", "arrow", "blob", "iceberg", "none"])
def test_no_format_is_written(guarded: Workspace, outside: Outside, form: str) -> None:
    inside = f"{guarded.session.storage.warehouse}/made"
    for target in (str(outside.folder / "made"), inside, outside.url, "s3://bucket/made", "/dev/stdout"):
        with pytest.raises((ReadOnly, QueryError)):
            guarded_query(guarded, f"COPY (SELECT 1 AS a) TO {literal(target)} (FORMAT {form})")
    outside.assert_untouched(form)
    assert not guarded.session.storage.exists(inside)


@pytest.mark.parametrize("kind", ["duckdb", "sqlite", "postgres", "mysql", "iceberg", "ducklake", "delta", "quack"])
def test_nothing_is_attached(guarded: Workspace, outside: Outside, kind: str) -> None:
    for target in (*outside.targets, f"host=127.0.0.1 port={outside.url.split(':')[2].split('/')[0]}"):
        for sql in (f"ATTACH {literal(target)} AS a (TYPE {kind})", f"ATTACH {literal(f'{kind}:{target}')}"):
            with pytest.raises((ReadOnly, QueryError)):
                guarded_query(guarded, sql)
    for sql in (f"INSTALL {kind}", f"FORCE INSTALL {kind} FROM {literal(outside.url)}", f"LOAD {literal(outside.url)}"):
        with pytest.raises((ReadOnly, QueryError)):
            guarded_query(guarded, sql)
    outside.assert_untouched(kind)


def test_files_are_no_tables(guarded: Workspace, outside: Outside) -> None:
    for target in outside.targets:
        stem, _, ending = target.rpartition(".")
        names = [literal(target), quote(target), f"e{literal(target)}", f"$${target}$$", f"main.{quote(target)}"]
        for name in (*names, f"{quote(stem)}.{quote(ending)}", f"memory.{quote(stem)}.{quote(ending)}"):
            for sql in (f"FROM {name}", f"SUMMARIZE {name}", f"DESCRIBE {name}", f"TABLE {name}", f"PIVOT {name} ON a"):
                with pytest.raises(HeadgateError) as caught:
                    guarded_query(guarded, sql).fetchall()
                assert SECRET not in str(caught.value)
    outside.assert_untouched("tables")


def test_a_name_that_a_query_gives_to_a_part_of_itself_hides_nothing(guarded: Workspace, outside: Outside) -> None:
    secret = literal(str(outside.secret))
    for sql in (
        f"WITH read_text AS (SELECT 1) FROM read_text({secret})",
        f'WITH "silver.orders" AS (FROM {secret}) FROM "silver.orders"',
        f"WITH RECURSIVE t AS (SELECT 1 UNION ALL FROM {secret}) FROM t",
        f"SELECT (SELECT content FROM read_text({secret}))",
        f"SELECT * FROM range(1) AS query, LATERAL (FROM read_text({secret}))",
        f"FROM silver.orders WHERE id IN (SELECT 1 FROM {secret})",
    ):
        with pytest.raises(QueryError):
            guarded_query(guarded, sql).fetchall()
    assert guarded_query(guarded, "WITH query AS (SELECT 1 AS a) SELECT query.a FROM query").fetchall() == [(1,)]


SPACES = [chr(each) for each in (0xA0, *range(0x2000, 0x200C), 0x202F, 0x205F, 0x2060, 0x3000, 0xFEFF)]


def test_spaces_are_what_duckdb_takes_for_spaces(session: Session) -> None:
    """Goes red when DuckDB's parser takes other characters for spaces than the guard does."""

    def is_space(character: str) -> bool:
        try:
            return bool(session.rows(f"SELECT 42{character}AS got"))
        except QueryError:
            return False

    candidates = [chr(code) for code in range(0x80, 0x10000) if not 0xD800 <= code < 0xE000 and not chr(code).isalnum()]
    unlikely = range(0x3100, 0xFE00)
    assert [each for each in candidates if ord(each) not in unlikely and is_space(each)] == SPACES


@pytest.mark.parametrize("space", SPACES, ids=ascii)
def test_a_text_keeps_its_quotes_and_loses_its_spaces(guarded: Workspace, space: str) -> None:
    sql = f"{space}SELECT{space}'a{space}b'{space}AS \"c{space}d\"{space}--{space}\n, $x${space}$x$ AS e"
    assert len(respaced(sql).encode()) == len(sql.encode())
    cursor = guarded_query(guarded, sql)
    assert [column[0] for column in cursor.description] == [f"c{space}d", "e"]
    assert cursor.fetchall() == [(f"a{space}b", space)]
    assert respaced("SELECT 'no other text changes'") == "SELECT 'no other text changes'"


def test_what_is_no_text_is_told(guarded: Workspace) -> None:
    with pytest.raises(QueryError, match="no character") as caught:
        guarded_query(guarded, "SELECT '\ud800'")
    assert caught.value.place == "character 9 of the statement"


def test_explain_takes_a_query_in_parentheses(guarded: Workspace) -> None:
    for sql in ("EXPLAIN (SELECT 1)", "EXPLAIN ANALYZE (SELECT 1)", "EXPLAIN (FORMAT json) (SELECT 1)"):
        assert guarded_query(guarded, sql).fetchall()
