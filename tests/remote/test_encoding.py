"""Values on their way: exactly what they were, or what a reader of JSON expects."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.errors import QueryError
from headgate.remote.encoding import encode, exact, plain, restore
from headgate.types import CheckStatus, Name

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.decimals(allow_nan=False)
    | st.dates()
    | st.times()
    | st.datetimes()
    | st.datetimes(timezones=st.just(UTC))
    | st.timedeltas()
    | st.uuids()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(), inner) | st.dictionaries(st.integers() | st.dates(), inner)
    ),
    max_leaves=10,
)


@given(VALUES)
def test_what_is_sent_exactly_comes_back_as_it_was(value: Any) -> None:
    found = restore(json.loads(json.dumps(exact(value))))
    assert found == value
    assert type(found) is type(value)


def test_numbers_that_json_lacks_come_back() -> None:
    found = restore(json.loads(json.dumps(exact([float("inf"), float("-inf"), float("nan")]))))
    assert found[:2] == [float("inf"), float("-inf")]
    assert found[2] != found[2]


def test_every_digit_and_every_zone_is_kept() -> None:
    values = [Decimal("1.500"), Decimal("1E+3"), datetime(2026, 1, 1, 12, tzinfo=UTC), timedelta(microseconds=1)]
    found = restore(json.loads(json.dumps(exact(values))))
    assert [str(value) for value in found] == [str(value) for value in values]


def test_a_key_that_looks_like_the_mark_of_a_kind_is_a_key() -> None:
    value = {"$": "decimal", "value": "1.5"}
    assert restore(json.loads(json.dumps(exact(value)))) == value


def test_what_has_fields_is_sent_as_them() -> None:
    assert exact(Name.of("a", "b.c")) == {"parts": ["a", "b.c"]}
    assert exact(CheckStatus.PASSED) == "passed"
    assert exact((1, Path("/x"))) == [1, "/x"]
    assert exact(QueryError("m", hint="h"))["hint"] == "h"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("12.50"), "12.50"),
        (date(2026, 1, 2), '"2026-01-02"'),
        (time(1, 2), '"01:02:00"'),
        (b"\x01\xff", '"01ff"'),
        (float("nan"), '"nan"'),
        (Name.of("a", "b.c"), '"a.\\"b.c\\""'),
        (uuid.UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        ({1: [None, True]}, '{"1": [null, true]}'),
    ],
)
def test_a_reader_of_json_gets_plain_values(value: Any, text: str) -> None:
    assert encode(plain(value)) == text
