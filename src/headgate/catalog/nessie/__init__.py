"""Project Nessie as the catalog: its references and commits, through version 2 of its REST API."""

from headgate.catalog.nessie.catalog import NessieCatalog
from headgate.catalog.nessie.connecting import open_nessie

__all__ = ["NessieCatalog", "open_nessie"]
