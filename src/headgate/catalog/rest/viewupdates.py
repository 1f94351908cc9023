"""The updates of the Iceberg REST specification that change a view's metadata."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

from headgate.catalog.rest.fields import (
    Json,
    as_object,
    int_of,
    items_of,
    listed,
    long_of,
    object_of,
    optional_text,
    text_map,
    text_of,
    texts_of,
    without_nulls,
)
from headgate.catalog.rest.metadata import now_ms
from headgate.catalog.rest.problems import BadRequest, IllegalArgument
from headgate.catalog.rest.schemas import read_schema, same_schema
from headgate.catalog.views import ENGINE, HEADGATE

LAST_ADDED = -1
_DROPS_DIALECTS = "replace.drop-dialect.allowed"
_HISTORY = "version.history.num-entries"
_KEPT = 10


def canonical(document: Json) -> Json:
    """A view's metadata file in the form that updates work on.

    Raises:
        BadRequest: It is not the metadata of a view.
    """
    view: Json = without_nulls(document)
    if int_of(view, "format-version") != 1:
        raise BadRequest(f"Unsupported format version of a view: v{view['format-version']} (supported: v1)")
    text_of(view, "view-uuid")
    view["location"] = text_of(view, "location").rstrip("/")
    view["schemas"] = [read_schema(as_object(schema, "schemas")) for schema in items_of(view, "schemas")]
    view["versions"] = [_version(as_object(version, "versions")) for version in items_of(view, "versions")]
    for entry in items_of(view, "version-log"):
        int_of(as_object(entry, "version-log"), "version-id")
        long_of(entry, "timestamp-ms")
    view["properties"] = text_map(view, "properties", missing_is_empty=True)
    current_version(view)
    return view


def current_version(view: Json) -> Json:
    """The current version of a view.

    Raises:
        BadRequest: It has none.
    """
    number = int_of(view, "current-version-id")
    for version in view["versions"]:
        if version["version-id"] == number:
            return as_object(version, "versions")
    raise IllegalArgument(f"Cannot set current version to unknown version: {number}")


def blank(location: str) -> Json:
    """A view that has nothing yet."""
    return {
        "view-uuid": str(uuid.uuid4()),
        "format-version": 1,
        "location": location,
        "schemas": [],
        "current-version-id": 0,
        "versions": [],
        "version-log": [],
        "properties": {},
    }


def apply_updates(base: Json, updates: Sequence[object]) -> Json:
    """The metadata that some updates make of a view's; the very same if they change nothing.

    Raises:
        BadRequest: An update is unknown, malformed, or does not fit the view.
    """
    draft = _Draft(base)
    for update in updates:
        read = without_nulls(as_object(update, "updates"))
        action = _ACTIONS.get(text_of(read, "action"))
        if action is None:
            raise BadRequest(f"Cannot convert metadata update action to java class: {read['action']}")
        action(draft, read)
    return draft.finished()


class _Draft:
    def __init__(self, base: Json) -> None:
        self.base = base
        self.view = dict(base)
        self._schema: int | None = None
        self._version: int | None = None
        self._added: set[int] = set()
        self._entry: Json | None = None

    def assign_uuid(self, update: Json) -> None:
        given = text_of(update, "uuid")
        if given.lower() != self.view["view-uuid"].lower():
            raise IllegalArgument("Cannot reassign uuid")

    def upgrade(self, update: Json) -> None:
        version = int_of(update, "format-version")
        if version != 1:
            raise BadRequest(f"Cannot upgrade view to unsupported format version: v{version} (supported: v1)")

    def add_schema(self, update: Json) -> None:
        schema, schemas = read_schema(object_of(update, "schema")), self.view["schemas"]
        known = next((old["schema-id"] for old in schemas if same_schema(old, schema)), None)
        number = max((old["schema-id"] + 1 for old in schemas), default=0) if known is None else known
        if known is None:
            self.view["schemas"] = [*schemas, {**schema, "schema-id": number}]
        self._schema = number

    def add_version(self, update: Json) -> None:
        version = disowned(_version(object_of(update, "view-version")))
        if version["schema-id"] == LAST_ADDED:
            if self._schema is None:
                raise IllegalArgument("Cannot set last added schema: no schema has been added")
            version = {**version, "schema-id": self._schema}
        if all(schema["schema-id"] != version["schema-id"] for schema in self.view["schemas"]):
            raise IllegalArgument(f"Cannot add version with unknown schema: {version['schema-id']}")
        versions = self.view["versions"]
        known = next((old["version-id"] for old in versions if _essence(old) == _essence(version)), None)
        if known is not None:
            self._version = known
            return
        number = max([version["version-id"], *(old["version-id"] + 1 for old in versions)])
        self.view["versions"] = [*versions, {**version, "version-id": number}]
        self._version = number
        self._added.add(number)

    def set_version(self, update: Json) -> None:
        number = int_of(update, "view-version-id")
        if number == LAST_ADDED:
            if self._version is None:
                raise IllegalArgument("Cannot set last version id: no current version id has been set")
            number = self._version
        if number == self.view["current-version-id"]:
            return
        self.view["current-version-id"] = number
        version = current_version(self.view)
        moment = version["timestamp-ms"] if number in self._added else now_ms()
        self._entry = {"timestamp-ms": moment, "version-id": number}

    def set_location(self, update: Json) -> None:
        """The catalog decides where a view's files lie, as it does for tables."""
        text_of(update, "location")

    def set_properties(self, update: Json) -> None:
        properties = text_map(update, "updates" if "updates" in update else "updated")
        self.view["properties"] = self.view["properties"] | properties

    def remove_properties(self, update: Json) -> None:
        gone = set(texts_of(update, "removals" if "removals" in update else "removed"))
        self.view["properties"] = {key: value for key, value in self.view["properties"].items() if key not in gone}

    def finished(self) -> Json:
        if self._entry is not None:
            self.view["version-log"] = [*self.view["version-log"], self._entry]
        if self.view == self.base:
            return self.base
        now = current_version(self.view)
        if self.base["versions"] and self.view["properties"].get(_DROPS_DIALECTS, "false").lower() != "true":
            lost = _dialects(current_version(self.base)) - _dialects(now)
            if lost:
                raise IllegalArgument(
                    f"Cannot replace view due to loss of view dialects ({_DROPS_DIALECTS}=false):\nPrevious dialects:"
                    f" [{listed(sorted(_dialects(current_version(self.base))))}]\nNew dialects:"
                    f" [{listed(sorted(_dialects(now)))}]"
                )
        self._expire(now["version-id"])
        return self.view

    def _expire(self, current: int) -> None:
        asked = self.view["properties"].get(_HISTORY, str(_KEPT))
        if not asked.isascii() or not asked.isdigit() or len(asked) > 9 or int(asked) == 0:
            raise BadRequest(f"{_HISTORY} must be positive but was {asked:.20}")
        keep = max(int(asked), len(self._added | {current}))
        newest = sorted((version["version-id"] for version in self.view["versions"]), reverse=True)
        kept = {current, *[number for number in newest if number != current][: keep - 1]}
        self.view["versions"] = [each for each in self.view["versions"] if each["version-id"] in kept]
        log: list[Json] = []
        for entry in self.view["version-log"]:
            log = [*log, entry] if entry["version-id"] in kept else []
        self.view["version-log"] = log


