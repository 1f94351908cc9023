"""The state database: its tables, its schema version, and transactions on it; each name is exported as itself."""

from headgate.database.migrations import MIGRATIONS as MIGRATIONS
from headgate.database.migrations import Migration as Migration
from headgate.database.tables import Moment as Moment
from headgate.database.tables import check_outcomes as check_outcomes
from headgate.database.tables import checks as checks
from headgate.database.tables import commit_parents as commit_parents
from headgate.database.tables import commits as commits
from headgate.database.tables import content_ids as content_ids
from headgate.database.tables import file_hashes as file_hashes
from headgate.database.tables import from_micros as from_micros
from headgate.database.tables import idempotency as idempotency
from headgate.database.tables import metadata as metadata
from headgate.database.tables import nodes as nodes
from headgate.database.tables import operations as operations
from headgate.database.tables import reflog as reflog
from headgate.database.tables import refs as refs
from headgate.database.tables import runs as runs
from headgate.database.tables import schema_version as schema_version
from headgate.database.tables import secrets as secrets
from headgate.database.tables import to_micros as to_micros
from headgate.database.tables import tokens as tokens
from headgate.database.tables import turns as turns
from headgate.database.transactions import Database as Database
