"""What dbt and DuckDB raise, as ours: model, file, line and the database's own words."""

from __future__ import annotations

import re
import traceback
from collections.abc import Collection
from pathlib import Path
from typing import Any

import duckdb
from dbt.contracts.graph.manifest import Manifest
from dbt.exceptions import TargetNotFoundError
from dbt_common.exceptions import DbtBaseException, DbtRuntimeError

from headgate.errors import Cancelled, HeadgateError, ModelError, did_you_mean, origins
from headgate.transform.definition import Definition

# The line that DuckDB quotes below its message, `LINE 3: select nope`; long lines are cut with dots.
_QUOTED_LINE = re.compile(r"^LINE \d+: (.*)$", re.MULTILINE)
_FILE_IN_MESSAGE = re.compile(r"/?(?:[\w.\-]+/)*[\w.\-]+\.(?:sql|yml|yaml|py|md|csv)\b")
_LINE_IN_MESSAGE = re.compile(r"^\s*line (\d+)\s*$|\bline (\d+)\b", re.MULTILINE)
_JINJA = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}")
# Jinja's words for a name that nothing has.
_UNDEFINED = re.compile(r"^'(\w+)' is undefined")
# Its words for who reads what there is not: kind, id and file.
_WHO = re.compile(r"([\w ]+) '(\w+\.\w+\.[^']+)' \((.+?)\) depends on ")
_CANCELLATIONS = (Cancelled, KeyboardInterrupt)
_READABLE = frozenset({"model", "seed", "snapshot"})
_HEAD = re.compile(r"^(?:\w+ )?(?:Error|error)(?: in [^\n]*)?\n\s*")


def as_model_error(
    error: BaseException, definition: Definition, node: Any = None, macros: Collection[str] = ()
) -> HeadgateError:
    """An error of dbt's, or raised below it, as a `ModelError` that names file and line where they are known.

    Args:
        error: What was raised.
        definition: The project.
        node: dbt's node that was being built, if one was.
        macros: The names that there are of macros, and of generic tests with `test_` before them.
    """
    if isinstance(error, ModelError) and error.place:
        return error
    node = node if node is not None else getattr(error, "node", None)
    path = getattr(node, "original_file_path", None)
    cause = _cause(error)
    message = _message(cause)
    if path is None:
        path = _named_file(str(error), definition.root)
    line = _line_in_traceback(cause, path)
    if line:
        message = f"{type(cause).__name__}: {message}"
    elif isinstance(cause, DbtBaseException):
        line = _line_of_dbt(cause)
    else:
        line = _line(message, path, definition.root)
    hint = cause.hint if isinstance(cause, HeadgateError) else None
    unknown = _UNDEFINED.search(message)
    if unknown and path is not None:
        name, tests = unknown[1].removeprefix("test_"), unknown[1].startswith("test_")
        known = [macro.removeprefix("test_") for macro in macros if macro.startswith("test_") == tests]
        message = f"There is no {'test' if tests else 'macro or variable'} '{name}'."
        hint = did_you_mean(name, known) or "Tests are the files below tests/generic, macros those below macros/."
        line = line or _line_of_word(definition.root / path, name)
    place = None if path is None else f"{path}:{line}" if line else path
    subject = "" if node is None else f"{str(node.resource_type).replace('_', ' ').capitalize()} {node.name}: "
    # dbt lists all variables where one is missing.
    message, hint = definition.masked(message), hint and definition.masked(hint)
    return ModelError(f"{subject}{message}", place=place, hint=hint, data={"node": getattr(node, "unique_id", None)})


def origin_of(error: BaseException, definition: Definition) -> BaseException | None:
    """What a traceback may show below a `ModelError`: nothing where that tells a value of the environment."""
    text = "".join(traceback.format_exception(error))
    return error if definition.masked(text) == text else None


