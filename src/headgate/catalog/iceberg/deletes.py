"""Delete files that not every engine would apply."""

from __future__ import annotations

from pyiceberg.manifest import ManifestContent

from headgate.catalog.iceberg.contents import avro_errors
from headgate.catalog.iceberg.manifests import read_list
from headgate.catalog.iceberg.storage import StorageIO
from headgate.catalog.storage import Storage


def adds_deletes_across_specs(manifest_list: str, snapshot_id: int, storage: Storage) -> bool:
    """Whether a snapshot adds delete files while its files lie in more than one partition spec.

    By the specification a position delete applies to data files of its own spec and partition (scan planning).
    """
    with avro_errors(manifest_list):
        listed = read_list(StorageIO(storage), manifest_list)
    manifests = [manifest for manifest in listed if manifest.has_added_files() or manifest.has_existing_files()]
    added = [
        manifest
        for manifest in manifests
        if manifest.content == ManifestContent.DELETES and manifest.added_snapshot_id == snapshot_id
    ]
    data = [manifest for manifest in manifests if manifest.content == ManifestContent.DATA]
    return bool(added) and len({manifest.partition_spec_id for manifest in (*data, *added)}) > 1
