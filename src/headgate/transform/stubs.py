"""The stand-ins of dbt's generated methods, made once and not for each class.

dbt has some three hundred dataclasses that turn themselves into dicts and back. It asks mashumaro to generate the
methods for it when they are first called; until then each class has stand-ins that do so, four programs of the same few
texts, generated and compiled for each class anew as dbt is imported: a fifth of the time that this takes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any

from mashumaro.config import ADD_DIALECT_SUPPORT, BaseConfig
from mashumaro.core.meta.code import builder as building
from mashumaro.core.meta.code.builder import CodeBuilder
from mashumaro.mixins.dict import DataClassDictMixin

from headgate.transform.digests import digest_of_module

_BUILDER = "0eec1de06a6fdb91"
"""Digest of the module that generates them."""

# What a class may say of itself that changes the text.
_OPTIONS = ("code_generation_options", "debug", "dialect", "omit_none", "serialize_by_alias")

_ONE_AT_A_TIME = threading.Lock()


@contextmanager
def stubs_shared() -> Iterator[None]:
    """Let classes that are made meanwhile have stand-ins in common, where mashumaro is what this was written for."""
    if digest_of_module(building) != _BUILDER:
        yield
        return
    named = {"add_pack_method": _packer_name, "add_unpack_method": _unpacker_name}
    with _ONE_AT_A_TIME:
        own = {method: getattr(CodeBuilder, method) for method in named}
        try:
            for method, name_of in named.items():
                setattr(CodeBuilder, method, _sharing(own[method], name_of))
            yield
        finally:
            for method, function in own.items():
                setattr(CodeBuilder, method, function)


def _sharing(
    own: Callable[[CodeBuilder], None], name_of: Callable[[CodeBuilder], Any]
) -> Callable[[CodeBuilder], None]:
    stubs: dict[Hashable, Any] = {}

    def add_method(self: CodeBuilder) -> None:
        text = _what_makes_the_text(self)
        if text in stubs:
            name = name_of(self)
            setattr(self.cls, name, stubs[text])
            setattr(self.cls, name.public, stubs[text])
            return
        own(self)
        if text is not None:
            stubs[text] = vars(self.cls)[name_of(self)]

    return add_method


def _what_makes_the_text(builder: CodeBuilder) -> Hashable:
    """All that the text of a stand-in depends on; None where there is more, or the method itself is to be made."""
    config = getattr(builder.cls, "Config", BaseConfig)
    ordinary = (
        builder.allow_postponed_evaluation
        and builder.attrs is builder.cls
        and builder.dialect is None
        and not builder.encoder_kwargs
        and not builder.initial_type_args
        and issubclass(builder.cls, DataClassDictMixin)
        and issubclass(config, BaseConfig)
        and config.lazy_compilation
        and ADD_DIALECT_SUPPORT not in config.code_generation_options
    )
    if not ordinary:
        return None
    options = tuple(repr(getattr(config, option, None)) for option in _OPTIONS)
    return builder.format_name, builder.decoder, builder.encoder, builder.default_dialect, options


def _packer_name(builder: CodeBuilder) -> Any:
    return builder.get_pack_method_name(format_name=builder.format_name, encoder=builder.encoder)


def _unpacker_name(builder: CodeBuilder) -> Any:
    return builder.get_unpack_method_name(format_name=builder.format_name, decoder=builder.decoder)
