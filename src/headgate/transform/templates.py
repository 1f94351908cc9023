"""dbt's templates, compiled once for each text of them.

Every test of a kind has the same text, of which dbt makes a program for each, in an environment of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Any

from dbt_common.clients import jinja
from jinja2 import Environment, Template


def compiled_once() -> Callable[..., Template]:
    """`get_template` of dbt that remembers environments and programs."""
    environments: dict[bool, Environment] = {}
    programs: dict[tuple[bool, str], CodeType] = {}
    in_its_own_way: Callable[..., Template] = jinja.get_template

    def get_template(
        string: str, ctx: dict[str, Any], node: Any = None, capture_macros: bool = False, native: bool = False
    ) -> Template:
        if capture_macros:  # what is undefined is the node's own then
            return in_its_own_way(string, ctx, node, capture_macros, native)
        with jinja.catch_jinja(node):
            if native not in environments:
                environments[native] = jinja.get_environment(native=native)
            environment, text = environments[native], str(string)
            if (native, text) not in programs:
                programs[native, text] = environment.compile(text)
            program, known = programs[native, text], environment.make_globals(ctx)
            return environment.template_class.from_code(environment, program, known)

    return get_template
