"""Hold one Spark session and answer statements, one JSON object per line; runs in Spark's own environment.

A request is `{"sql": text}` or `{"set": {key: value}}`; the answer `{"columns": [...], "rows": [...]}` or
`{"error": kind, "message": text}`. The first answer says that the session stands.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import os
import sys
from typing import Any


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
            rows = [[_plain(value) for value in row] for row in frame.collect()]
            _answer(answers, {"columns": frame.columns, "rows": rows})
        except Exception as error:  # noqa: BLE001  # whatever Spark raises is the answer to this statement
            _answer(answers, {"error": type(error).__name__, "message": str(error)})


def _answer(answers: Any, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, dt.date | dt.datetime):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return bytes(value).hex()
    return value


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