def missing_input(error: TargetNotFoundError, manifest: Manifest, definition: Definition) -> ModelError:
    """What a model, snapshot or test reads by `ref` or `source` that is not there, with the closest that is."""
    # dbt's exception loses its node as it is made.
    who = _WHO.match(str(error.msg))
    kind, unique_id, path = who.groups() if who else ("", "", "")
    target = error.target_name
    sources = [f"{source.source_name}.{source.name}" for source in manifest.sources.values()]
    models = [other.name for other in manifest.nodes.values() if other.resource_type in _READABLE]
    is_source = error.target_kind == "source"
    what, known = ("source", sources) if is_source else ("model, seed or snapshot", models)
    state = "The" if error.disabled else "There is no"
    message = f"{state} {what} '{target}'" + (" is disabled." if error.disabled else ".")
    line = _line_of_word(definition.root / path, target.rpartition(".")[2])
    lists = "headgate sources list" if is_source else "Models are the files below models/."
    return ModelError(
        # The name may be a value of the environment.
        definition.masked(f"{kind} {unique_id.split('.')[2]}: {message}" if who else message),
        place=f"{path}:{line}" if line else path or None,
        hint=None if error.disabled else did_you_mean(target, known) or lists,
        data={"node": unique_id or None},
    )


def _line_of_word(path: Path, word: str) -> int | None:
    """The first line of a file that has a word."""
    if not path.is_file():
        return None
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    pattern = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
    return next((number for number, line in enumerate(lines, start=1) if pattern.search(line)), None)


def cancelled_by(error: BaseException) -> BaseException | None:
    """The cancellation that an error wraps, if it does; what dbt reads with takes even one for a wrong value."""
    cancellations = (each for each in origins(error) if isinstance(each, _CANCELLATIONS))
    return next(cancellations, None)


def _cause(error: BaseException) -> BaseException:
    """The error of DuckDB's or ours that dbt wrapped, or the error itself."""
    current: BaseException | None = error
    while current is not None:
        if isinstance(current, duckdb.Error | HeadgateError):
            return current
        current = current.__cause__
    return error


def _message(error: BaseException) -> str:
    if isinstance(error, HeadgateError):
        return error.message
    if isinstance(error, DbtRuntimeError):
        return str(error.msg).strip()
    if isinstance(error, DbtBaseException):
        return _HEAD.sub("", str(error)).strip()
    return str(error) or type(error).__name__


def _named_file(message: str, root: Path) -> str | None:
    """The first file of the project that a message names, by its path or, as dbt's parser of YAML does, without."""
    for named in _FILE_IN_MESSAGE.finditer(message):
        path = root / named[0]
        if path.is_file() and path.is_relative_to(root):
            return path.relative_to(root).as_posix()
        alike = [path.relative_to(root) for path in root.glob(f"*/**/{path.name}")]
        alike = [path for path in alike if not path.parts[0].startswith(".")]
        if len(alike) == 1:
            return alike[0].as_posix()
    return None


def _line(message: str, path: str | None, root: Path) -> int | None:
    """The line of the model's file that DuckDB quotes as it was compiled, if one line alone can have become that."""
    quoted = _QUOTED_LINE.search(message)
    if quoted is None or path is None or not (root / path).is_file():
        return None
    text = quoted[1].strip()
    cut = text.startswith("...") or text.endswith("...")
    text = text.removeprefix("...").removesuffix("...").strip()
    lines = (root / path).read_text(encoding="utf-8", errors="replace").splitlines()
    found = [number for number, line in enumerate(lines, start=1) if _becomes(line.strip(), text, cut)]
    return found[0] if len(found) == 1 else None


def _becomes(line: str, text: str, cut: bool) -> bool:
    """Whether a line with Jinja in it may have been compiled to a text, of which the ends may be missing."""
    if cut:
        return text in line
    literal = _JINJA.split(line)
    if not any(part.strip() for part in literal):
        return False
    return re.fullmatch(".*".join(re.escape(part) for part in literal), text) is not None


def _line_in_traceback(error: BaseException, path: str | None) -> int | None:
    """The last line of a Python model that an exception went through."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    return lines[-1] if lines else None


def _line_of_dbt(error: BaseException) -> int | None:
    """The line that Jinja or YAML names."""
    found = _LINE_IN_MESSAGE.search(str(error))
    return int(found[1] or found[2]) if found else None
