"""The macros of dbt's contexts, each bound when something asks for it.

dbt renders every model and test in a context of its own and binds all macros there are to it, some five hundred, of
which a test calls five.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dbt.clients.jinja import MacroGenerator
from dbt.context.base import BaseContext
from dbt.context.macro_resolver import TestMacroNamespace
from dbt.context.macros import MacroNamespace
from dbt.contracts.graph.nodes import Macro
from dbt.include.global_project import PROJECT_NAME as DBT

Bind = Callable[[Macro], MacroGenerator]


class LazyMacros(dict[str, Any]):
    """A dict in which macros appear as they are asked for; whoever asks for more than a key's value finds all of them.

    Args:
        macros: The macros by name. What is set under such a name counts instead.
        bind: Makes of a macro what can be called.
    """

    # A template that says `package.name` is given an attribute of that name first: these are unlike names of macros.
    __slots__ = ("_lazy_bind", "_lazy_macros")

    def __init__(self, macros: Mapping[str, Macro], bind: Bind) -> None:
        super().__init__()
        self._lazy_macros = macros
        self._lazy_bind = bind

    def __missing__(self, name: str) -> MacroGenerator:
        bound = self[name] = self._lazy_bind(self._lazy_macros[name])
        return bound

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self._lazy_macros

    def __bool__(self) -> bool:
        return bool(self._lazy_macros) or super().__len__() > 0

    def get(self, name: str, default: Any = None) -> Any:
        try:
            return self[name]
        except KeyError:
            return default

    def _lazy_names(self) -> set[str]:
        """All names that this has, those of macros too."""
        return dict.keys(self) | self._lazy_macros.keys()

    def _lazy_over(self, others: Mapping[str, Any]) -> LazyMacros:
        """A copy in which `others` stand for what this has no name for."""
        copy = LazyMacros(self._lazy_macros, self._lazy_bind)
        dict.update(copy, {name: value for name, value in others.items() if name not in self._lazy_macros})
        dict.update(copy, dict.items(self))
        return copy

    def _lazy_bind_all(self, names: Iterable[str]) -> None:
        """Bind macros by their names, whatever is set under these."""
        for name in names:
            self.__missing__(name)


def _of_the_whole(name: str) -> Callable[..., Any]:
    """The method of dict, after every macro has been bound."""
    method = getattr(dict, name)

    def on_all(self: LazyMacros, *args: Any, **named: Any) -> Any:
        self._lazy_bind_all([name for name in self._lazy_macros if not dict.__contains__(self, name)])
        self._lazy_macros = {}
        return method(self, *args, **named)

    return on_all


for _name in (
    "__delitem__",
    "__eq__",
    "__ior__",
    "__iter__",
    "__len__",
    "__ne__",
    "__or__",
    "__repr__",
    "__reversed__",
):
    setattr(LazyMacros, _name, _of_the_whole(_name))
for _name in ("__ror__", "clear", "copy", "items", "keys", "pop", "popitem", "setdefault", "values"):
    setattr(LazyMacros, _name, _of_the_whole(_name))


def build_namespace(self: Any) -> MacroNamespace:
    """The namespace of a context (`self`): macros of the node's own package, of the root, by package, of dbt.

    The context's dict becomes one that takes them from there as they are asked for; see `to_dict`.
    """
    builder = self._get_namespace_builder()
    packages = self.manifest.get_macros_by_package()
    bound: dict[str, MacroGenerator] = {}

    def bind(macro: Macro) -> MacroGenerator:
        if macro.unique_id not in bound:
            bound[macro.unique_id] = MacroGenerator(macro, self._ctx, builder.node, builder.thread_ctx)
        return bound[macro.unique_id]

    internal: dict[str, Macro] = {}
    for package in reversed(builder.internal_package_names_order):
        internal |= packages.get(package, {})
    others = {name: macros for name, macros in packages.items() if name not in builder.internal_package_names}
    own = others.get(builder.search_package, {})
    root = {} if builder.root_package == builder.search_package else others.get(builder.root_package, {})
    self._ctx = LazyMacros({**internal, **root, **own}, bind)
    return MacroNamespace(
        global_namespace=LazyMacros(root, bind),
        local_namespace=LazyMacros(own, bind),
        global_project_namespace=LazyMacros(internal, bind),
        packages={name: LazyMacros(macros, bind) for name, macros in others.items()},
    )


def to_dict(self: Any) -> dict[str, Any]:
    """The dict of a context (`self`): what dbt offers, over that the packages, over both the macros of that name."""
    context: dict[str, Any] = BaseContext.to_dict(self)
    if not isinstance(context, LazyMacros):
        tests = isinstance(self.namespace, TestMacroNamespace)
        for macros in (
            (self.namespace.local_namespace, self.namespace.project_namespace) if tests else (self.namespace,)
        ):
            context.update(macros)
        return context
    namespace = self.namespace
    context._lazy_bind_all(dict.keys(context) & context._lazy_macros.keys())  # noqa: SLF001  # of this module
    context.update({DBT: namespace.global_project_namespace, **namespace.packages})
    for name in (DBT, *namespace.packages):
        if name in namespace.local_namespace or name in namespace.global_namespace:
            context[name] = namespace[name]
    return context
