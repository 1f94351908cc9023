"""Classes that share stand-ins have those that mashumaro would have made for each."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from dbt_common.dataclass_schema import dbtClassMixin
from mashumaro.config import TO_DICT_ADD_OMIT_NONE_FLAG, BaseConfig
from mashumaro.core.meta.code.builder import CodeBuilder
from mashumaro.core.meta.mixin import compile_mixin_packer, compile_mixin_unpacker
from mashumaro.mixins.msgpack import DataClassMessagePackMixin

from headgate.transform import stubs
from headgate.transform.stubs import stubs_shared

METHODS = ("__mashumaro_to_dict__", "__mashumaro_from_dict__", "__mashumaro_to_msgpack__", "__mashumaro_from_msgpack__")


def subclasses(of: type) -> Iterator[type]:
    for each in of.__subclasses__():
        yield each
        yield from subclasses(each)


def stand_ins(of: type) -> dict[str, Any]:
    """The stand-ins that mashumaro, as it is now, gives a class when it is made."""
    msgpack = vars(DataClassMessagePackMixin)["_DataClassMessagePackMixin__mashumaro_builder_params"]
    compile_mixin_packer(of)
    compile_mixin_unpacker(of)
    compile_mixin_packer(of, **msgpack["packer"])
    compile_mixin_unpacker(of, **msgpack["unpacker"])
    made = {name: vars(of)[name] for name in METHODS}
    # What is called is the stand-in, too; it makes way for the method itself when it is called, as it did before.
    assert [vars(of)[name.strip("_").removeprefix("mashumaro_")] for name in METHODS] == [*made.values()]
    return made


def test_dbts_classes_get_what_they_would_get_alone() -> None:
    import_module("headgate.transform.project")
    classes = [each for each in subclasses(dbtClassMixin) if each.__module__.startswith("dbt")]
    assert len(classes) > 250
    with stubs_shared():
        shared = [stand_ins(each) for each in classes]
    for each, methods in zip(classes, shared, strict=True):
        for name, own in stand_ins(each).items():
            ours, theirs = (getattr(method, "__func__", method) for method in (methods[name], own))
            assert type(methods[name]) is type(own)
            assert ours.__code__ == theirs.__code__, each
            assert (ours.__defaults__, ours.__kwdefaults__) == (theirs.__defaults__, theirs.__kwdefaults__)
            used = ours.__code__.co_names
            assert [ours.__globals__.get(it) for it in used] == [theirs.__globals__.get(it) for it in used]
    assert len({id(method) for methods in shared for method in methods.values()}) < 20 < len(classes)


class Late(BaseConfig):
    lazy_compilation = True


class Thrifty(Late):
    code_generation_options = [TO_DICT_ADD_OMIT_NONE_FLAG]  # type: ignore[list-item]  # mashumaro types its constant as str


with stubs_shared():

    @dataclass
    class Station(DataClassMessagePackMixin):
        name: str
        Config = Late

    @dataclass
    class Trip(DataClassMessagePackMixin):
        start: Station
        minutes: int | None = None
        Config = Late

    @dataclass
    class Sparse(DataClassMessagePackMixin):
        minutes: int | None = None
        Config = Thrifty

    @dataclass
    class Whole(DataClassMessagePackMixin):
        minutes: int | None = None


def test_classes_with_stand_ins_in_common_are_told_apart() -> None:
    assert vars(Station)["__mashumaro_to_dict__"] is vars(Trip)["__mashumaro_to_dict__"]
    assert vars(Whole)["__mashumaro_to_dict__"] is not vars(Trip)["__mashumaro_to_dict__"]
    assert vars(Sparse)["__mashumaro_to_dict__"] is not vars(Trip)["__mashumaro_to_dict__"]
    trip = Trip(Station("Alexanderplatz"), 12)
    assert trip.to_dict() == {"start": {"name": "Alexanderplatz"}, "minutes": 12}
    assert Trip.from_dict(trip.to_dict()) == Trip.from_msgpack(trip.to_msgpack()) == trip
    assert Station.from_dict({"name": "Ostkreuz"}).to_dict() == {"name": "Ostkreuz"}
    assert (Sparse().to_dict(omit_none=True), Sparse().to_dict()) == ({}, {"minutes": None})
    assert Whole.from_msgpack(Whole(3).to_msgpack()) == Whole.from_dict({"minutes": 3}) == Whole(3)


def test_another_mashumaro_goes_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    own = CodeBuilder.add_pack_method
    with stubs_shared():
        assert CodeBuilder.add_pack_method is not own, "the locked version is what this was written for"
    assert CodeBuilder.add_pack_method is own
    monkeypatch.setattr(stubs, "digest_of_module", lambda _: "another")
    with stubs_shared():
        assert CodeBuilder.add_pack_method is own


def test_dbt_is_imported_with_them(tmp_path: Path) -> None:
    (tmp_path / "headgate.yml").write_text("name: small\n", encoding="utf-8")
    (tmp_path / "models").mkdir()
    code = """
import sys, headgate
with headgate.open(sys.argv[1]) as lake:
    assert "dbt" not in sys.modules
    lake.plan()
from dbt.contracts.graph.nodes import Exposure, SavedQuery
print(all(vars(Exposure)[name] is vars(SavedQuery)[name] for name in sys.argv[2:]))
"""
    asked = [sys.executable, "-c", code, str(tmp_path), *METHODS]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout == "True\n"
