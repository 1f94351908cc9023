"""Shorter ways through dbt to the same results.

A cold run of a small project is mostly dbt finding out again what it knew. Each shortcut takes the place of one
function of dbt's, or of a library below it, while an invocation lasts. It is taken only where that function's source
is, to the letter, the one that it was written for; with any other version, dbt goes its own way.
"""

from __future__ import annotations

import functools
import re
import sys
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dbt.clients.jinja
import jinja2.nodes
import mashumaro.jsonschema.schema
from dbt.clients.jinja_static import statically_extract_macro_calls
from dbt.context import base
from dbt.context.base import BaseContext
from dbt.context.macros import MacroNamespace, MacroNamespaceBuilder
from dbt.context.manifest import ManifestContext
from dbt.context.providers import generate_runtime_unit_test_context
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.graph.nodes import ParsedNode
from dbt_common import behavior_flags
from dbt_common.behavior_flags import BehaviorFlagRendered
from dbt_common.clients import jinja
from dbt_common.clients.jinja import MacroFuzzEnvironment, NativeSandboxTemplate
from dbt_common.events import base_types
from jinja2 import Environment, runtime

from headgate.transform import macros, templates
from headgate.transform.digests import digest_of

_TIMES = ("started_at", "completed_at")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")
_PLAIN = (bool, int, float, str)
_MODULES = (
    base.get_pytz_module_context,
    base.get_datetime_module_context,
    base.get_re_module_context,
    base.get_itertools_module_context,
)


@dataclass(frozen=True)
class Shortcut:
    """What takes the place of a function.

    Attributes:
        owner: The class or module that is asked for the function.
        name: Its name there.
        digest: Of the sources of what it replaces and of what it takes to be as it is; see `digest_of`.
        replacement: Does the same with less.
        rests_on: Further functions that have to be those that it was written for.
    """

    owner: Any
    name: str
    digest: str
    replacement: Callable[..., Any]
    rests_on: tuple[Any, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether all of that is what it was written for."""
        return digest_of(getattr(self.owner, self.name), *self.rests_on) == self.digest


@contextmanager
def shortcuts_taken() -> Iterator[None]:
    """Take the shortcuts that fit; one invocation of dbt at a time, as its globals have it anyway."""
    before: list[tuple[Any, str, Any]] = []
    try:
        for shortcut in shortcuts():
            if shortcut.fits:
                own = vars(shortcut.owner).get(shortcut.name)
                before.append((shortcut.owner, shortcut.name, own))
                taken = shortcut.replacement
                setattr(shortcut.owner, shortcut.name, staticmethod(taken) if isinstance(own, staticmethod) else taken)
        yield
    finally:
        for owner, name, own in reversed(before):
            if own is None:
                delattr(owner, name)
            else:
                setattr(owner, name, own)


def shortcuts() -> tuple[Shortcut, ...]:
    """The shortcuts, with nothing remembered yet."""
    get_template = templates.compiled_once()
    return (
        Shortcut(BehaviorFlagRendered, "_default_source", "29a653aaaebbe60d", _calling_module),
        Shortcut(mashumaro.jsonschema.schema, "_default", "0eb4e423e0146f8c", _default),
        Shortcut(
            MacroFuzzEnvironment,
            "parse",
            "3a40eb0a68677a1e",
            _parse_once(),
            (jinja.parse, statically_extract_macro_calls),
        ),
        Shortcut(
            ManifestContext,
            "_build_namespace",
            "ec7499c518a0cd35",
            macros.build_namespace,
            (
                MacroNamespaceBuilder.__init__,
                MacroNamespaceBuilder.add_macro,
                MacroNamespaceBuilder.build_namespace,
                MacroNamespace._search_order,  # noqa: SLF001  # its order is what counts
                Manifest.get_macros_by_package,
                generate_runtime_unit_test_context,
            ),
        ),
        Shortcut(ParsedNode, "write_node", "090759063a78b839", _write_nothing),
        *(
            Shortcut(
                owner,
                "get_template",
                "1b7078266ff9ebb8",
                get_template,
                (jinja.get_environment, Environment.from_string),
            )
            for owner in (jinja, dbt.clients.jinja)
        ),
        Shortcut(
            NativeSandboxTemplate,
            "new_context",
            "328ff57b9c14c69e",
            templates.new_context,
            (runtime.new_context, runtime.Context.__init__, Environment.make_globals, NativeSandboxTemplate.render),
        ),
        Shortcut(base_types, "ParseDict", "d29686fb0e83eefa", _filled, (base_types.BaseEvent.__init__,)),
        Shortcut(base, "get_context_modules", "26ca10c3e25f5e7f", _modules_once(), _MODULES),
        Shortcut(
            ManifestContext, "to_dict", "7f361d04442ba0a4", macros.to_dict, (BaseContext.__init__, BaseContext.to_dict)
        ),
    )


def _calling_module() -> str:
    """The module that made a flag, by its frame alone; dbt looks up file, lines and module of every frame."""
    frame = sys._getframe(1)  # noqa: SLF001  # of all ways to one frame, the one that looks at no file
    while frame.f_globals.get("__name__") == behavior_flags.__name__ and frame.f_back is not None:
        frame = frame.f_back
    return str(frame.f_globals.get("__name__"))


_default_of_mashumaro = mashumaro.jsonschema.schema._default  # noqa: SLF001  # it has no public name


def _default(f_type: Any, f_value: Any, config_cls: Any) -> Any:
    """The default of a field as JSON has it: plain values are that already; mashumaro compiles a class for each."""
    plain = type(f_value) in _PLAIN and f_type in (type(f_value), type(f_value) | None)
    if plain or (f_value is None and (f_type is Any or type(None) in typing.get_args(f_type))):
        return f_value
    return _default_of_mashumaro(f_type, f_value, config_cls)


def _write_nothing(self: ParsedNode, project_root: str, compiled_path: str, compiled_code: str) -> None:
    """What was compiled is in the node; the folder that dbt writes it to as well is gone after the invocation."""


def _parse_once() -> Callable[..., jinja2.nodes.Template]:
    """Parsing that remembers: dbt reads a macro's definition, and later, from the same text, what the macro calls."""
    parsed: dict[str, jinja2.nodes.Template] = {}

    def parse(
        self: Environment, source: str, name: str | None = None, filename: str | None = None
    ) -> jinja2.nodes.Template:
        tree = parsed.pop(source, None)
        if tree is None:
            tree = parsed[source] = Environment.parse(self, source, name, filename)
        return tree

    return parse


def _modules_once() -> Callable[[], dict[str, dict[str, Any]]]:
    """What templates find below `modules`, in dicts of their own: dbt looks it up for each context anew."""
    found = functools.cache(base.get_context_modules)

    def get_context_modules() -> dict[str, dict[str, Any]]:
        return {name: dict(members) for name, members in found().items()}

    return get_context_modules


_parse_dict = base_types.ParseDict


def _filled(values: dict[str, Any], message: Any) -> Any:
    """An empty message with values: protobuf takes them as they are, twelve times as fast as it reads them as JSON."""
    for fields in (dict, _with_times):
        try:
            return type(message)(**fields(values))
        except (AttributeError, TypeError, ValueError):
            continue
    return _parse_dict(values, message)


def _with_times(value: Any) -> Any:
    """The values, with the times of a node's steps, which dbt writes as text."""
    if isinstance(value, list):
        return [_with_times(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: datetime.fromisoformat(each)
        if name in _TIMES and isinstance(each, str) and _TIME.fullmatch(each)
        else _with_times(each)
        for name, each in value.items()
    }