def _version(version: Json) -> Json:
    read: Json = {"version-id": int_of(version, "version-id"), "schema-id": int_of(version, "schema-id")}
    read["timestamp-ms"] = long_of(version, "timestamp-ms")
    read["summary"] = text_map(version, "summary", missing_is_empty=True)
    read["default-namespace"] = texts_of(version, "default-namespace")
    catalog = optional_text(version, "default-catalog")
    if catalog is not None:
        read["default-catalog"] = catalog
    read["representations"] = [_representation(each) for each in items_of(version, "representations")]
    seen: set[str] = set()
    for each in read["representations"]:
        dialect = each["dialect"].lower()
        if dialect in seen:
            raise IllegalArgument(f"Invalid view version: Cannot add multiple queries for dialect {dialect}")
        seen.add(dialect)
    return read


def _representation(value: object) -> Json:
    representation = as_object(value, "representations")
    if text_of(representation, "type").lower() != "sql":
        raise BadRequest(f"Found unsupported view representations: [{representation['type']:.40}]")
    return {
        "type": "sql",
        "sql": text_of(representation, "sql"),
        "dialect": text_of(representation, "dialect"),
    }


def disowned(version: Json) -> Json:
    """A client's version of a view, which may not pass for one of headgate's own: those are trusted to read files."""
    if version["summary"].get(ENGINE) != HEADGATE:
        return version
    return {**version, "summary": {key: value for key, value in version["summary"].items() if key != ENGINE}}


def _dialects(version: Json) -> set[str]:
    return {each["dialect"].lower() for each in version["representations"]}


def _essence(version: Json) -> Json:
    """What decides how a version of a view behaves."""
    return {key: value for key, value in version.items() if key not in ("version-id", "timestamp-ms")}


_ACTIONS: dict[str, Callable[[_Draft, Json], None]] = {
    "assign-uuid": _Draft.assign_uuid,
    "upgrade-format-version": _Draft.upgrade,
    "add-schema": _Draft.add_schema,
    "add-view-version": _Draft.add_version,
    "set-current-view-version": _Draft.set_version,
    "set-location": _Draft.set_location,
    "set-properties": _Draft.set_properties,
    "remove-properties": _Draft.remove_properties,
}
