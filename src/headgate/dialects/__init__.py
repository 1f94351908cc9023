"""What differs between SQLite and Postgres: connections, statements that only they know, locks, and their errors."""

from headgate.dialects.interface import MODE, Dialect, Exclusive, Mode, Standing
from headgate.dialects.urls import open_dialect

__all__ = ["MODE", "Dialect", "Exclusive", "Mode", "Standing", "open_dialect"]
