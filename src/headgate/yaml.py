"""Reading YAML so that every value knows its line.

Scalars follow YAML 1.2's core schema, as editors and JSON Schema do: `no`, `on`, `010`, `12:30` and `2024-01-31` are
text (a number with a leading zero is a code), not a boolean, an octal, a number of seconds and a date as in the
YAML 1.1 that PyYAML implements.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from headgate.errors import ProjectError

Location = tuple[str | int, ...]
"""Keys and positions from the top of a document to a value."""

# PyYAML composes by recursion, in C: a file of nothing but brackets ends the process.
_DEEPEST = 100
# Aliases of aliases make as many values of a few lines as one likes.
_MOST_VALUES = 1_000_000
# What YAML 1.2 does not allow in a file.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

VARIABLE = re.compile(r"\$(\$?)\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
"""`${NAME}` or `${NAME:-default}`; `$${` stands for itself."""

SECRET_LENGTH = 8
"""As many characters has a value of the environment that no message about SQL shows; shorter ones are in many names."""

_BETWEEN_DOTS = re.compile(r"\.\.\.([^\n]{4,})\.\.\.")


@dataclass(frozen=True)
class YamlDocument:
    """The content of a YAML file and where its parts stand.

    Attributes:
        path: The file.
        data: Its content; an empty file is an empty mapping.
        lines: Line, counted from 1, by location.
        secrets: Locations whose text came from the environment, and may therefore not be shown.
        hidden: Those texts, and the values of variables within them, with what is shown in their place.
    """

    path: Path
    data: Any
    lines: dict[Location, int] = field(default_factory=dict)
    secrets: frozenset[Location] = frozenset()
    hidden: Mapping[str, str] = field(default_factory=dict)

    def line_of(self, location: Location) -> int:
        """The line of a value, or of the closest thing around it that the file has."""
        for end in range(len(location), -1, -1):
            line = self.lines.get(location[:end])
            if line is not None:
                return line
        return 1

    def place(self, location: Location = ()) -> str:
        """`file:line` of a value."""
        return f"{display_path(self.path)}:{self.line_of(location)}"


# Ten times as fast, where PyYAML was built with libyaml.
SAFE_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(SAFE_LOADER):  # type: ignore[misc,valid-type]  # chosen at run time
    """PyYAML's safe loader with the scalars of YAML 1.2."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?(0|[1-9][0-9]*)|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+", "-+.0123456789"),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", "-+."),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", r"<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


def read_yaml(path: Path, environment: Mapping[str, str] | None = None) -> YamlDocument:
    """Read a YAML file; `${NAME}` and `${NAME:-default}` in its values are taken from `environment`.

    Args:
        path: The file.
        environment: Variables by name; None leaves `${NAME}` as it stands. `$${NAME}` always stands for `${NAME}`.

    Raises:
        ProjectError: The file is missing, is not YAML, has a key twice, or names a variable that is not set.
    """
    return parse_yaml(_text(path), path, environment)


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ProjectError(f"There is no file {display_path(path)}.", hint="Create it, or correct the path.") from None
    except OSError as error:
        raise ProjectError(
            f"The file cannot be read: {error}.", place=display_path(path), hint="Make it a file that you may read."
        ) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ProjectError(
            f"The file is not UTF-8: {error.reason}, 0x{data[error.start]:02x}.",
            place=f"{display_path(path)}:{line}",
            hint="Save it as UTF-8.",
        ) from error


