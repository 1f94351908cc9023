"""The steps that bring a state database of an older headgate up to date."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from headgate.database.tables import content_ids, file_hashes, idempotency, metadata, secrets, tokens

Migration = Callable[[Connection], None]


def _add_server(connection: Connection) -> None:
    metadata.create_all(connection, tables=[tokens, secrets, idempotency, content_ids])


def _add_time_of_inode(connection: Connection) -> None:
    # What is remembered is worth nothing without it.
    file_hashes.drop(connection)
    file_hashes.create(connection)


# The first of these takes a database from schema version 1 to 2, and so on. A new database is made from the tables
# and starts at the newest version, so whoever changes a table adds the step for existing ones here.
MIGRATIONS: tuple[Migration, ...] = (_add_server, _add_time_of_inode)
