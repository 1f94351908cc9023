"""The Iceberg REST catalog over HTTP: a branch is a prefix of the path."""

from headgate.web.iceberg.endpoints import routes

__all__ = ["routes"]
