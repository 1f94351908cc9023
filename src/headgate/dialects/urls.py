"""From the URL of a state database to its dialect: one row per kind of database."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from headgate.dialects.interface import Dialect
from headgate.errors import MissingExtra, ProjectError


def _sqlite(url: URL) -> Dialect:
    from headgate.dialects.sqlite import Sqlite

    return Sqlite(url)


def _postgresql(url: URL) -> Dialect:
    from headgate.dialects.postgresql import Postgresql

    return Postgresql(url)


_DIALECTS: dict[str, Callable[[URL], Dialect]] = {"sqlite": _sqlite, "postgresql": _postgresql}


def open_dialect(url: str) -> Dialect:
    """The dialect for a URL, with nothing connected yet; a SQLite file's folder is made.

    Raises:
        ProjectError: The URL is not one of a database that can keep a lake's state.
        MissingExtra: The database's driver is not installed.
        StorageError: The folder cannot be made.
    """
    try:
        parsed = make_url(url)
        kind = _DIALECTS[parsed.get_backend_name()]
    except (ArgumentError, KeyError, ValueError):
        raise ProjectError(
            # What stands before the @ may hold a password, and so may what follows the question mark.
            f"'{url.rpartition('@')[2].partition('?')[0]}' is not the URL of a state database",
            hint="It is sqlite:///path/to/state.db or postgresql://user@host/name",
        ) from None
    try:
        return kind(parsed)
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"The state database '{parsed.set(query={}).render_as_string()}' needs the library '{error.name}'",
            hint="Install it with: pip install 'headgate[postgres]'",
        ) from error
