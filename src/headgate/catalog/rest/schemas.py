"""Iceberg schemas as JSON: checked, compared, and their columns numbered."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count

from headgate.catalog.rest.fields import Json, flag_of, int_of, ints_of, items_of, text_of
from headgate.catalog.rest.problems import BadRequest

_PRIMITIVES = {
    *("boolean", "int", "long", "float", "double", "date", "time", "timestamp", "timestamptz"),
    *("timestamp_ns", "timestamptz_ns", "string", "uuid", "binary", "unknown", "variant"),
}
_FIXED = re.compile(r"fixed\[\s*(\d{1,9})\s*\]")
_DECIMAL = re.compile(r"decimal\(\s*(\d{1,2})\s*,\s*(\d{1,2})\s*\)")
_GEO = re.compile(r"(geometry|geography)(\(.*\))?")
# Types that a table has to be of format version 3 for.
_NEWER = re.compile(r"timestamp_ns|timestamptz_ns|unknown|variant|geometry.*|geography.*")
_DEEPEST = 64


@dataclass(frozen=True)
class Column:
    """A column, or a part of one.

    Attributes:
        path: Full name, its parts joined with dots.
        type: The name of a primitive type; `struct`, `list` or `map` of the others.
        in_structs: Whether every part above it is a struct, so that a row has one value of it.
    """

    id: int
    path: str
    type: str
    in_structs: bool
    has_default: bool = False

    @property
    def is_primitive(self) -> bool:
        return self.type not in ("struct", "list", "map", "variant")


def read_schema(schema: Json) -> Json:
    """A schema in the one form that the others here expect; its `schema-id` is 0 when it has none.

    Raises:
        BadRequest: It is not a schema.
    """
    if schema.get("type") != "struct":
        raise BadRequest("Cannot read the schema: its type is not 'struct'")
    read: Json = {"type": "struct"}
    read["schema-id"] = int_of(schema, "schema-id") if schema.get("schema-id") is not None else 0
    read["fields"] = _struct_fields(schema, 0)
    known = {column.id: column for column in columns(read)}
    if len(known) != sum(1 for _ in columns(read)):
        raise BadRequest("Cannot read the schema: two of its fields have one id")
    if schema.get("identifier-field-ids"):
        identifiers = sorted(set(ints_of(schema, "identifier-field-ids")))
        for identifier in identifiers:
            if identifier not in known or not known[identifier].is_primitive:
                raise BadRequest(f"Cannot add field {identifier} as an identifier field: not found or not primitive")
        read["identifier-field-ids"] = identifiers
    return read


def columns(schema: Mapping[str, object]) -> Iterator[Column]:
    """Every field of a schema, nested ones too."""
    yield from _walk(schema, "", True)


def same_schema(one: Json, other: Json) -> bool:
    """Whether two schemas differ in nothing but their ids."""
    return bool(
        one["fields"] == other["fields"]
        and one.get("identifier-field-ids", []) == other.get("identifier-field-ids", [])
    )


def highest_id(schema: Json) -> int:
    """The highest id of a field; 0 without fields."""
    return max((column.id for column in columns(schema)), default=0)


def with_fresh_ids(schema: Json) -> tuple[Json, dict[int, int]]:
    """A schema whose fields are numbered from 1, level by level, and the new id of each old one."""
    numbers, ids = count(1), dict[int, int]()

    def number(old: int) -> int:
        ids[old] = next(numbers)
        return ids[old]

    def struct(kind: Json) -> list[Json]:
        fresh = [{**field, "id": number(field["id"])} for field in kind["fields"]]
        return [{**field, "type": nested(field["type"])} for field in fresh]

    def nested(kind: str | Json) -> str | Json:
        if isinstance(kind, str):
            return kind
        if kind["type"] == "struct":
            return {**kind, "fields": struct(kind)}
        if kind["type"] == "list":
            return {**kind, "element-id": number(kind["element-id"]), "element": nested(kind["element"])}
        keyed = {**kind, "key-id": number(kind["key-id"]), "value-id": number(kind["value-id"])}
        return {**keyed, "key": nested(kind["key"]), "value": nested(kind["value"])}

    fresh = {**schema, "schema-id": 0, "fields": struct(schema)}
    if "identifier-field-ids" in schema:
        fresh["identifier-field-ids"] = sorted(ids[old] for old in schema["identifier-field-ids"])
    return fresh, ids


def check_format(schema: Json, version: int) -> None:
    """Refuse types and defaults that a table of this format version cannot have.

    Raises:
        BadRequest: Names each of them.
    """
    if version >= 3:
        return
    problems = []
    for column in columns(schema):
        if _NEWER.fullmatch(column.type):
            problems.append(f"Invalid type for {column.path}: {column.type} is not supported until v3")
        if column.has_default:
            problems.append(f"Invalid initial default for {column.path}: non-null default is not supported until v3")
    if problems:
        raise BadRequest("\n- ".join([f"Invalid schema for v{version}:", *problems]))


def _struct_fields(struct: Json, depth: int) -> list[Json]:
    fields = [_field(field, depth) for field in items_of(struct, "fields")]
    names = [field["name"] for field in fields]
    if len(set(names)) != len(names):
        raise BadRequest("Cannot read the schema: two fields of one struct have one name")
    return fields


def _field(field: object, depth: int) -> Json:
    if not isinstance(field, dict):
        raise BadRequest("Cannot read the schema: a field of it is not an object")
    read: Json = {"id": int_of(field, "id"), "name": text_of(field, "name"), "required": flag_of(field, "required")}
    if not read["name"]:
        raise BadRequest(f"Cannot read the schema: the field with id {read['id']} has no name")
    read["type"] = _type(field.get("type"), depth)
    if field.get("doc") is not None:
        read["doc"] = text_of(field, "doc")
    for default in ("initial-default", "write-default"):
        if field.get(default) is not None:
            read[default] = field[default]
    return read


def _type(kind: object, depth: int) -> str | Json:
    if depth > _DEEPEST:
        raise BadRequest(f"Cannot read the schema: its types are nested more than {_DEEPEST} deep")
    if isinstance(kind, str):
        return _primitive(kind)
    if not isinstance(kind, dict):
        raise BadRequest(f"Cannot read the schema: {kind!r:.60} is not a type")
    name = kind.get("type")
    if name == "struct":
        return {"type": "struct", "fields": _struct_fields(kind, depth + 1)}
    if name == "list":
        required = flag_of(kind, "element-required")
        element = _type(kind.get("element"), depth + 1)
        return {
            "type": "list",
            "element-id": int_of(kind, "element-id"),
            "element": element,
            "element-required": required,
        }
    if name == "map":
        key, value = _type(kind.get("key"), depth + 1), _type(kind.get("value"), depth + 1)
        ids = {"key-id": int_of(kind, "key-id"), "value-id": int_of(kind, "value-id")}
        return {"type": "map", **ids, "key": key, "value": value, "value-required": flag_of(kind, "value-required")}
    raise BadRequest(f"Cannot read the schema: {name!r:.60} is not a type")


def _primitive(name: str) -> str:
    if name in _PRIMITIVES or _GEO.fullmatch(name):
        return name
    if fixed := _FIXED.fullmatch(name):
        return f"fixed[{int(fixed[1])}]"
    if (decimal := _DECIMAL.fullmatch(name)) and 0 < int(decimal[1]) <= 38 and int(decimal[2]) <= int(decimal[1]):
        return f"decimal({int(decimal[1])}, {int(decimal[2])})"
    raise BadRequest(f"Cannot parse type string to primitive: {name:.60}")


def _walk(struct: Mapping[str, object], above: str, in_structs: bool) -> Iterator[Column]:
    fields = struct["fields"]
    assert isinstance(fields, list)
    for field in fields:
        default = field.get("initial-default") is not None
        yield from _column(field["id"], f"{above}{field['name']}", field["type"], in_structs, default)


def _column(number: int, path: str, kind: str | Json, in_structs: bool, default: bool = False) -> Iterator[Column]:
    yield Column(number, path, kind if isinstance(kind, str) else kind["type"], in_structs, default)
    if isinstance(kind, str):
        return
    if kind["type"] == "struct":
        yield from _walk(kind, f"{path}.", in_structs)
    elif kind["type"] == "list":
        yield from _column(kind["element-id"], f"{path}.element", kind["element"], False)
    else:
        yield from _column(kind["key-id"], f"{path}.key", kind["key"], False)
        yield from _column(kind["value-id"], f"{path}.value", kind["value"], False)
