"""The job of `peers.py` for Spark, Iceberg and dbt-spark, in one process and one session: the way that starts once.

Runs in Spark's own environment: `python spark_job.py SETTINGS TABLES PROJECT ANSWER`. TABLES is a JSON object from
table to a pattern of files and columns, all of them required, PROJECT a dbt project; the seconds of each phase, and how
many files, refused rows, models and tests there were, are written to ANSWER.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

# Spark's column for the text of a record that does not fit the schema.
RECORD = "_record"


def main(settings: dict[str, str], tables: dict[str, Any], project: str, answer: Path) -> None:
    seconds: dict[str, float] = {}
    start = time.perf_counter()
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("bench")
    for key, value in settings.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    for schema in ("bronze", "quarantine", "silver", "gold"):
        spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {schema}")
    seconds["start"] = time.perf_counter() - start

    start = time.perf_counter()
    files = refused = 0
    for table, (pattern, columns) in tables.items():
        schema = ", ".join(f"{name} {kind}" for name, kind in (*columns.items(), (RECORD, "string")))
        reader = spark.read.schema(schema).option("header", True).option("columnNameOfCorruptRecord", RECORD)
        # Read once, for the rows that hold and for those that do not.
        rows = reader.csv(pattern).persist()
        wrong = rows[RECORD].isNotNull()
        for name in columns:
            wrong = wrong | rows[name].isNull()
        rows.where(~wrong).drop(RECORD).writeTo(f"bronze.{table}").using("iceberg").createOrReplace()
        found = rows.where(wrong).count()
        if found:
            rows.where(wrong).writeTo(f"quarantine.{table}").using("iceberg").createOrReplace()
        rows.unpersist()
        refused += found
        files += len(list(Path(pattern).parent.glob(Path(pattern).name)))
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
    counts = {"files": files, "refused": refused, "models": models, "checks": tests}
    answer.write_text(json.dumps({"seconds": seconds, "counts": counts}), encoding="utf-8")
    spark.stop()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
