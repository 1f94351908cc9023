"""What answers a request that was done before: the state as it is now, without doing anything."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import Response

from headgate.catalog.rest import loading
from headgate.catalog.rest import namespaces as service
from headgate.catalog.rest import views as view_service
from headgate.catalog.rest.fields import flag_of, text_map, text_of, texts_of
from headgate.catalog.rest.names import check_levels, check_name
from headgate.web.iceberg import namespaces, tables, views
from headgate.web.iceberg.answers import empty, json_answer
from headgate.web.iceberg.call import Call

Handler = Callable[[Call], Response]


def repeated(handler: Handler, call: Call) -> Response:
    """The answer to a request that the handler has answered before."""
    return _AGAIN.get(handler, _nothing)(call)


def _nothing(call: Call) -> Response:
    return empty()


def _namespace(call: Call) -> Response:
    return json_answer(service.load_namespace(call.target, check_levels(texts_of(call.body(), "namespace"))))


def _properties(call: Call) -> Response:
    request = call.body()
    updates, removals = text_map(request, "updates", missing_is_empty=True), request.get("removals") or []
    return json_answer({"updated": sorted(updates), "removed": sorted(removals), "missing": []})


def _table(call: Call) -> Response:
    if flag_of(call.body(), "stage-create"):
        return tables.create(call)
    return tables.loaded(call, loading.load(call.target, check_name((*call.levels, text_of(call.body(), "name")))))


def _view(call: Call) -> Response:
    view = view_service.load(call.target, check_name((*call.levels, text_of(call.body(), "name"))))
    return views.loaded(view)


_AGAIN: dict[Handler, Handler] = {
    namespaces.create: _namespace,
    namespaces.update: _properties,
    tables.create: _table,
    tables.register: _table,
    tables.commit: lambda call: tables.loaded(call, loading.load(call.target, call.table)),
    views.create: _view,
    views.register: _view,
    views.commit: views.load,
}
