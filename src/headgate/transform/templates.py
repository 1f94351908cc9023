"""dbt's templates, compiled once for each text of them.

Every test of a kind has the same text, of which dbt makes a program for each, in an environment of its own.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any

from dbt_common.clients import jinja
from jinja2 import Environment, Template
from jinja2.runtime import Context

from headgate.transform.macros import LazyMacros


def compiled_once() -> Callable[..., Template]:
    """`get_template` of dbt that remembers programs, and environments where these are not a node's own."""
    environments: dict[bool, Environment] = {}
    programs: dict[tuple[bool, bool, str], CodeType] = {}

    def get_template(
        string: str, ctx: dict[str, Any], node: Any = None, capture_macros: bool = False, native: bool = False
    ) -> Template:
        with jinja.catch_jinja(node):
            environment: Environment
            if capture_macros:  # what stands for unknown names is the node's own, and bears with everything
                environment = jinja.get_environment(node, capture_macros, native)
            else:
                environment = environments.get(native) or jinja.get_environment(native=native)
                environments[native] = environment
            # Jinja evaluates what is constant as it compiles, so that a program holds what unknown names come to.
            text = str(string)
            key = (capture_macros, native, text)
            if key not in programs:
                programs[key] = environment.compile(text)
            known = environment.make_globals(ctx)
            template: Template = environment.template_class.from_code(environment, programs[key], known)
            return template

    return get_template


def new_context(
    self: Any,
    vars: dict[str, Any] | None = None,  # noqa: A002  # Jinja's name for it
    shared: bool = False,
    locals: Mapping[str, Any] | None = None,  # noqa: A002  # likewise
) -> Context:
    """The context of a template (`self`) that gives values: a copy of what is known, with its macros still to be bound.

    Jinja's would have everything looked up for it, to copy it.
    """
    known = self.globals
    if not isinstance(vars, LazyMacros) or shared or locals or type(known) is not ChainMap or known.maps[0] is not vars:
        return Template.new_context(self, vars, shared, locals)
    of_jinja = known.maps[1]
    context: Context = self.environment.context_class(
        self.environment,
        vars._lazy_over(of_jinja),  # noqa: SLF001  # no template is to meet it by its name
        self.name,
        self.blocks,
    )
    context.globals_keys = vars._lazy_names() | of_jinja.keys()  # noqa: SLF001  # likewise
    return context
