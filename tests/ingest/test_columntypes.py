from __future__ import annotations

import duckdb
import pytest

from headgate.ingest.columntypes import parse_type


@pytest.mark.parametrize(
    "text",
    [
        "bigint", "INT", "decimal(10,2)", "numeric", "decimal(5)", "double precision", "varchar(20)",
        "timestamp with time zone", "timestamptz", "uuid", "struct(a int, b varchar[])",
        'struct("2.0" double, "a ""b" int[][])',
        "map(varchar, double)", "map(int, struct(x date)[])", "json", "blob", "time", "boolean[]",
    ],
)  # fmt: skip  # one family a line
def test_types_are_those_of_duckdb(text: str) -> None:
    connection = duckdb.connect()
    expected, found = (
        connection.execute(f"SELECT typeof(CAST(NULL AS {kind}))").fetchall()[0][0]
        for kind in (text, parse_type(text).sql)
    )
    assert found == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bigit", "there is no type 'bigit'; did you mean 'bigint'?"),
        ("interval", "take varchar"),
        ("decimal(40,2)", "1 to 38 digits"),
        ("decimal(2,3)", "1 to 38 digits"),
        ("decimal(x)", "something else than numbers"),
        ("struct(a int", "lacks a ')'"),
        ("struct(a", "ends too early"),
        ("map(int)", "write map(key, value)"),
        ("int int", "goes on"),
        ("int(3)", "takes none"),
        ("", "ends too early"),
        ("int;", "where a type"),
    ],
)
def test_types_that_are_none(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        parse_type(text)
    assert message in str(raised.value)
