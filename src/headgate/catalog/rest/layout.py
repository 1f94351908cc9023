"""Partition specs and sort orders as JSON: read, checked against a schema, and compared."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from headgate.catalog.rest.fields import Json, as_object, int_of, items_of, text_of
from headgate.catalog.rest.problems import BadRequest, IllegalArgument
from headgate.catalog.rest.schemas import Column, columns

UNPARTITIONED: Json = {"spec-id": 0, "fields": []}
UNSORTED: Json = {"order-id": 0, "fields": []}
FIRST_PARTITION_ID = 1000

_DATES = {"date"}
_TIMES = {"timestamp", "timestamptz", "timestamp_ns", "timestamptz_ns"}
_SOURCES: dict[str, set[str]] = {
    "year": _DATES | _TIMES,
    "month": _DATES | _TIMES,
    "day": _DATES | _TIMES,
    "hour": _TIMES,
    "bucket": {"int", "long", "decimal", "string", "binary", "fixed", "uuid", "time"} | _DATES | _TIMES,
    "truncate": {"int", "long", "decimal", "string", "binary"},
}
_UNPARTITIONABLE = {"variant", "geometry", "geography"}
_WIDE = re.compile(r"(bucket|truncate)\[(\d{1,9})\]")


def read_spec(spec: Json) -> Json:
    """A partition spec as it was sent: a field may be without an id still.

    Raises:
        BadRequest: It is not a partition spec.
    """
    number = int_of(spec, "spec-id") if spec.get("spec-id") is not None else 0
    return {"spec-id": number, "fields": [_partition_field(field) for field in items_of(spec, "fields")]}


def read_order(order: Json) -> Json:
    """A sort order in the one form that the others here expect.

    Raises:
        BadRequest: It is not a sort order.
    """
    number = int_of(order, "order-id") if order.get("order-id") is not None else 1
    fields = [_sort_field(field) for field in items_of(order, "fields")]
    return {"order-id": number if fields else 0, "fields": fields}


def bound_spec(spec: Json, known: Sequence[Json], last_id: int, version: int) -> Json:
    """A spec whose every field has an id: that of an equal field of a known spec, its own, or the next.

    Raises:
        BadRequest: Format version 1 wants ids from 1000 on without a gap.
    """
    given = {(field["source-id"], field["transform"]): field["field-id"] for old in known for field in old["fields"]}
    equal = {_essence(field): field["field-id"] for old in known for field in old["fields"]}
    fields = []
    for position, field in enumerate(spec["fields"]):
        if "field-id" in field:
            # DuckDB sends a field that it keeps under a new id, and then stumbles over two of one name.
            kept = equal.get((field["source-id"], field["transform"], field["name"]))
            fields.append({**field, "field-id": kept or field["field-id"]})
            continue
        number = FIRST_PARTITION_ID + position
        if version > 1:
            number = given.get((field["source-id"], field["transform"]), 0)
            if not number:
                last_id = number = last_id + 1
        fields.append({**field, "field-id": number})
    if version == 1 and [field["field-id"] for field in fields] != list(
        range(FIRST_PARTITION_ID, FIRST_PARTITION_ID + len(fields))
    ):
        raise IllegalArgument("Spec does not use sequential IDs that are required in v1")
    if len({field["field-id"] for field in fields}) != len(fields):
        raise BadRequest("Cannot read the partition spec: two of its fields have one id")
    return {"spec-id": spec["spec-id"], "fields": fields}


def check_spec(spec: Json, schema: Json) -> None:
    """Refuse a spec whose source columns are missing or of the wrong type.

    Raises:
        BadRequest: Names the field.
    """
    known = {column.id: column for column in columns(schema)}
    for field in spec["fields"]:
        if field["transform"] == "void":
            continue
        source = known.get(field["source-id"])
        if source is None:
            raise IllegalArgument(f"Cannot find source column for partition field: {_shown(field)}")
        if not source.is_primitive:
            raise IllegalArgument(f"Cannot partition by non-primitive source field: {source.type}")
        if not source.in_structs:
            raise IllegalArgument(f"Invalid partition field parent: {source.path} is not a field of a struct")
        _check_transform(field["transform"], source)


def check_partition_names(spec: Json, schema: Json) -> None:
    """Refuse names of partition fields that are taken twice, or by another column.

    Raises:
        BadRequest: Names the field.
    """
    known = {column.path: column for column in columns(schema)}
    seen: set[str] = set()
    for field in spec["fields"]:
        name = field["name"]
        if not name:
            raise IllegalArgument("Cannot use empty partition name")
        if name in seen:
            raise IllegalArgument(f"Cannot use partition name more than once: {name}")
        seen.add(name)
        column = known.get(name)
        if column is None or field["transform"] == "void":
            continue
        if field["transform"] != "identity":
            raise IllegalArgument(f"Cannot create partition from name that exists in schema: {name}")
        if column.id != field["source-id"]:
            raise IllegalArgument(f"Cannot create identity partition sourced from different field in schema: {name}")


def check_order(order: Json, schema: Json) -> None:
    """Refuse a sort order whose source columns are missing or of the wrong type.

    Raises:
        BadRequest: Names the field.
    """
    known = {column.id: column for column in columns(schema)}
    for field in order["fields"]:
        source = known.get(field["source-id"])
        if source is None:
            raise IllegalArgument(f"Cannot find source column for sort field: {_shown(field)}")
        if not source.is_primitive:
            raise IllegalArgument(f"Cannot sort by non-primitive source field: {source.type}")
        if field["transform"] != "void":
            _check_transform(field["transform"], source)


def same_spec(one: Json, other: Json) -> bool:
    """Whether two specs partition alike, under the same names."""
    return [_essence(field) for field in one["fields"]] == [_essence(field) for field in other["fields"]]


def last_partition_id(spec: Json) -> int:
    """The highest id of a spec's fields; 999 of one without fields."""
    return max((field["field-id"] for field in spec["fields"]), default=FIRST_PARTITION_ID - 1)


