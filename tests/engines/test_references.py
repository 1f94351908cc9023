from __future__ import annotations

import pytest

from headgate.engines.references import qualified_names


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT * FROM silver.orders", [("silver", "orders")]),
        ("select 1", []),
        ("", []),
        ("FROM a.b JOIN a.c USING (x) WHERE a.b.x > 1", [("a", "b"), ("a", "c"), ("b", "x")]),
        ('FROM "memory"."Silver"."my orders"', [("memory", "Silver"), ("Silver", "my orders")]),
        ('FROM "a""b" . "c.d"', [('a"b', "c.d")]),
        ("FROM a /* x.y */ . -- u.v\n b", [("a", "b")]),
        ("SELECT 'silver.orders' FROM x", []),
        ("SELECT $$silver.orders$$ FROM x", []),
        ("FROM grün.größe", [("grün", "größe")]),
        ("FROM date.values", [("date", "values")]),
        ("CREATE VIEW a.v AS FROM b.t", [("a", "v"), ("b", "t")]),
        ("SELECT 1.5, t.x FROM s.t", [("t", "x"), ("s", "t")]),
    ],
)
def test_names_are_found_in_their_order(sql: str, names: list[tuple[str, str]]) -> None:
    assert list(qualified_names(sql)) == names
