"""What goes to Nessie and what comes back, as its OpenAPI document (version 2) describes it.

Nessie ignores fields that it does not know: a merge asked for with `dryRun` instead of `isDryRun` really happens. So
whatever goes there is made from a model that rejects every other field, and what comes back from one that passes
over fields that a newer server adds.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Request(BaseModel):
    """What goes to the server; a field that it does not have is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)

    def json_bytes(self) -> bytes:
        """The body of the request."""
        return self.model_dump_json(by_alias=True, exclude_none=True).encode()


class Answer(BaseModel):
    """What comes from the server; a field that is not known here is passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel, populate_by_name=True)


class Key(Request):
    """Where content stands: the levels of its namespace and its own name."""

    elements: tuple[str, ...]


class Table(Request):
    """An Iceberg table: where its metadata lies, and what is current in there."""

    type: Literal["ICEBERG_TABLE"] = "ICEBERG_TABLE"
    id: str | None = None
    metadata_location: str
    snapshot_id: int = -1
    schema_id: int = 0
    spec_id: int = 0
    sort_order_id: int = 0


class View(Request):
    """An Iceberg view; its SQL text has been optional in all but name since Nessie leaves it to the metadata."""

    type: Literal["ICEBERG_VIEW"] = "ICEBERG_VIEW"
    id: str | None = None
    metadata_location: str
    version_id: int = 1
    schema_id: int = 0
    sql_text: str = "-"
    dialect: str | None = None


class Namespace(Request):
    """A namespace; Nessie wants one before anything stands in it."""

    type: Literal["NAMESPACE"] = "NAMESPACE"
    id: str | None = None
    elements: tuple[str, ...]
    properties: dict[str, str] = Field(default_factory=dict)


class Foreign(Answer):
    """Content that headgate does not read, such as a Delta table or a function."""

    type: str
    id: str | None = None


Content = Table | View | Namespace | Foreign

_KNOWN: dict[str, type[Table] | type[View] | type[Namespace]] = {
    "ICEBERG_TABLE": Table,
    "ICEBERG_VIEW": View,
    "NAMESPACE": Namespace,
}


def _read_content(value: Any) -> Any:
    """Content in an answer by its type, without fields that a newer server may add."""
    if not isinstance(value, dict):
        return value
    known = _KNOWN.get(value.get("type", ""))
    if known is None:
        return Foreign.model_validate(value)
    aliases = {to_camel(name) for name in known.model_fields}
    return known.model_validate({key: part for key, part in value.items() if key in aliases and part is not None})


Received = Annotated[Content, BeforeValidator(_read_content)]


class Put(Request):
    """Make content stand at a key; without an id it has to be new there, with one it replaces what has that id."""

    type: Literal["PUT"] = "PUT"
    key: Key
    content: Table | View | Namespace


class Delete(Request):
    """Take away what stands at a key."""

    type: Literal["DELETE"] = "DELETE"
    key: Key


class Unchanged(Request):
    """Have what stands at a key be as it was; a commit needs an operation, and this one does nothing."""

    type: Literal["UNCHANGED"] = "UNCHANGED"
    key: Key


Operation = Put | Delete | Unchanged


class CommitMeta(Request):
    """Who, why, and whatever else is to be kept with a commit."""

    authors: tuple[str, ...]
    message: str
    all_properties: dict[str, tuple[str, ...]]


class Commit(Request):
    """Operations that land together or not at all."""

    commit_meta: CommitMeta
    operations: tuple[Operation, ...]


class KeyMerge(Request):
    """What a merge does with one key."""

    key: Key
    merge_behavior: Literal["NORMAL", "FORCE", "DROP"]
    expected_target_content: Table | View | Namespace | None = None
    resolved_content: Table | View | Namespace | None = None


class Merge(Request):
    """Bring the changes of another line of history to a branch, as one commit with two parents."""

    from_ref_name: str
    from_hash: str
    commit_meta: CommitMeta
    default_key_merge_mode: Literal["NORMAL", "FORCE", "DROP"] = "NORMAL"
    key_merge_modes: tuple[KeyMerge, ...] = ()
    is_dry_run: bool = False
    is_return_conflict_as_result: bool = True


class Target(Request):
    """The commit that a new or moved reference is to point at."""

    type: Literal["DETACHED"] = "DETACHED"
    hash: str


class Wanted(Request):
    """Keys whose contents are asked for."""

    requested_keys: tuple[Key, ...]


class Config(Answer):
    """What a server says about itself."""

    default_branch: str
    max_supported_api_version: int
    spec_version: str | None = None
    no_ancestor_hash: str
    repository_creation_timestamp: datetime | None = None


class Reference(Answer):
    """A branch, a tag, or a commit by its hash alone."""

    type: Literal["BRANCH", "TAG", "DETACHED"]
    name: str | None = None
    hash: str


class OneReference(Answer):
    """The answer about one reference."""

    reference: Reference


class Page(Answer):
    """Part of an answer; `token` asks for the next one."""

    token: str | None = None
    has_more: bool = False


class References(Page):
    """A page of references."""

    references: tuple[Reference, ...]


class Entry(Answer):
    """A key and what stands there."""

    name: Key
    type: str
    content: Received | None = None


class Entries(Page):
    """A page of what stands in a state."""

    entries: tuple[Entry, ...]
    effective_reference: Reference


class Held(Answer):
    """A key that was asked for, and what stands there."""

    key: Key
    content: Received


class Contents(Answer):
    """What stands at the keys that were asked for, and in which state."""

    contents: tuple[Held, ...]
    effective_reference: Reference


class Made(Answer):
    """What is known of a commit beside what it did."""

    hash: str
    message: str = ""
    committer: str = ""
    authors: tuple[str, ...] = ()
    commit_time: datetime
    all_properties: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    parent_commit_hashes: tuple[str, ...] = ()


class Done(Answer):
    """One operation of a commit."""

    type: str
    key: Key
    content: Received | None = None


class LogEntry(Answer):
    """A commit; its operations only where they were asked for."""

    commit_meta: Made
    operations: tuple[Done, ...] | None = None


class Log(Page):
    """A page of a history, newest first, along the first parents."""

    log_entries: tuple[LogEntry, ...]


class Difference(Answer):
    """A key that stands for different content in two states."""

    key: Key
    from_: Received | None = Field(default=None, alias="from")
    to: Received | None = None


class Differences(Page):
    """A page of what differs between two states."""

    diffs: tuple[Difference, ...]


class Added(Answer):
    """The id that Nessie gave to content which is new."""

    key: Key
    content_id: str


class Committed(Answer):
    """Where the branch points after a commit."""

    target_branch: Reference
    added_contents: tuple[Added, ...] | None = None


class Merged(Answer):
    """What became of a merge."""

    was_applied: bool = False
    was_successful: bool = False
    resultant_target_hash: str | None = None


class Failure(Answer):
    """Why the server refuses."""

    status: int = 0
    message: str = ""
    error_code: str = ""
