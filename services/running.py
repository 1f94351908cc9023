"""Every server that can be started, as a context manager."""

from __future__ import annotations

from services.lake import ServedLake, lake
from services.nessie import Nessie, nessie
from services.postgres import Postgres, postgres
from services.s3 import S3, minio, versitygw
from services.spark import Spark, SparkError, spark
from services.trino import Trino, TrinoError, trino

__all__ = [
    "S3",
    "Nessie",
    "Postgres",
    "ServedLake",
    "Spark",
    "SparkError",
    "Trino",
    "TrinoError",
    "lake",
    "minio",
    "nessie",
    "postgres",
    "spark",
    "trino",
    "versitygw",
]
