"""Column types as contracts write them: DuckDB's type text, parsed without DuckDB.

Planning and editors need to know whether a type exists and what it is made of before an engine is imported.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import partial

from headgate.errors import did_you_mean
from headgate.types import quote

_ALIASES = {
    "BIGINT": ("int8", "long", "int64"),
    "INTEGER": ("int", "int4", "integer", "signed", "int32"),
    "SMALLINT": ("int2", "short", "int16"),
    "TINYINT": ("int1",),
    "HUGEINT": ("int128",),
    "UBIGINT": (),
    "UINTEGER": (),
    "USMALLINT": (),
    "UTINYINT": (),
    "DECIMAL": ("numeric", "dec"),
    "DOUBLE": ("float8", "double precision"),
    "FLOAT": ("float4", "real"),
    "BOOLEAN": ("bool", "logical"),
    "VARCHAR": ("string", "text", "char", "bpchar"),
    "BLOB": ("bytea", "binary", "varbinary"),
    "DATE": (),
    "TIME": (),
    "TIMESTAMP": ("datetime", "timestamp without time zone"),
    "TIMESTAMPTZ": ("timestamp with time zone",),
    "TIME_NS": (),
    "TIMESTAMP_S": (),
    "TIMESTAMP_MS": (),
    "TIMESTAMP_NS": (),
    "UUID": (),
    "JSON": (),
}
_NAMES = {alias: name for name, others in _ALIASES.items() for alias in (name.lower(), *others)}

INTEGERS = frozenset(
    ("BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT", "UBIGINT", "UINTEGER", "USMALLINT", "UTINYINT")
)
FLOATS = frozenset(("DOUBLE", "FLOAT"))
NUMBERS = INTEGERS | FLOATS | {"DECIMAL"}
TIMES = frozenset(("TIME", "TIME_NS"))
TIMESTAMPS = frozenset(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"))
MOMENTS = TIMES | TIMESTAMPS | {"DATE", "TIMESTAMPTZ"}

_TOKEN = re.compile(r'\s*(?:("(?:[^"]|"")*")|([A-Za-z_][A-Za-z0-9_]*)|(\d+)|([(),\[\]]))')


@dataclass(frozen=True)
class ColumnType:
    """A parsed type.

    Attributes:
        base: DuckDB's name of a scalar type, or `STRUCT`, `LIST`, `MAP`.
        arguments: Precision and scale of a decimal.
        fields: Name and type of a struct's fields.
        items: The element of a list; key and value of a map.
    """

    base: str
    arguments: tuple[int, ...] = ()
    fields: tuple[tuple[str, ColumnType], ...] = ()
    items: tuple[ColumnType, ...] = ()

    @property
    def nested(self) -> bool:
        return self.base in ("STRUCT", "LIST", "MAP")

    @property
    def whole(self) -> bool:
        """Whether the type has whole numbers only."""
        return self.base in INTEGERS or (self.base == "DECIMAL" and self.arguments[1] == 0)

    @property
    def sql(self) -> str:
        """The type as DuckDB reads it."""
        if self.base == "STRUCT":
            return "STRUCT(" + ", ".join(f"{quote(name)} {inner.sql}" for name, inner in self.fields) + ")"
        if self.base == "LIST":
            return f"{self.items[0].sql}[]"
        if self.base == "MAP":
            return f"MAP({self.items[0].sql}, {self.items[1].sql})"
        if self.base == "HUGEINT":
            # Neither Parquet nor Iceberg has it; DuckDB writes it as DOUBLE.
            return "DECIMAL(38, 0)"
        if self.arguments:
            return f"{self.base}({', '.join(map(str, self.arguments))})"
        return self.base

    def __str__(self) -> str:
        if self.nested:
            return self.sql
        return "hugeint" if self.base == "HUGEINT" else self.sql.lower()


VARCHAR = ColumnType("VARCHAR")


def parse_type(text: str) -> ColumnType:
    """Read DuckDB type text such as `decimal(10,2)`, `struct(a int, b varchar[])` or `map(varchar, double)`.

    Raises:
        ValueError: It is no type, or one that is not known; the message says where and what is close.
    """
    tokens = _tokens(text)
    kind, position = _parse(text, tokens, 0)
    if position != len(tokens):
        raise ValueError(f"the type '{text}' goes on after '{kind}': '{tokens[position]}'")
    return kind


def known_type(native: str) -> ColumnType | None:
    """A type of DuckDB's; None for those that are not known to contracts."""
    try:
        return parse_type(native)
    except ValueError:
        return None


