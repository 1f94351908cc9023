"""Tokens: who may ask a server for this lake.

A token has a name, for people and for the log, and a secret, which is shown once. The state database keeps a SHA-256
of the secret: with 256 random bits in it there is nothing to guess, so a slow hash would only slow the server down.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import RowMapping, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from headgate import database
from headgate.database import Database
from headgate.errors import AlreadyExists, NotFound, UsageError, did_you_mean

FIRST = "local"
"""Name of the token that a server makes when the lake has none."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SECRET = re.compile(r"hg_([0-9a-f]{16})_[A-Za-z0-9_-]{43}")
_LIFETIME = re.compile(r"([1-9][0-9]{0,5})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LONGEST = timedelta(days=3653)
_SIGNING_KEY = "signing-key"


@dataclass(frozen=True)
class Token:
    """A token without its secret.

    Attributes:
        id: Part of the secret, by which it is found.
        name: What the log calls whoever uses it.
        expires: When it stops to hold; None for never.
        revoked: Since when it does not hold any more.
    """

    id: str
    name: str
    created: datetime
    expires: datetime | None = None
    revoked: datetime | None = None

    @property
    def status(self) -> str:
        """`valid`, `expired` or `revoked`, now."""
        if self.revoked:
            return "revoked"
        return "expired" if self.expires and self.expires <= datetime.now(UTC) else "valid"

    def to_dict(self) -> dict[str, object]:
        return {
            "name": self.name,
            "status": self.status,
            "created": self.created,
            "expires": self.expires,
            "revoked": self.revoked,
        }


@dataclass(frozen=True)
class NewToken:
    """A token that was made, and its secret, which nothing can show again."""

    token: Token
    secret: str = field(repr=False)


class Tokens:
    """The tokens of a lake."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def create(self, name: str, lifetime: timedelta | None = None) -> NewToken:
        """Make a token; one of the same name that holds no more gives way.

        Raises:
            UsageError: The name cannot be one.
            AlreadyExists: A valid token has it.
        """
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"'{name}' cannot be the name of a token.",
                hint="Letters, digits, '.', '_' and '-', at most 64; a letter or digit first.",
            )
        now = datetime.now(UTC)
        token = Token(secrets.token_hex(8), name, now, now + lifetime if lifetime else None)
        secret = f"hg_{token.id}_{secrets.token_urlsafe(32)}"
        tokens = database.tokens
        with self._db.write() as connection:
            found = connection.execute(select(tokens).where(tokens.c.name == name)).mappings().first()
            if found and _token(found).status == "valid":
                raise _taken(name)
            connection.execute(delete(tokens).where(tokens.c.name == name))
            try:
                connection.execute(
                    insert(tokens).values(
                        id=token.id, name=name, hash=_hash(secret), created=now, expires=token.expires
                    )
                )
            except IntegrityError as error:
                raise _taken(name) from error
        return NewToken(token, secret)

    def create_first(self) -> NewToken | None:
        """The token for a lake that never had one; None when it has, or had."""
        if self.list():
            return None
        try:
            return self.create(FIRST)
        except AlreadyExists:
            return None

    def list(self) -> list[Token]:
        """All tokens by name, those that hold no more too."""
        tokens = database.tokens
        with self._db.read() as connection:
            return [_token(row) for row in connection.execute(select(tokens).order_by(tokens.c.name)).mappings()]

    def revoke(self, name: str) -> Token:
        """Let a token hold no more, from the next request on.

        Raises:
            NotFound: There is none of that name.
        """
        tokens = database.tokens
        known = {token.name: token for token in self.list()}
        if name not in known:
            raise NotFound(f"There is no token '{name}'.", hint=did_you_mean(name, known) or "headgate token list")
        with self._db.write() as connection:
            connection.execute(
                update(tokens)
                .where(tokens.c.name == name, tokens.c.revoked.is_(None))
                .values(revoked=datetime.now(UTC))
            )
            return _token(connection.execute(select(tokens).where(tokens.c.name == name)).mappings().one())

    def of_secret(self, secret: str) -> Token | None:
        """The valid token that a secret is of, or None."""
        shape = _SECRET.fullmatch(secret)
        found = self._row(shape[1]) if shape else None
        # Compared even where there is no such token, so that the time it takes tells nothing.
        matches = hmac.compare_digest(_hash(secret), str(found["hash"]) if found else _hash(""))
        token = _token(found) if found and matches else None
        return token if token and token.status == "valid" else None

    def of_id(self, token_id: str) -> Token | None:
        """The valid token of an id, or None."""
        found = self._row(token_id)
        token = _token(found) if found else None
        return token if token and token.status == "valid" else None

    def signing_key(self) -> bytes:
        """The key that access tokens are signed with, made on first use and the same for every server of the lake."""
        stored = database.secrets
        asked = select(stored.c.value).where(stored.c.name == _SIGNING_KEY)
        with self._db.read() as connection:
            found: str | None = connection.execute(asked).scalar_one_or_none()
        if found is None:
            with self._db.write() as connection:
                connection.execute(self._db.insert_new(stored).values(name=_SIGNING_KEY, value=secrets.token_hex(32)))
                found = connection.execute(asked).scalar_one()
        return bytes.fromhex(found)

    def _row(self, token_id: str) -> RowMapping | None:
        tokens = database.tokens
        with self._db.read() as connection:
            return connection.execute(select(tokens).where(tokens.c.id == token_id)).mappings().first()


def parse_lifetime(text: str) -> timedelta:
    """A time to live such as `90d`, `12h`, `30m` or `2w`.

    Raises:
        UsageError: It is none.
    """
    found = _LIFETIME.fullmatch(text.strip().lower())
    lifetime = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None
    if lifetime is None or lifetime > _LONGEST:
        raise UsageError(
            f"'{text}' is not a time to live.", hint="A number and m, h, d or w, at most ten years: --expires 90d"
        )
    return lifetime


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _taken(name: str) -> AlreadyExists:
    return AlreadyExists(
        f"There is a token '{name}'.", hint=f"Choose another name, or end that one: headgate token revoke {name}"
    )


def _token(row: RowMapping) -> Token:
    return Token(row["id"], row["name"], row["created"], row["expires"], row["revoked"])
