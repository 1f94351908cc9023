"""Endpoints of views."""

from __future__ import annotations

from starlette.responses import Response

from headgate.catalog.rest import tables, views
from headgate.catalog.rest.loading import Loaded
from headgate.types import Kind
from headgate.web.iceberg.answers import empty, json_answer
from headgate.web.iceberg.call import Call
from headgate.web.iceberg.tables import list_of


def list_all(call: Call) -> Response:
    """`GET .../views`."""
    return list_of(call, Kind.VIEW)


def create(call: Call) -> Response:
    """`POST .../views`."""
    return loaded(views.create(call.target, call.levels, call.body()))


def load(call: Call) -> Response:
    """`GET .../views/{view}`."""
    return loaded(views.load(call.target, call.view))


def commit(call: Call) -> Response:
    """`POST .../views/{view}`."""
    return loaded(views.commit(call.target, call.view, call.body()))


def register(call: Call) -> Response:
    """`POST .../register-view`."""
    return loaded(views.register(call.target, call.levels, call.body()))


def rename(call: Call) -> Response:
    """`POST .../views/rename`."""
    tables.rename(call.target, call.body(), Kind.VIEW)
    return empty()


def drop(call: Call) -> Response:
    """`DELETE .../views/{view}`."""
    tables.drop(call.target, call.view, Kind.VIEW)
    return empty()


def exists(call: Call) -> Response:
    """`HEAD .../views/{view}`."""
    views.load(call.target, call.view)
    return empty()


def loaded(view: Loaded) -> Response:
    """A view as an answer."""
    return json_answer({"metadata-location": view.metadata_location, "metadata": view.metadata, "config": {}})
