"""The sources of a project, and which of them may fill one table."""

from __future__ import annotations

from headgate.config import load_model
from headgate.errors import ProjectError
from headgate.ingest.contract import Contract, Source
from headgate.project import Project


def load_sources(project: Project) -> list[Source]:
    """The sources of a project, by name.

    Raises:
        ProjectError: A contract does not validate, or two of them do not go together: they have one name, or tables
            that differ in nothing but case, or fill a table that one of them merges into.
    """
    sources: dict[str, Source] = {}
    for path in project.contract_files():
        source = Source(path.stem, load_model(path, Contract, project.environment), path)
        if source.name in sources:
            raise ProjectError(
                f"Two contracts are named '{source.name}'.",
                place=f"{sources[source.name].path} and {path}",
                hint="The name is the file's, without its ending: rename one of them.",
            )
        for other in sources.values():
            _check_tables(other, source)
        sources[source.name] = source
    return list(sources.values())


def _check_tables(one: Source, other: Source) -> None:
    """Raise where two sources fill tables that may not stand side by side, or may not be one."""
    place = f"{one.path} and {other.path}"
    if str(one.table).lower() != str(other.table).lower():
        return
    if one.table != other.table:
        raise ProjectError(
            f"The tables '{one.table}' and '{other.table}' differ in nothing but case.",
            place=place,
            hint="Rename one of them: SQL sees no case.",
        )
    # A file that changes is merged again with all files of its source, and a row that is replayed takes its place among
    # them: neither knows of rows that another source brought, which would be lost or would lose.
    if "merge" in (one.contract.load, other.contract.load):
        raise ProjectError(
            f"The sources '{one.name}' and '{other.name}' both fill the table '{one.table}', and "
            f"{_merging(one, other)} into it: a table that rows are merged into has one source.",
            place=place,
            hint="Name the files of both in `files` of one contract, or give each a `table` of its own and bring the "
            "tables together in a model.",
        )


def _merging(one: Source, other: Source) -> str:
    merging = [f"'{source.name}'" for source in (one, other) if source.contract.load == "merge"]
    return f"{merging[0]} merges" if len(merging) == 1 else "both merge"
