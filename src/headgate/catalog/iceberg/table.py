"""A version of an Iceberg table as a value: every change gives the next version and touches no reference."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pyiceberg.io import FileIO
from pyiceberg.manifest import DataFile, ManifestContent
from pyiceberg.partitioning import PARTITION_FIELD_ID_START, PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.metadata import TableMetadata, new_table_metadata
from pyiceberg.table.snapshots import MetadataLogEntry, Operation, Snapshot
from pyiceberg.table.sorting import SortOrder
from pyiceberg.table.update import (
    AddPartitionSpecUpdate,
    AddSchemaUpdate,
    AddSortOrderUpdate,
    RemovePropertiesUpdate,
    SetCurrentSchemaUpdate,
    SetDefaultSortOrderUpdate,
    SetDefaultSpecUpdate,
    SetPropertiesUpdate,
    TableUpdate,
    UpgradeFormatVersionUpdate,
    update_table_metadata,
)

from headgate.catalog.iceberg.added import AddedManifests
from headgate.catalog.iceberg.contents import SIZE, live_entries, live_manifests, live_rows, totals_of
from headgate.catalog.iceberg.datafiles import LiveFile, PositionDeletes, to_data_file, to_delete_file, to_live_file
from headgate.catalog.iceberg.evolution import Mode, evolve_schema, fresh_schema, rename_columns
from headgate.catalog.iceberg.layout import find_column, partition_spec, same_partitioning, sort_order
from headgate.catalog.iceberg.reading import read_table
from headgate.catalog.iceberg.snapshots import produce_snapshot, produce_subset
from headgate.catalog.iceberg.storage import KeptFile, StorageIO
from headgate.catalog.storage import Storage
from headgate.errors import DataError
from headgate.types import Layout, WrittenFile

FORMAT_VERSION = 2
"""The format version that headgate writes: the latest that PyIceberg 0.12 does, and one that every engine reads."""

_DEFAULTS = {
    "write.parquet.compression-codec": "zstd",
    # The catalog's commits are the history; a longer log makes every commit of a busy table dearer.
    "write.metadata.previous-versions-max": "20",
}
COMMENT = "comment"


@dataclass(frozen=True)
class TableVersion:
    """One version of a table, stored or still to be stored.

    Attributes:
        metadata: PyIceberg's model of the table.
        storage: Where its files are.
        base_location: Metadata file that this version was made from; None for a new table.
        stored: Whether `base_location` is this very version.
        types: Types by field id that the schema has as `unknown`, because PyIceberg does not know them.
        kept: Manifests and lists of this version that are written when it is stored, by location.
    """

    metadata: TableMetadata
    storage: Storage = field(repr=False, compare=False)
    base_location: str | None = None
    stored: bool = False
    types: Mapping[int, str] = field(default_factory=dict, repr=False, compare=False)
    kept: Mapping[str, KeptFile] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def load(cls, metadata_location: str, storage: Storage) -> TableVersion:
        """Read a version from its metadata file.

        Raises:
            StorageError: The file cannot be read.
            CorruptHistory: The file is not Iceberg metadata.
            DataError: It is of a format version that headgate does not know.
        """
        read = read_table(metadata_location, storage)
        return cls(read.metadata, storage, metadata_location, stored=True, types=read.types)

    @property
    def metadata_location(self) -> str:
        """URI of the metadata file of this version, which must be stored."""
        assert self.stored, "store() the version first"
        assert self.base_location is not None
        return self.base_location

    @property
    def table_id(self) -> str:
        """The table's UUID, which no change alters."""
        return str(self.metadata.table_uuid)

    @property
    def location(self) -> str:
        return self.metadata.location

    @property
    def schema(self) -> Schema:
        return self.metadata.schema()

    @property
    def spec(self) -> PartitionSpec:
        return self.metadata.spec()

    @property
    def sort_order(self) -> SortOrder:
        return self.metadata.sort_order()

    @property
    def properties(self) -> dict[str, str]:
        return dict(self.metadata.properties)

    @property
    def snapshot(self) -> Snapshot | None:
        return self.metadata.current_snapshot()

    @property
    def rows(self) -> int | None:
        """Number of rows; None where delete files take some away, so that only a scan can tell."""
        return live_rows(self.io, self.snapshot)

    @property
    def bytes(self) -> int:
        """Size of all files that a reader of the rows needs."""
        return totals_of(self.io, self.snapshot)[SIZE]

    @property
    def io(self) -> FileIO:
        return self._io()

    def _io(self) -> StorageIO:
        known = [entry.metadata_file for entry in self.metadata.metadata_log]
        trusted = known if self.base_location is None else [self.base_location, *known]
        return StorageIO(self.storage, trusted, self.kept)

    def data_files(self) -> list[DataFile]:
        """PyIceberg's data files of the current snapshot, with their `spec_id`."""
        return [entry.data_file for entry in live_entries(self.io, live_manifests(self.io, self.snapshot))]

    def delete_files(self) -> list[DataFile]:
        """The files that take rows of the current snapshot's data files away."""
        manifests = live_manifests(self.io, self.snapshot)
        return [entry.data_file for entry in live_entries(self.io, manifests, ManifestContent.DELETES)]

    def files(self) -> list[LiveFile]:
        """The data files of the current snapshot."""
        return [to_live_file(file) for file in self.data_files()]

    def append(
        self,
        files: Sequence[WrittenFile],
        summary: Mapping[str, str] | None = None,
        prepared: AddedManifests | None = None,
    ) -> TableVersion:
        """Add data files in one snapshot; nothing else changes. `prepared` is what `added.prepare` gave for them."""
        if not files:
            return self
        return self.with_snapshot(self._data_files(files), frozenset(), Operation.APPEND, summary, prepared=prepared)

    def rewrite(
        self, delete: Collection[str], add: Sequence[WrittenFile], deletes: Sequence[PositionDeletes] = ()
    ) -> TableVersion:
        """Remove and add data files, and add delete files to others that stay, in one snapshot.

        The snapshot's operation is never `append`, even if nothing is removed: what is added was computed from what the
        table held, so two such changes cannot be joined.
        """
        if not delete and not add and not deletes:
            return self
        operation = Operation.OVERWRITE if add else Operation.DELETE
        added = [*self._data_files(add), *map(to_delete_file, deletes)]
        return self.with_snapshot(added, frozenset(delete), operation)

    def replace(self, files: Sequence[WrittenFile], summary: Mapping[str, str] | None = None) -> TableVersion:
        """Exchange all data files in one snapshot; identity, history and schema ids stay."""
        return self.with_snapshot(self._data_files(files), None, Operation.OVERWRITE, summary)

    def _data_files(self, files: Sequence[WrittenFile]) -> list[DataFile]:
        return [to_data_file(file, self.spec.spec_id) for file in files]

    def with_snapshot(
        self,
        added: Sequence[DataFile],
        removed: frozenset[str] | None,
        operation: Operation,
        summary: Mapping[str, str] | None = None,
        folder: str | None = None,
        prepared: AddedManifests | None = None,
    ) -> TableVersion:
        """As `append`, `rewrite` and `replace`, of PyIceberg's data files; see `produce_snapshot`.

        A table of format version 1 is one of version 2 from then on, as its files allow.
        """
        upgrade = UpgradeFormatVersionUpdate.model_validate({"format-version": FORMAT_VERSION})
        version = self.updated(upgrade) if self.metadata.format_version < FORMAT_VERSION else self
        io = self._io()
        ready = prepared if prepared is not None and prepared.fit(version.metadata, added) else None
        if ready is not None:
            io.kept.update(ready.kept)
        metadata = produce_snapshot(
            version.metadata,
            io,
            added=added,
            prepared=ready,
            removed=removed,
            operation=operation,
            properties=summary,
            folder=folder,
            commit=self.storage.new_id(),
        )
        return replace(version, metadata=metadata, stored=False, kept=io.kept)

    def with_files(self, files: Sequence[WrittenFile], folder: str) -> TableVersion:
        """A version that holds only these files, with its manifests in a folder of its own: for reading them."""
        return self.with_snapshot(self._data_files(files), None, Operation.OVERWRITE, folder=folder)

    def subset(self, paths: Collection[str], folder: str) -> TableVersion:
        """A version, stored in a folder of its own, that holds only some of the data files: for reading them."""
        io = self._io()
        metadata = produce_subset(self.metadata, io, paths, folder)
        return replace(self, metadata=metadata, stored=False, kept=io.kept).store(folder)

    def evolve(self, schema: Schema, mode: Mode, *, table: str | None = None) -> TableVersion:
        """Make the schema fit data of another shape; see `evolve_schema`."""
        name = table or self.location
        evolved = evolve_schema(self.schema, schema, self.metadata.last_column_id, table=name, mode=mode)
        if mode is Mode.SYNC:
            self._check_partitions_stay(evolved, name)
        return self if evolved is self.schema else self.with_schema(evolved)

    def _check_partitions_stay(self, evolved: Schema, table: str) -> None:
        """Refuse to drop a column that partitions files which stay: readers could not tell their partitions."""
        for part in self.spec.fields:
            if part.source_id not in evolved.field_ids:
                raise DataError(
                    f"Column '{self.schema.find_column_name(part.source_id)}' cannot be dropped from table '{table}':"
                    " the table is partitioned by it.",
                    hint="Keep the column, or rebuild the table with other partitions.",
                )

    def rename_columns(self, renames: Mapping[str, str], *, table: str | None = None) -> TableVersion:
        """Rename columns by their current names; data files stay as they are."""
        return self.with_schema(rename_columns(self.schema, renames, table=table or self.location))

    def with_schema(self, schema: Schema) -> TableVersion:
        """Make a schema current, the table's own of that shape if it has had one."""
        known = next((old.schema_id for old in self.metadata.schemas if old == schema), None)
        version = self._without_layout_on(set(self.schema.field_ids) - set(schema.field_ids))
        if known is not None:
            return version.updated(SetCurrentSchemaUpdate.model_validate({"schema-id": known}))
        next_id = max(old.schema_id for old in self.metadata.schemas) + 1
        added = schema.model_copy(update={"schema_id": next_id})
        return version.updated(
            AddSchemaUpdate(schema=added), SetCurrentSchemaUpdate.model_validate({"schema-id": next_id})
        )

    def _without_layout_on(self, dropped: set[int]) -> TableVersion:
        """Take columns that are about to go out of the partition spec and the sort order."""
        version = self
        if any(field.source_id in dropped for field in self.spec.fields):
            rest = [field for field in self.spec.fields if field.source_id not in dropped]
            version = version.partitioned_by(PartitionSpec(*rest))
        if any(field.source_id in dropped for field in self.sort_order.fields):
            kept = [field for field in self.sort_order.fields if field.source_id not in dropped]
            version = version.sorted_by(SortOrder(*kept, order_id=1 if kept else 0))
        return version

    def with_layout(self, layout: Layout) -> TableVersion:
        """Partition, sort and describe the table as the layout says; files that exist stay as they are."""
        spec = partition_spec(self.schema, layout.partition_by, self.metadata.last_partition_id or 999, 0)
        order = sort_order(self.schema, layout.sort_by, 1)
        return self.partitioned_by(spec).sorted_by(order).described(layout)

    def partitioned_by(self, spec: PartitionSpec) -> TableVersion:
        """Partition what is written from now on; an equal spec that the table has had is taken again."""
        if same_partitioning(self.spec, spec):
            return self
        for old in self.metadata.partition_specs:
            if same_partitioning(old, spec):
                return self.updated(SetDefaultSpecUpdate.model_validate({"spec-id": old.spec_id}))
        spec_id = max(old.spec_id for old in self.metadata.partition_specs) + 1
        numbered = PartitionSpec(*_reusing_field_ids(spec, self.metadata.partition_specs), spec_id=spec_id)
        return self.updated(
            AddPartitionSpecUpdate(spec=numbered), SetDefaultSpecUpdate.model_validate({"spec-id": spec_id})
        )

    def sorted_by(self, order: SortOrder) -> TableVersion:
        """Sort what is written from now on."""
        if order.fields == self.sort_order.fields:
            return self
        known = next((old.order_id for old in self.metadata.sort_orders if old.fields == order.fields), None)
        if known is not None:
            return self.updated(SetDefaultSortOrderUpdate.model_validate({"sort-order-id": known}))
        order_id = 0 if not order.fields else max(old.order_id for old in self.metadata.sort_orders) + 1
        added = SortOrder(*order.fields, order_id=order_id)
        return self.updated(
            AddSortOrderUpdate.model_validate({"sort-order": added}),
            SetDefaultSortOrderUpdate.model_validate({"sort-order-id": order_id}),
        )

    def described(self, layout: Layout) -> TableVersion:
        """Set the layout's properties and comments, and leave what it does not mention."""
        comment = {COMMENT: layout.comment} if layout.comment is not None else {}
        version = self.with_properties(dict(layout.properties) | comment)
        documented = _documented(self.schema, layout)
        return version if documented is self.schema else version.with_schema(documented)

    def with_properties(self, changes: Mapping[str, str | None]) -> TableVersion:
        """Set properties, and remove those whose value is None."""
        old = self.metadata.properties
        updates = {name: value for name, value in changes.items() if value is not None and old.get(name) != value}
        removals = [name for name, value in changes.items() if value is None and name in old]
        version = self.updated(SetPropertiesUpdate(updates=updates)) if updates else self
        return version.updated(RemovePropertiesUpdate(removals=removals)) if removals else version

    def updated(self, *updates: TableUpdate) -> TableVersion:
        """Apply updates of PyIceberg's, the same that an Iceberg REST client sends."""
        metadata = update_table_metadata(self.metadata, updates)
        return replace(self, metadata=metadata, stored=False)

    def store(self, folder: str | None = None) -> TableVersion:
        """Write the metadata file and the manifests that it needs, once; all are whole and durable when this returns.

        Raises:
            StorageError: The disk is full or the warehouse cannot be written to.
        """
        if self.stored:
            return self
        metadata = self.metadata
        number = 0
        if self.base_location is not None:
            number = _version_number(self.base_location) + 1
            metadata = _logged(metadata, self.base_location)
        location = f"{folder or f'{self.location}/metadata'}/{number:05d}-{self.storage.new_id()}.metadata.json"
        content = metadata.model_dump_json(exclude_none=True).encode()
        kept = {where: file for where, file in self.kept.items() if not file.stored}
        self.storage.write_all({location: content, **{where: file.content for where, file in kept.items()}})
        for file in kept.values():
            file.stored = True
        return TableVersion(metadata, self.storage, location, stored=True)