def parse_yaml(text: str, path: Path, environment: Mapping[str, str] | None = None) -> YamlDocument:
    """As `read_yaml`, for text that was read already; `path` is named in errors."""
    loader = None
    _check_characters(text, path)
    try:
        _check_depth(text, path)
        loader = _Loader(text)
        node = loader.get_single_node()
        reading = _Reading(path, environment)
        data = {} if node is None else reading.value(loader, node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "it does not parse"
        raise ProjectError(
            f"This is not YAML: {problem}.",
            place=f"{display_path(path)}:{mark.line + 1 if mark else 1}",
            hint="Look at the indentation, and put text with ': ', '#', '*', '&' or '{' into quotes.",
        ) from None
    finally:
        if loader is not None:
            loader.dispose()
    return YamlDocument(path, data, reading.lines, frozenset(reading.secrets), reading.hidden)


def _check_characters(text: str, path: Path) -> None:
    found = _UNPRINTABLE.search(text)
    if found:
        raise ProjectError(
            f"This is not YAML: it has the control character {found.group()!a}.",
            place=f"{display_path(path)}:{text.count(chr(10), 0, found.start()) + 1}",
            hint='Remove it, or write it as an escape in double quotes, such as "\\x01".',
        )


def _check_depth(text: str, path: Path) -> None:
    """Refuse what is nested too deep; only a file with very many brackets or very long lines is looked at."""
    if text.count("[") + text.count("{") + max(map(len, text.split("\n"))) < 10 * _DEEPEST:
        return
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise _too_deep(path, event.start_mark.line + 1 if event.start_mark else 1)


def _too_deep(path: Path, line: int) -> ProjectError:
    return ProjectError(
        f"Lists and mappings are nested more than {_DEEPEST} deep.",
        place=f"{display_path(path)}:{line}",
        hint="Close what is open, or write it flatter.",
    )


class _Reading:
    """Builds values from nodes, and notes where each stands and which came from the environment."""

    def __init__(self, path: Path, environment: Mapping[str, str] | None) -> None:
        self.path = path
        self.environment = environment
        self.lines: dict[Location, int] = {}
        self.secrets: set[Location] = set()
        self.hidden: dict[str, str] = {}
        self._count = 0

    def value(self, loader: _Loader, node: yaml.Node, location: Location) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(location, line)
        self._count += 1
        if self._count > _MOST_VALUES:
            raise ProjectError(
                f"The file has more than {_MOST_VALUES:,} values, aliases counted as what they stand for.",
                place=f"{display_path(self.path)}:{line}",
                hint="Write out fewer aliases of aliases.",
            )
        # An alias of what is around it has no end.
        if len(location) > _DEEPEST:
            raise _too_deep(self.path, line)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(loader, node, location)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(loader, item, (*location, index)) for index, item in enumerate(node.value)]
        value = self._scalar(loader, node)
        return self._interpolated(value, location) if isinstance(value, str) else value

    def _scalar(self, loader: _Loader, node: yaml.Node) -> Any:
        try:
            return loader.construct_object(node)
        except (ValueError, LookupError, AttributeError):
            # PyYAML takes it for granted that a text is what its tag says.
            text = str(node.value)
            raise ProjectError(
                f"'{text if len(text) <= 60 else text[:57] + '...'}' is no {node.tag.rpartition(':')[2]}.",
                place=f"{display_path(self.path)}:{node.start_mark.line + 1}",
                hint="Correct the value or its tag; put text into quotes.",
            ) from None

    def _mapping(self, loader: _Loader, node: yaml.MappingNode, location: Location) -> dict[Hashable, Any]:
        own = {id(key) for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"}
        loader.flatten_mapping(node)
        mapping: dict[Hashable, Any] = {}
        seen: dict[Hashable, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if isinstance(key_node, yaml.CollectionNode):
                raise ProjectError(
                    "A key is a list or a mapping.", place=f"{display_path(self.path)}:{line}", hint="Use text as key."
                )
            key = self._scalar(loader, key_node)
            inner = (*location, key if isinstance(key, str | int) else str(key))
            if key in seen:
                raise ProjectError(
                    f"The key '{key}' stands here a second time.",
                    place=f"{display_path(self.path)}:{line}",
                    hint=f"It was given in line {seen[key]}; keep one of the two.",
                )
            if id(key_node) in own:
                seen[key] = self.lines[inner] = line
            mapping[key] = self.value(loader, value_node, inner)
        return mapping

    def _interpolated(self, text: str, location: Location) -> str:
        if self.environment is None or not VARIABLE.search(text):
            return VARIABLE.sub(lambda match: match[0][1:] if match[1] else match[0], text)

        def note(name: str, value: str) -> None:
            self.secrets.add(location)
            self.hidden[value] = f"${{{name}}}"

        place = f"{display_path(self.path)}:{self.lines[location]}"
        found = interpolated(text, self.environment, place, note)
        if location in self.secrets:
            self.hidden.setdefault(found, text)
        return found


def interpolated(
    text: str, environment: Mapping[str, str], place: str, note: Callable[[str, str], object] = lambda name, value: None
) -> str:
    """A text with the variables that it names; `note` is called with each and its value.

    Raises:
        ProjectError: One is not set.
    """

    def replace(match: re.Match[str]) -> str:
        escaped, name, default = match.groups()
        if escaped:
            return match.group()[1:]
        value = environment.get(name, default)
        if value is None:
            raise ProjectError(
                f"The variable '{name}' is not set.",
                place=place,
                hint=f"Set it in the environment or in the project's .env: {name}=...",
            )
        note(name, value)
        return value

    return VARIABLE.sub(replace, text)


def masked(text: str, hidden: Mapping[str, str], least: int = 4) -> str:
    """A text without values of the environment, which may be secrets, also as JSON, Python, URLs and SQL write them.

    Args:
        text: A message.
        hidden: What stands in a value's place, by the value.
        least: How long a value is at the least: what is shorter is no secret, and in many texts.
    """
    # The longest first, for a value may be a part of another.
    for value in sorted(hidden, key=len, reverse=True):
        if len(value) >= least:
            for form in dict.fromkeys(_forms(value, least)):
                text = _without_cut(text.replace(form, hidden[value]), form, hidden[value])
    return text


def _forms(value: str, least: int) -> Iterator[str]:
    """How a value may stand in a message: as a whole, as strings quote it, and line by line, as DuckDB tells SQL."""
    for part in (value, *(line.strip() for line in value.splitlines())):
        if len(part) >= least:
            yield from (part, json.dumps(part)[1:-1], repr(part)[1:-1], quote(part, safe=""))
            yield from (part.replace(sign, sign * 2) for sign in "'\"")


def _without_cut(text: str, value: str, shown: str) -> str:
    """A text without the beginnings and ends of a value that dots cut: DuckDB quotes a part of a long line."""
    if "..." not in text:
        return text
    text = _BETWEEN_DOTS.sub(lambda match: f"...{shown}..." if match[1] in value else match[0], text)
    for size in range(len(value) - 1, 3, -1):
        text = text.replace(f"...{value[-size:]}", f"...{shown}").replace(f"{value[:size]}...", f"{shown}...")
    return text


def read_dotenv(path: Path) -> dict[str, str]:
    """Variables of a `.env` file: `NAME=value` lines, `export` before them, quotes around values, `#` comments.

    Raises:
        ProjectError: A line is none of these. The line's text is not shown, for it may hold a secret.
    """
    if not path.is_file():
        return {}
    variables: dict[str, str] = {}
    for number, line in enumerate(_text(path).splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = re.fullmatch(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)", text)
        if not match:
            raise ProjectError(
                "The line does not set a variable.", place=f"{display_path(path)}:{number}", hint="Write NAME=value."
            )
        name, value = match.groups()
        quoted = re.fullmatch(r"""("([^"]*)"|'([^']*)')\s*(?:#.*)?""", value)
        if quoted:
            value = quoted.group(2) if quoted.group(2) is not None else quoted.group(3)
        else:
            value = re.split(r"\s#", value, maxsplit=1)[0].rstrip()
        variables[name] = value
    return variables


def display_path(path: Path) -> str:
    """A path as a person sees it: relative to where they stand when it lies there."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
