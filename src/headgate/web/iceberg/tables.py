"""Endpoints of tables."""

from __future__ import annotations

from starlette.responses import Response

from headgate.catalog.rest import commits, loading, tables
from headgate.catalog.rest.commits import TableChange
from headgate.catalog.rest.fields import Json, as_object, identifier_of, items_of, text_of
from headgate.catalog.rest.loading import Loaded
from headgate.catalog.rest.names import check_name, page
from headgate.types import Kind, Name
from headgate.web.iceberg.answers import empty, json_answer
from headgate.web.iceberg.call import Call


def list_all(call: Call) -> Response:
    """`GET .../tables`."""
    return list_of(call, Kind.TABLE)


def list_of(call: Call, kind: Kind) -> Response:
    """The names of a namespace's tables or views."""
    names, token = page(loading.list_names(call.target, call.levels, kind), *call.page())
    identifiers = [{"namespace": list(name.namespace), "name": name.table} for name in names]
    return json_answer({"identifiers": identifiers, "next-page-token": token})


def create(call: Call) -> Response:
    """`POST .../tables`."""
    return loaded(call, tables.create(call.target, call.levels, call.body()))


def load(call: Call) -> Response:
    """`GET .../tables/{table}`."""
    snapshots = call.choice("snapshots", ("all", "refs"))
    table = loading.load_changed(call.target, call.table, snapshots, call.tags())
    return Response(status_code=304) if table is None else loaded(call, table, snapshots)


def commit(call: Call) -> Response:
    """`POST .../tables/{table}`."""
    name = call.table
    done = commits.commit(call.target, [TableChange.read(name, call.body())])
    return loaded(call, done[name])


def transact(call: Call) -> Response:
    """`POST .../transactions/commit`."""
    changes = [as_object(change, "table-changes") for change in items_of(call.body(), "table-changes")]
    commits.commit(call.target, [TableChange.read(_identified(change), change) for change in changes])
    return empty()


def register(call: Call) -> Response:
    """`POST .../register`."""
    return loaded(call, tables.register(call.target, call.levels, call.body()))


def rename(call: Call) -> Response:
    """`POST .../tables/rename`."""
    tables.rename(call.target, call.body(), Kind.TABLE)
    return empty()


def drop(call: Call) -> Response:
    """`DELETE .../tables/{table}`; a purge drops it too, and leaves the files to whom they are still of use."""
    call.choice("purgeRequested", ("false", "true"))
    tables.drop(call.target, call.table, Kind.TABLE)
    return empty()


def exists(call: Call) -> Response:
    """`HEAD .../tables/{table}`."""
    loading.location_of(call.target, call.table)
    return empty()


def credentials(call: Call) -> Response:
    """`GET .../tables/{table}/credentials`."""
    loading.location_of(call.target, call.table)
    return json_answer({"storage-credentials": _credentials(call)})


def report(call: Call) -> Response:
    """`POST .../tables/{table}/metrics`; the report is read and not kept."""
    text_of(call.body(), "report-type")
    loading.location_of(call.target, call.table)
    return empty()


def loaded(call: Call, table: Loaded, snapshots: str = "all") -> Response:
    """A table as an answer, with what the client has to know to reach its files."""
    body: Json = {"metadata-location": table.metadata_location, "metadata": table.metadata}
    body["config"] = call.target.storage.client_config()
    found = _credentials(call)
    if found:
        body["storage-credentials"] = found
    tag = loading.tag_of(table, snapshots)
    return json_answer(body, headers={"ETag": f'"{tag}"'} if tag else None)


def _credentials(call: Call) -> list[Json]:
    config = call.target.storage.client_config()
    # Two, though one would do: DuckDB takes a single one to be for the shown location only, whatever its prefix.
    warehouse = call.target.overlay.warehouse
    return [{"prefix": prefix, "config": config} for prefix in (warehouse, f"{warehouse}/")] if config else []


def _identified(change: Json) -> Name:
    return check_name(identifier_of(change, "identifier"))
