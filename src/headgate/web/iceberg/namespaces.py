"""Endpoints of namespaces."""

from __future__ import annotations

from starlette.responses import Response

from headgate.catalog.rest import namespaces
from headgate.catalog.rest.names import levels_of, page
from headgate.catalog.rest.presence import check_namespace
from headgate.web.iceberg.answers import empty, json_answer
from headgate.web.iceberg.call import Call


def list_all(call: Call) -> Response:
    """`GET .../namespaces`."""
    parent = call.query.get("parent")
    found = namespaces.list_namespaces(call.target, levels_of(parent) if parent else ())
    names, token = page(found, *call.page())
    return json_answer({"namespaces": [list(name.parts) for name in names], "next-page-token": token})


def create(call: Call) -> Response:
    """`POST .../namespaces`."""
    return json_answer(namespaces.create_namespace(call.target, call.body()))


def load(call: Call) -> Response:
    """`GET .../namespaces/{namespace}`."""
    return json_answer(namespaces.load_namespace(call.target, call.levels))


def exists(call: Call) -> Response:
    """`HEAD .../namespaces/{namespace}`."""
    check_namespace(call.target.state(), call.levels)
    return empty()


def drop(call: Call) -> Response:
    """`DELETE .../namespaces/{namespace}`."""
    namespaces.drop_namespace(call.target, call.levels)
    return empty()


def update(call: Call) -> Response:
    """`POST .../namespaces/{namespace}/properties`."""
    return json_answer(namespaces.update_properties(call.target, call.levels, call.body()))