def with_sources(layout: Json, ids: Mapping[int, int]) -> Json:
    """A spec or sort order on columns that have new ids.

    Raises:
        BadRequest: It names a column that the schema does not have.
    """
    for field in layout["fields"]:
        if field["source-id"] not in ids:
            raise IllegalArgument(f"Cannot find source column: {_shown(field)}")
    return {**layout, "fields": [{**field, "source-id": ids[field["source-id"]]} for field in layout["fields"]]}


def _partition_field(value: object) -> Json:
    field = as_object(value, "partition field")
    read: Json = {"source-id": _source(field)}
    if field.get("field-id") is not None:
        read["field-id"] = int_of(field, "field-id")
    return {**read, "transform": _transform(field), "name": text_of(field, "name")}


def _sort_field(value: object) -> Json:
    field = as_object(value, "sort field")
    direction, nulls = text_of(field, "direction").lower(), text_of(field, "null-order").lower()
    if direction not in ("asc", "desc") or nulls not in ("nulls-first", "nulls-last"):
        raise BadRequest(f"Cannot read the sort order: '{direction}' or '{nulls}' is not an order")
    return {"transform": _transform(field), "source-id": _source(field), "direction": direction, "null-order": nulls}


def _source(field: Json) -> int:
    """The column; format version 3 writes a list, whose transforms of several columns do not exist yet."""
    several = field.get("source-ids")
    if field.get("source-id") is None and isinstance(several, list) and len(several) == 1:
        return int_of({"source-ids": several[0]}, "source-ids")
    return int_of(field, "source-id")


def _transform(field: Json) -> str:
    name = text_of(field, "transform").lower()
    wide = _WIDE.fullmatch(name)
    if name in ("identity", "void", "year", "month", "day", "hour") or (wide and int(wide[2]) > 0):
        return f"{wide[1]}[{int(wide[2])}]" if wide else name
    raise BadRequest(f"Cannot read the transform '{name:.60}'")


def _check_transform(transform: str, source: Column) -> None:
    kind, name = re.split(r"[\[(]", source.type)[0], transform.partition("[")[0]
    fits = kind in _SOURCES[name] if name in _SOURCES else kind not in _UNPARTITIONABLE
    if not fits:
        raise IllegalArgument(f"Invalid source type {source.type} for transform: {transform}")


def _essence(field: Json) -> tuple[int, str, str]:
    return (field["source-id"], field["transform"], field["name"])


def _shown(field: Json) -> str:
    return f"{field.get('name', '')} {field['transform']}({field['source-id']})".strip()