def is_value(text: str, kind: ColumnType) -> bool:
    """Whether a text can stand for a value of a scalar type; texts of types that need an engine to tell always can."""
    readers: dict[str, Callable[[str], object]] = {
        **dict.fromkeys(INTEGERS, int),
        "DECIMAL": partial(_of_scale, kind),
        "DOUBLE": float,
        "FLOAT": float,
        "DATE": dt.date.fromisoformat,
        "TIMESTAMP": dt.datetime.fromisoformat,
        "TIMESTAMPTZ": dt.datetime.fromisoformat,
        "TIME": dt.time.fromisoformat,
        "BOOLEAN": {"true": True, "false": False, "True": True, "False": False}.__getitem__,
    }
    try:
        readers.get(kind.base, str)(text)
    except (ValueError, ArithmeticError, KeyError):
        return False
    return True


def _of_scale(kind: ColumnType, text: str) -> Fraction:
    """A number that DuckDB would not round to the digits after the point that the type has."""
    number = Fraction(Decimal(text))
    if (number * 10 ** kind.arguments[1]).denominator > 1:
        raise ValueError
    return number


def _tokens(text: str) -> list[str]:
    tokens, position = [], 0
    text = text.strip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if not match:
            raise ValueError(f"the type '{text}' has '{text[position:]}' where a type, a name or a bracket is wanted")
        tokens.append(match.group().strip())
        position = match.end()
    return tokens


def _parse(text: str, tokens: list[str], at: int) -> tuple[ColumnType, int]:
    if at >= len(tokens):
        raise ValueError(f"the type '{text}' ends too early")
    word = tokens[at].lower()
    following = tokens[at + 1] if at + 1 < len(tokens) else ""
    if word in ("struct", "row", "map") and following == "(":
        kind, at = _members(text, tokens, at + 2, word)
    else:
        kind, at = _scalar(text, tokens, at)
    while tokens[at : at + 2] == ["[", "]"]:
        kind, at = ColumnType("LIST", items=(kind,)), at + 2
    return kind, at


def _members(text: str, tokens: list[str], at: int, word: str) -> tuple[ColumnType, int]:
    """The inside of `struct(` or `map(`, and what follows its closing bracket."""
    fields: list[tuple[str, ColumnType]] = []
    items: list[ColumnType] = []
    while True:
        name = ""
        if word != "map":
            if at >= len(tokens):
                raise ValueError(f"the type '{text}' ends inside {word}(")
            name = tokens[at]
            name, at = (name[1:-1].replace('""', '"') if name.startswith('"') else name), at + 1
        inner, at = _parse(text, tokens, at)
        fields.append((name, inner))
        items.append(inner)
        closing = tokens[at] if at < len(tokens) else ""
        at += 1
        if closing == ")":
            break
        if closing != ",":
            raise ValueError(f"the type '{text}' lacks a ')' after {word}(")
    if word != "map":
        return ColumnType("STRUCT", fields=tuple(fields)), at
    if len(items) != 2:
        raise ValueError(f"the type '{text}' has a map of {len(items)} types; write map(key, value)")
    return ColumnType("MAP", items=tuple(items)), at


def _scalar(text: str, tokens: list[str], at: int) -> tuple[ColumnType, int]:
    for words in (4, 3, 2, 1):
        spelled = tokens[at : at + words]
        known = _NAMES.get(" ".join(spelled).lower())
        if known:
            at += len(spelled)
            break
    else:
        if tokens[at].lower() == "interval":
            raise ValueError("no Iceberg table has an interval; take varchar, or an integer with `format: h:mm:ss`")
        hint = did_you_mean(tokens[at].lower(), _NAMES)
        raise ValueError(f"there is no type '{tokens[at]}'" + (f"; {hint[0].lower()}{hint[1:]}" if hint else ""))
    arguments: tuple[int, ...] = ()
    if at < len(tokens) and tokens[at] == "(":
        end = tokens.index(")", at) if ")" in tokens[at:] else -1
        inside = tokens[at + 1 : end] if end > 0 else []
        if not inside or not all(part.isdigit() or part == "," for part in inside):
            raise ValueError(f"the type '{text}' has something else than numbers in the brackets after {known.lower()}")
        arguments = tuple(int(part) for part in inside if part != ",")
        at = end + 1
    if known == "DECIMAL":
        arguments = _decimal(text, arguments)
    elif arguments and known != "VARCHAR":
        raise ValueError(f"the type '{text}' has numbers after {known.lower()}, which takes none")
    return ColumnType(known, () if known == "VARCHAR" else arguments), at


def _decimal(text: str, arguments: tuple[int, ...]) -> tuple[int, ...]:
    precision, scale = (*arguments, 0)[:2] if arguments else (18, 3)
    if not 1 <= precision <= 38 or scale > precision:
        raise ValueError(f"the type '{text}' wants 1 to 38 digits, of which no more than all stand after the point")
    return (precision, scale)
