"""Settings of a project, and pydantic's errors told as a file, a line and a next step.

Everything that a person writes in YAML is validated by a pydantic model through `load_model`; the JSON Schemas for
editors and the reference pages are made from the same models.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from headgate.errors import ProjectError, did_you_mean
from headgate.yaml import Location, YamlDocument, masked, read_yaml

ModelT = TypeVar("ModelT", bound=BaseModel)

# Of a secret, so many characters may not be told.
_PIECE = 4
_SIZE = r"^\d+(\.\d+)? ?([KMGT]i?B|%)$"


class Section(BaseModel):
    """Base of every model of a project file: unknown keys are errors, values do not change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class EngineSettings(Section):
    """How much of the machine DuckDB may take."""

    memory_limit: str | None = Field(
        default=None,
        pattern=_SIZE,
        examples=["4GB", "50%"],
        description="Memory that DuckDB may use before it spills to disk. Default: 80 % of the machine's.",
    )
    threads: int | None = Field(default=None, ge=1, description="Threads of DuckDB. Default: one per core.")
    temp_directory: str = Field(
        default=".headgate/tmp", description="Folder for what does not fit into memory, relative to the project."
    )


def _as_mapping(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


class StorageSettings(Section):
    """Where tables lie, and how an object store is reached; a text is its `url`.

    What is not set of an object store is taken from the variables that AWS's own tools read.
    """

    url: str = Field(
        default=".headgate/warehouse",
        min_length=1,
        description="A folder, relative to the project, or `s3://bucket/prefix`.",
        examples=["/srv/lake/warehouse", "s3://lake/warehouse"],
    )
    endpoint: str | None = Field(
        default=None,
        description="URL of the S3 server. Default: `AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, else AWS.",
        examples=["http://127.0.0.1:9000"],
    )
    region: str | None = Field(
        default=None,
        description="Default: `AWS_REGION`, `AWS_DEFAULT_REGION`, else `us-east-1`.",
        examples=["eu-west-1"],
    )
    path_style: bool | None = Field(
        default=None,
        description="Whether the bucket stands in the path and not in the host. Default: yes where `endpoint` is set.",
    )
    access_key: str | None = Field(default=None, repr=False, description="Default: `AWS_ACCESS_KEY_ID`.")
    secret_key: str | None = Field(
        default=None, repr=False, description="Default: `AWS_SECRET_ACCESS_KEY`. Write it as `${NAME}`."
    )
    session_token: str | None = Field(default=None, repr=False, description="Default: `AWS_SESSION_TOKEN`.")


class CatalogSettings(Section):
    """Where commits and branches are kept; a text is its `url`."""

    url: str = Field(
        default="sqlite:///.headgate/state.db",
        pattern=r"^[a-z][a-z0-9+]*:",
        repr=False,
        description="A SQLite path (relative to the project), a Postgres database, or a Nessie server.",
        examples=[
            "sqlite:///.headgate/state.db",
            "postgresql://lake@db.example.com/lake",
            "nessie+http://127.0.0.1:19120",
        ],
    )
    protect: bool = Field(
        default=True,
        description="Whether other engines are kept from writing to `main`, which then moves through the checks alone.",
    )
    client_gc: bool = Field(
        default=False,
        description="Whether other engines may expire snapshots, and delete their files, of tables whose property"
        " `gc.enabled` is `true`; for lakes without branches and tags, which would lose those files too.",
    )


class Profile(Section):
    """What differs from the project's settings in one place where it runs, such as `prod`."""

    storage: Annotated[StorageSettings, BeforeValidator(_as_mapping)] | None = Field(
        default=None, description="In place of the project's `storage`."
    )
    catalog: Annotated[CatalogSettings, BeforeValidator(_as_mapping)] | None = Field(
        default=None, description="In place of the project's `catalog`."
    )
    state: str | None = Field(default=None, description="As `state` of the project.")
    engine: dict[str, Any] | None = Field(default=None, description="Keys of `engine` that differ.")
    author: str | None = Field(default=None, description="As `author` of the project.")
    vars: dict[str, Any] | None = Field(default=None, description="Variables for dbt that differ.")


class Settings(Section):
    """The file `headgate.yml`."""

    name: str = Field(
        pattern=r"^[A-Za-z_][A-Za-z0-9_\-]*$",
        description="Name of the project: letters, digits, `_` and `-`.",
        examples=["mobility"],
    )
    description: str | None = Field(default=None, description="What the lake is for, in a sentence.")
    storage: Annotated[StorageSettings, BeforeValidator(_as_mapping)] = Field(
        default_factory=StorageSettings,
        description="Where tables lie: a folder, `s3://bucket/prefix`, or a mapping.",
        examples=[".headgate/warehouse", "s3://lake/warehouse"],
    )
    catalog: Annotated[CatalogSettings, BeforeValidator(_as_mapping)] = Field(
        default_factory=CatalogSettings,
        description="Where commits and branches are kept, as a URL or a mapping.",
        examples=["sqlite:///.headgate/state.db", "postgresql://lake@db.example.com/lake"],
    )
    state: str | None = Field(
        default=None,
        repr=False,
        pattern=r"^(sqlite|postgresql)(\+psycopg)?:",
        description="Database of runs and checks. Default: the catalog's, or `.headgate/state.db` beside Nessie.",
        examples=["postgresql://lake@db.example.com/lake"],
    )
    engine: EngineSettings = Field(default_factory=EngineSettings, description="Limits of the engine.")
    author: str | None = Field(
        default=None, description="Who commits. Default: `HEADGATE_AUTHOR`, else the name of the user."
    )
    vars: dict[str, Any] = Field(default_factory=dict, description="Variables for dbt: `{{ var('name') }}`.")
    profile: str | None = Field(default=None, description="Profile that is used when none is asked for.")
    profiles: dict[str, Profile] = Field(
        default_factory=dict, description="Settings that differ by the place where the project runs, by name."
    )


class LoadedSettings(NamedTuple):
    """The settings that hold, the name of the profile that was used, and what came from the environment."""

    settings: Settings
    profile: str | None
    hidden: Mapping[str, str]


def load_settings(path: Path, environment: Mapping[str, str], profile: str | None = None) -> LoadedSettings:
    """Read `headgate.yml` and lay a profile over it.

    Raises:
        ProjectError: The file does not validate, or has no such profile.
    """
    document = read_yaml(path, environment)
    settings = validate(document, Settings)
    chosen = profile or settings.profile
    if chosen is None:
        return LoadedSettings(settings, None, document.hidden)
    if chosen not in settings.profiles:
        raise ProjectError(
            masked(f"There is no profile '{chosen}'.", {} if profile else document.hidden),
            place=document.place(("profiles",)),
            hint=did_you_mean(chosen, settings.profiles) or "Add it below `profiles`.",
        )
    differs = settings.profiles[chosen].model_dump(exclude_unset=True, exclude_none=True)
    engine = settings.engine.model_dump() | differs.pop("engine", {})
    variables = settings.vars | differs.pop("vars", {})
    merged = settings.model_dump() | differs | {"engine": engine, "vars": variables}
    place = ("profiles", chosen)
    lines = {location[2:]: line for location, line in document.lines.items() if location[:2] == place}
    secrets = {location[2:] for location in document.secrets if location[:2] == place}
    overlaid = YamlDocument(path, merged, document.lines | lines, document.secrets | secrets, document.hidden)
    return LoadedSettings(validate(overlaid, Settings), chosen, document.hidden)


class Misplaced(ValueError):
    """What a validator of a whole model raises for one of its values.

    Args:
        message: What is wrong, without the full stop.
        inside: Where the value stands in what is validated.
        hint: The next step, where a name comes close.
    """

    def __init__(self, message: str, inside: Location, hint: str | None = None) -> None:
        super().__init__(message)
        self.inside = inside
        self.hint = hint


def load_model(path: Path, model: type[ModelT], environment: Mapping[str, str] | None = None) -> ModelT:
    """Read a YAML file as a pydantic model.

    Args:
        path: The file.
        model: What it has to be.
        environment: For `${NAME}` in values; usually `Project.environment`. None leaves such text as it stands.

    Raises:
        ProjectError: The file does not read or does not validate; names file and line, and the closest key.
    """
    return validate(read_yaml(path, environment), model)


def validate(document: YamlDocument, model: type[ModelT]) -> ModelT:
    """Read a document as a pydantic model; what came from the environment is the context of its validation.

    Raises:
        ProjectError: It does not validate. The first problem makes the message, all stand in `data["problems"]`.
    """
    if not isinstance(document.data, dict):
        raise ProjectError(
            f"The file holds {_shown(document.data)} where `key: value` lines are wanted.",
            place=document.place(),
            hint="Keys are: " + ", ".join(_keys(model)) + ".",
        )
    try:
        return model.model_validate(document.data, context=document.hidden)
    except ValidationError as error:
        problems = [_problem(document, model, details) for details in error.errors(include_url=False)]
    problems = _without_shadows(problems)
    first, rest = problems[0], problems[1:]
    hint = first["hint"]
    if rest:
        others = "; ".join(f"line {problem['line']}: {problem['message']}" for problem in rest[:4])
        hint = (
            f"{hint}\nThere {'is one more problem' if len(rest) == 1 else f'are {len(rest)} more problems'}: {others}"
        )
    raise ProjectError(first["message"], place=first["place"], hint=hint, data={"problems": problems})


def _problem(document: YamlDocument, model: type[BaseModel], details: ErrorDetails) -> dict[str, Any]:
    """One of pydantic's errors as message, place and hint."""
    kind = details["type"]
    raised = details.get("ctx", {}).get("error")
    inside = raised.inside if isinstance(raised, Misplaced) else ()
    location = _found_at(document.data, (*details["loc"], *inside), absent=kind == "missing")
    name = ".".join(str(part) for part in location)
    if kind == "extra_forbidden":
        key, keys = str(location[-1]), _keys_around(model, location)
        message = f"'{key}' is not a key of {_owner(location)}."
        hint = did_you_mean(key, keys) or "Keys are: " + ", ".join(keys) + "."
    elif kind == "missing":
        message = f"{_owner(location)[:1].upper()}{_owner(location)[1:]} lacks '{location[-1]}'."
        hint = f"Add it: {location[-1]}: ..."
    else:
        value = "a value from the environment" if location in document.secrets else _shown(details["input"])
        reason = masked(details["msg"].removeprefix("Value error, "), document.hidden)
        message = f"'{name}' is {value}: {reason[:1].lower()}{reason[1:]}." if name and not inside else f"{reason}."
        if _tells(reason, document, location):
            message = f"'{name}' has a value from the environment that cannot stand here."
        choices = details.get("ctx", {}).get("expected")
        close = raised.hint if isinstance(raised, Misplaced) else _closest(details["input"], choices)
        shown = close if location not in document.secrets else None
        hint = shown or "The reference of settings and contracts lists what may stand here."
    return {
        "message": masked(message, document.hidden),
        "place": document.place(location),
        "line": document.line_of(location),
        "hint": masked(hint, document.hidden),
        "location": location,
    }


def _tells(reason: str, document: YamlDocument, location: Location) -> bool:
    """Whether a sentence quotes a part of what came from the environment: `masked` knows whole values only."""
    within = any(secret[: len(location)] == location for secret in document.secrets)
    pieces = (text[at : at + _PIECE] for text in document.hidden for at in range(len(text) - _PIECE + 1))
    return bool(location) and within and any(piece in reason for piece in pieces)


def _without_shadows(problems: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The problems in the order of the file, without those of union members that the value was not meant to be."""
    locations = [problem.pop("location") for problem in problems]
    kept = [
        problem
        for problem, location in zip(problems, locations, strict=True)
        if not any(len(other) > len(location) and other[: len(location)] == location for other in locations)
    ]
    return sorted(kept, key=lambda problem: problem["line"])


def _closest(value: object, choices: object) -> str | None:
    """The nearest of pydantic's `'a', 'b' or 'c'`."""
    if not isinstance(choices, str) or not isinstance(value, str):
        return None
    return did_you_mean(value, [choice.strip("'") for choice in choices.replace(" or ", ", ").split(", ")])


def _owner(location: Location) -> str:
    return f"'{'.'.join(str(part) for part in location[:-1])}'" if len(location) > 1 else "this file"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "empty"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _keys(model: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in model.model_fields.items()]


def _found_at(data: object, location: Location, absent: bool) -> Location:
    """A location as the file has it: pydantic also names the member of a union that was tried, and `[key]`."""
    found: list[str | int] = []
    for position, part in enumerate(location):
        # A model may have made text of a key that the file has as a number.
        own = [key for key in data if str(key) == str(part)] if isinstance(data, dict) else []
        if isinstance(data, dict) and own:
            data, part = data[own[0]], own[0]
        elif isinstance(data, list) and isinstance(part, int):
            data = data[part]
        elif not (absent and position == len(location) - 1):
            continue
        found.append(part)
    return tuple(found)


def _keys_around(model: type[BaseModel], location: Location) -> list[str]:
    """The keys that are known where a value stands."""
    annotations: list[Any] = [model]
    for part in location[:-1]:
        annotations = [inner for annotation in annotations for inner in _step(annotation, part)]
    members = [member for annotation in annotations for member in _members(annotation)]
    return sorted({key for member in members if _is_model(member) for key in _keys(member)})


def _step(annotation: Any, part: str | int) -> list[Any]:
    """What lies at a key or position of an annotation."""
    found: list[Any] = []
    for member in _members(annotation):
        if _is_model(member):
            found += [info.annotation for name, info in member.model_fields.items() if part in (name, info.alias)]
            continue
        arguments = get_args(member)
        origin = get_origin(member)
        if isinstance(origin, type) and issubclass(origin, Mapping):
            found.append(arguments[1])
        elif isinstance(part, int) and arguments:
            found.append(arguments[0])
    return found


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _members(annotation: Any) -> list[Any]:
    """The members of a union, without `Annotated` around them."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [inner for member in get_args(annotation) for inner in _members(member)]
    return [annotation]
