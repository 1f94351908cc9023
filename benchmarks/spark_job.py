"""The job of `peers.py` for Spark, Iceberg and dbt-spark, in one process and one session: the way that starts once.

Runs in Spark's own environment: `python spark_job.py SETTINGS TABLES PROJECT ANSWER`. TABLES is a JSON object from
table to a pattern of files and columns, PROJECT a dbt project; the seconds of each phase, and how many files, models
and tests there were, are written to ANSWER.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any


def main(settings: dict[str, str], tables: dict[str, Any], project: str, answer: Path) -> None:
    seconds: dict[str, float] = {}
    start = time.perf_counter()
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("bench")
    for key, value in settings.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    for schema in ("bronze", "silver", "gold"):
        spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {schema}")
    seconds["start"] = time.perf_counter() - start

    start = time.perf_counter()
    files = 0
    for table, (pattern, columns) in tables.items():
        schema = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        rows = spark.read.schema(schema).option("header", True).option("mode", "FAILFAST").csv(pattern)
        files += len(list(Path(pattern).parent.glob(Path(pattern).name)))
        rows.writeTo(f"bronze.{table}").using("iceberg").createOrReplace()
    seconds["load"] = time.perf_counter() - start

    start = time.perf_counter()
    from dbt.cli.main import dbtRunner

    # Two threads, as there are two cores for most who run this; Spark shares out the work of each model itself.
    done = dbtRunner().invoke(["-q", "build", "--project-dir", project, "--profiles-dir", project, "--threads", "2"])
    if not done.success:
        sys.exit(f"dbt build failed: {done.exception or [each.message for each in done.result if each.message]}")
    seconds["build"] = time.perf_counter() - start
    kinds = [str(each.node.resource_type) for each in done.result if each.status in ("success", "pass")]
    models, tests = (sum(kind in some for kind in kinds) for some in (("model", "seed"), ("test", "unit_test")))
    counts = {"files": files, "models": models, "tests": tests}
    answer.write_text(json.dumps({"seconds": seconds, "counts": counts}), encoding="utf-8")
    spark.stop()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
