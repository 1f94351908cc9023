"""Names of refs as Nessie takes them: any name there is, no two alike, and readable ones left alone."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.catalog.nessie.model import Key
from headgate.catalog.nessie.names import from_nessie, key_of, name_of, namespaces_above, to_nessie
from headgate.types import Name, namespace_name

# What Nessie's OpenAPI document says of a reference's name, and what the server adds to that.
TAKEN = re.compile(r"[A-Za-z](?:(?:(?![.][.])[A-Za-z0-9./_-])*[A-Za-z0-9_-])?")
REFUSED = re.compile(r"HEAD|DETACHED|[0-9a-fA-F]{8,64}")


@pytest.mark.parametrize("name", ["main", "run/20261120T2130-ab12", "team/feature-1", "v1.2.3", "a" * 255, "x--y"])
def test_a_name_that_nessie_takes_stays_as_it_is(name: str) -> None:
    assert to_nessie(name) == name == from_nessie(name)


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("größe", "grx--f6-x--df-e"),
        ("2026", "x--32-026"),
        ("a.", "ax--2e-"),
        ("a+b", "ax--2b-b"),
        ("HEAD", "x--48-EAD"),
        ("deadbeef", "x--64-eadbeef"),
        ("x--f6-", "x--78---f6-"),
    ],
)
def test_any_other_is_written_with_code_points(name: str, there: str) -> None:
    assert to_nessie(name) == there
    assert from_nessie(there) == name


@given(st.text(alphabet=st.sampled_from("axf-./_0678öHEADbc表"), min_size=1, max_size=20))
def test_every_name_is_taken_and_comes_back(name: str) -> None:
    there = to_nessie(name)
    assert TAKEN.fullmatch(there)
    assert not REFUSED.fullmatch(there)
    assert from_nessie(there) == name


def test_a_key_is_the_parts_of_a_name_and_a_namespace_has_no_last_part() -> None:
    assert key_of(Name.of("a", "b.c", "t")) == Key(elements=("a", "b.c", "t"))
    assert key_of(namespace_name(("a", "b.c"))) == Key(elements=("a", "b.c"))
    assert name_of(Key(elements=("a", "t")), namespace=False) == Name.of("a", "t")
    assert name_of(Key(elements=("a", "t")), namespace=True) == namespace_name(("a", "t"))
    assert namespaces_above(Key(elements=("a", "b", "t"))) == [Key(elements=("a",)), Key(elements=("a", "b"))]
