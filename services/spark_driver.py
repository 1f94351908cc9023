"""Hold one Spark session and answer statements, one JSON object per line.

Runs in Spark's own environment, with this package on its path. A request is `{"sql": text}` or `{"set": {key: value}}`;
the answer `{"columns": [...], "rows": [...]}` or `{"error": kind, "message": text}`. The first answer says that the
session stands.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
from typing import Any

from services.values import plain


def main(settings: dict[str, str]) -> None:
    """Answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # Whatever the JVM prints goes to the log, not among the answers.
    os.dup2(2, 1)
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[2]").appName("headgate services")
    for key, value in settings.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    _answer(answers, {"columns": ["version"], "rows": [[session.version]]})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "set" in request:
                for key, value in request["set"].items():
                    session.conf.set(key, value)
                _answer(answers, {"columns": [], "rows": []})
                continue
            frame = session.sql(request["sql"])
            zoned = [field.dataType.typeName() == "timestamp" for field in frame.schema.fields]
            rows = [[plain(_moment(*pair)) for pair in zip(row, zoned, strict=True)] for row in frame.collect()]
            _answer(answers, {"columns": frame.columns, "rows": rows})
        except Exception as error:  # noqa: BLE001  # whatever Spark raises is the answer to this statement
            _answer(answers, {"error": type(error).__name__, "message": str(error)})


def _answer(answers: Any, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _moment(value: Any, zoned: bool) -> Any:
    """Spark gives moments as local times; the process runs in UTC."""
    return value.replace(tzinfo=dt.UTC) if zoned and value is not None else value


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
