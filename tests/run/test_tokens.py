"""Tokens: one secret each, shown once, kept as a hash, gone when it is revoked or expired."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from headgate import database
from headgate.database import Database
from headgate.errors import AlreadyExists, NotFound, UsageError
from headgate.run.tokens import Tokens, parse_lifetime


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    opened = Database.open(f"sqlite:///{tmp_path}/state.db")
    yield opened
    opened.close()


@pytest.fixture
def tokens(db: Database) -> Tokens:
    return Tokens(db)


def age(db: Database, name: str, by: timedelta) -> None:
    """Make a token older than it is."""
    with db.write() as connection:
        table = database.tokens
        row = connection.execute(select(table).where(table.c.name == name)).mappings().one()
        values = {key: row[key] - by for key in ("created", "expires") if row[key]}
        connection.execute(update(table).where(table.c.name == name).values(values))


def test_a_secret_leads_to_its_token_and_is_kept_as_a_hash(db: Database, tokens: Tokens, tmp_path: Path) -> None:
    made = tokens.create("spark")

    found = tokens.of_secret(made.secret)
    assert found is not None
    assert (found.name, found.status) == ("spark", "valid")
    with db.read() as connection:
        (row,) = connection.execute(select(database.tokens)).mappings()
    assert row["hash"] == hashlib.sha256(made.secret.encode()).hexdigest()
    assert made.secret not in str(row)
    assert made.secret not in repr(made)


@pytest.mark.parametrize("change", [lambda s: s[:-1], lambda s: s + "x", lambda s: s[:-1] + "~", lambda s: s.upper()])
def test_a_secret_that_is_changed_leads_nowhere(tokens: Tokens, change: object) -> None:
    secret = tokens.create("spark").secret
    assert callable(change)
    assert tokens.of_secret(change(secret)) is None


def test_a_secret_under_the_id_of_another_token_leads_nowhere(tokens: Tokens) -> None:
    one, other = tokens.create("one"), tokens.create("other")
    mixed = f"hg_{one.token.id}_{other.secret.rpartition('_')[2]}"
    assert tokens.of_secret(f"hg_{one.token.id}_{other.secret[20:]}") is None
    assert tokens.of_secret(mixed) is None


def test_a_revoked_token_holds_no_more(tokens: Tokens) -> None:
    made = tokens.create("ci")
    assert tokens.revoke("ci").status == "revoked"
    assert tokens.of_secret(made.secret) is None
    assert tokens.of_id(made.token.id) is None
    first = tokens.list()[0].revoked
    assert tokens.revoke("ci").revoked == first
    with pytest.raises(NotFound, match="no token 'cli'") as raised:
        tokens.revoke("cli")
    assert raised.value.hint == "Did you mean 'ci'?"


def test_an_expired_token_holds_no_more(db: Database, tokens: Tokens) -> None:
    made = tokens.create("ci", timedelta(days=90))
    age(db, "ci", timedelta(days=89))
    assert tokens.of_secret(made.secret) is not None
    age(db, "ci", timedelta(days=1, seconds=1))
    assert tokens.of_secret(made.secret) is None
    assert tokens.of_id(made.token.id) is None
    assert [token.status for token in tokens.list()] == ["expired"]


def test_a_name_is_free_again_when_its_token_holds_no_more(tokens: Tokens) -> None:
    before = tokens.create("ci")
    with pytest.raises(AlreadyExists, match="'ci'"):
        tokens.create("ci")
    tokens.revoke("ci")
    after = tokens.create("ci")
    assert tokens.of_secret(before.secret) is None
    assert tokens.of_secret(after.secret) is not None
    assert len(tokens.list()) == 1


@pytest.mark.parametrize("name", ["", "a b", "a:b", "-a", "é", "a" * 65, "a/b"])
def test_a_name_that_cannot_be_one(tokens: Tokens, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a token"):
        tokens.create(name)


def test_the_first_token_is_made_once(tokens: Tokens) -> None:
    made = tokens.create_first()
    assert made is not None
    assert made.token.name == "local"
    assert tokens.create_first() is None
    tokens.revoke("local")
    assert tokens.create_first() is None


def test_the_signing_key_stays(db: Database) -> None:
    assert Tokens(db).signing_key() == Tokens(db).signing_key()
    assert len(Tokens(db).signing_key()) == 32


def test_times_to_live() -> None:
    found = {text: parse_lifetime(text) for text in ("30m", "12h", "90d", "2W")}
    assert list(found.values()) == [
        timedelta(minutes=30),
        timedelta(hours=12),
        timedelta(days=90),
        timedelta(weeks=2),
    ]


@pytest.mark.parametrize("text", ["", "90", "d", "-1d", "0d", "1.5d", "90 days", "999999w", "\N{FULLWIDTH DIGIT ONE}d"])
def test_what_is_no_time_to_live(text: str) -> None:
    with pytest.raises(UsageError, match="time to live"):
        parse_lifetime(text)


def test_a_token_tells_when_it_was_made(tokens: Tokens) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    assert before <= tokens.create("ci").token.created <= datetime.now(UTC)
