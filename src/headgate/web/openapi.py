"""The description of headgate's own API, made from its table of operations and the types of what they return."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import types
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Union, get_args, get_origin, get_type_hints

from headgate import errors
from headgate.catalog.model import Commit, Ref
from headgate.engines.answers import QueryResult
from headgate.engines.description import TableDetail, TableInfo
from headgate.errors import HeadgateError
from headgate.remote.encoding import EXACT
from headgate.remote.protocol import PREFIX
from headgate.run.result import RunRecord, RunResult
from headgate.types import Name
from headgate.version import __version__
from headgate.web.operations import Argument, Operation

_NAMES: dict[str, Any] = {
    kind.__name__: kind for kind in (Commit, QueryResult, Ref, RunRecord, RunResult, TableDetail, TableInfo)
}
_SCALARS: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    bool: {"type": "boolean"},
    float: {"type": "number"},
    datetime: {"type": "string", "format": "date-time"},
    Name: {"type": "string", "description": "Parts that hold a dot stand in double quotes."},
}
# What these are as JSON is written by hand, in their `to_dict`.
_OPEN = (QueryResult, RunResult)


def describe(operations: Sequence[Operation]) -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(PREFIX + operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "headgate",
            "version": __version__,
            "description": "A lake's tables, branches and history. A name in a path that holds a slash is encoded.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": _ERROR},
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    body = [argument for argument in operation.arguments if argument.where == "body"]
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [_parameter(argument) for argument in operation.arguments if argument.where != "body"],
        "responses": {
            str(operation.status): _answer(operation),
            "default": {
                "description": "An error.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            },
        },
    }
    if body:
        schema = {
            "type": "object",
            "properties": {argument.name: _schema_of(argument) for argument in body},
            "required": [argument.name for argument in body if argument.required],
            "additionalProperties": False,
        }
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return described


def _parameter(argument: Argument) -> dict[str, Any]:
    schema = _schema_of(dataclasses.replace(argument, nullable=False))
    found = {"name": argument.name, "in": argument.where, "required": argument.required, "schema": schema}
    return found | {"allowEmptyValue": True} if argument.nullable and argument.where == "query" else found


def _schema_of(argument: Argument) -> dict[str, Any]:
    schema = dict(_SCALARS[argument.type])
    if argument.type is int:
        schema |= {"minimum": 0, "maximum": 2**31 - 1}
    if argument.nullable:
        schema["type"] = [schema["type"], "null"]
    if argument.default is not None:
        schema["default"] = argument.default
    return schema


def _answer(operation: Operation) -> dict[str, Any]:
    if operation.status == 204:
        return {"description": "It is done."}
    hints = get_type_hints(operation.call, localns=_NAMES)
    schema = _shape(hints["return"])
    if operation.key:
        schema = {"type": "object", "properties": {operation.key: schema}, "required": [operation.key]}
    content: dict[str, Any] = {"application/json": {"schema": schema}}
    if not operation.answers:
        content[EXACT] = {"schema": {"type": "object", "description": "The same, with every value's own type."}}
    content |= {media_type: {"schema": {}} for media_type in operation.answers}
    return {"description": (inspect.getdoc(operation.call) or "").partition("\n")[0], "content": content}


def _shape(kind: Any) -> dict[str, Any]:
    """The JSON Schema of what `plain` makes of a type's values."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        shapes = [_shape(argument) for argument in arguments if argument is not type(None)]
        return {"anyOf": [*shapes, {"type": "null"}]} if type(None) in arguments else {"anyOf": shapes}
    if origin in (tuple, list):
        return {"type": "array", "items": _shape(arguments[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _shape(arguments[1])}
    if kind in _SCALARS:
        return _SCALARS[kind]
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return {"type": "string", "enum": [member.value for member in kind]}
    if kind in _OPEN:
        return {"type": "object"}
    if dataclasses.is_dataclass(kind):
        fields = {field.name for field in dataclasses.fields(kind)}
        properties = {name: _shape(hint) for name, hint in get_type_hints(kind).items() if name in fields}
        return {"type": "object", "properties": properties, "required": list(properties)}
    return {}


_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["type", "message"],
            "properties": {
                "type": {
                    "type": "string",
                    "examples": sorted(
                        name
                        for name, kind in vars(errors).items()
                        if isinstance(kind, type) and issubclass(kind, HeadgateError)
                    ),
                },
                "message": {"type": "string"},
                "place": {"type": ["string", "null"]},
                "hint": {"type": ["string", "null"]},
                "data": {"type": "object"},
            },
        }
    },
}