def new_table(location: str, schema: Schema, storage: Storage, layout: Layout | None = None) -> TableVersion:
    """A table without rows, not stored yet.

    Args:
        location: URI of the table's folder.
        schema: Its columns; field ids are given out here.
        storage: Where its files will be.
        layout: Partitions, sort order, properties and comments.

    Raises:
        ProjectError: The layout names a column that the schema lacks.
    """
    layout = layout or Layout()
    comment = {COMMENT: layout.comment} if layout.comment is not None else {}
    fresh = _documented(fresh_schema(schema), layout)
    metadata = new_table_metadata(
        schema=fresh,
        partition_spec=partition_spec(fresh, layout.partition_by, PARTITION_FIELD_ID_START - 1, 0),
        sort_order=sort_order(fresh, layout.sort_by, 1),
        location=location.rstrip("/"),
        properties={"format-version": str(FORMAT_VERSION), **_DEFAULTS, **layout.properties, **comment},
    )
    return TableVersion(metadata, storage)


def _documented(schema: Schema, layout: Layout) -> Schema:
    """The schema with the layout's column comments; the very same if they change nothing."""
    docs = {find_column(schema, name, "describe").field_id: doc for name, doc in layout.column_comments.items()}
    fields = [field.model_copy(update={"doc": docs.get(field.field_id, field.doc)}) for field in schema.fields]
    if all(field.doc == old.doc for field, old in zip(fields, schema.fields, strict=True)):
        return schema
    return Schema(*fields, schema_id=schema.schema_id, identifier_field_ids=schema.identifier_field_ids)


def _version_number(metadata_location: str) -> int:
    """The number in a metadata file's name, such as `00003-<uuid>.metadata.json`; 0 if it has none."""
    number = metadata_location.rpartition("/")[2].partition("-")[0].removeprefix("v")
    return int(number) if number.isdigit() else 0


def _logged(metadata: TableMetadata, previous: str) -> TableMetadata:
    """The metadata with the previous file in its log, which is bounded."""
    kept = int(metadata.properties.get("write.metadata.previous-versions-max", "20"))
    entry = MetadataLogEntry.model_validate({"metadata-file": previous, "timestamp-ms": metadata.last_updated_ms})
    return metadata.model_copy(update={"metadata_log": [*metadata.metadata_log, entry][-kept:]})


def _reusing_field_ids(spec: PartitionSpec, known: Iterable[PartitionSpec]) -> list[PartitionField]:
    """The spec's fields, with the id and name that an equal field of an older spec has, as the specification asks."""
    fields = {(field.source_id, str(field.transform)): field for old in known for field in old.fields}
    return [fields.get((field.source_id, str(field.transform)), field) for field in spec.fields]
