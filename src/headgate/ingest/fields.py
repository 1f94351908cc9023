"""Which column of a file goes into which column of the table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from headgate.errors import ContractError, did_you_mean
from headgate.ingest.columntypes import VARCHAR, ColumnType
from headgate.ingest.contract import Column, Source, column_name, is_reserved

_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Field:
    """A column of the table, and where a file has it.

    Attributes:
        name: Name in the lake.
        type: What its values become; None to keep the file's own type.
        position: Which of the file's columns it is, from 0; None if the file lacks it.
        source: Its name in the file; None if the file lacks it.
        column: What the contract says about it; None for a column that the contract does not name.
    """

    name: str
    type: ColumnType | None
    position: int | None
    source: str | None
    column: Column | None


def name_in_lake(name: str, column: Column) -> str:
    """What a column is called in the lake which a contract has under this name."""
    return column.name or column_name(name)


def match(
    source: Source, found: Sequence[str], file: str, *, typed: bool = False, told: bool = True
) -> tuple[Field, ...]:
    """Match a file's columns with a contract's: by name, else by alias, else by name but for case and spaces around.

    Args:
        source: The source.
        found: The file's columns.
        file: The file's name, for messages.
        typed: Whether the file knows the types of its columns, so that new ones keep theirs.
        told: Whether the file tells its columns; one of JSON records without any record does not.

    Raises:
        ContractError: A column is missing, or new, and the contract does not tolerate that.
    """
    contract = source.contract
    taken: dict[str, int] = {}
    for name, column in contract.columns.items():
        position = _find(name, column, found, set(taken.values()))
        if position is not None:
            taken[name] = position
    rest = [position for position in range(len(found)) if position not in taken.values()]
    if told:
        _check_missing(source, taken, [found[position] for position in rest], file)
    fields = [
        Field(
            name_in_lake(name, column),
            column.column_type,
            taken.get(name),
            found[taken[name]] if name in taken else None,
            column,
        )
        for name, column in contract.columns.items()
    ]
    if rest and contract.new_columns == "fail":
        new = found[rest[0]]
        raise ContractError(
            f"The file has the column '{new}', which the contract does not name.",
            place=f"{file}: column {rest[0] + 1}",
            hint=f"Add it to {source.path.name}, or say `new_columns: add` or `ignore`.",
            data={"new": [found[position] for position in rest]},
        )
    if contract.new_columns == "add":
        fields += _new(rest, found, {field.name for field in fields} | set(contract.computed), typed)
    return tuple(fields)


def _find(name: str, column: Column, found: Sequence[str], taken: set[int]) -> int | None:
    for wanted in (name, *column.aliases):
        for position, other in enumerate(found):
            if other == wanted and position not in taken:
                return position
    close = [at for at, other in enumerate(found) if at not in taken and close_to(other, (name, *column.aliases))]
    return close[0] if len(close) == 1 else None


def close_to(found: str, names: Sequence[str]) -> bool:
    """Whether a file's column has one of the names but for case and spaces around."""
    return found.strip().casefold() in {name.strip().casefold() for name in names}


def _check_missing(source: Source, taken: dict[str, int], rest: Sequence[str], file: str) -> None:
    contract = source.contract
    for name, column in contract.columns.items():
        needed = column.required or name_in_lake(name, column) in contract.key
        if name in taken or not (needed or contract.missing_columns == "fail"):
            continue
        missing = [other for other in contract.columns if other not in taken]
        alone = not taken and len(rest) == 1 < len(contract.columns)
        if alone and (delimiter := _other_delimiter(rest[0], contract.options.delimiter)):
            raise ContractError(
                f"The header has one column where the contract names {len(contract.columns)}, and {delimiter!r} in it.",
                place=file,
                hint=f"That is probably the delimiter: say `delimiter: {json.dumps(delimiter)}` in `options` of"
                f" {source.path.name}.",
                data={"missing": missing, "unmatched": list(rest)},
            )
        close = did_you_mean(name, rest)
        renamed = f" If it was renamed, add `aliases: [...]` to it. {close}" if close else ""
        tolerate = "" if needed else " If files may lack it, say `missing_columns: fill`."
        raise ContractError(
            f"The file lacks the column '{name}', which the contract names.",
            place=file,
            hint=f"Correct the file or {source.path.name}.{renamed}{tolerate}",
            data={"missing": missing, "unmatched": list(rest)},
        )


def _other_delimiter(header: str, declared: str | None) -> str | None:
    """The common delimiter that a header of one column has in it most often."""
    found = max((other for other in _DELIMITERS if other != declared), key=header.count)
    return found if found in header else None


def _new(rest: Sequence[int], found: Sequence[str], taken: set[str], typed: bool) -> list[Field]:
    """Fields for columns that the contract does not name, under names that are still free."""
    fields = []
    taken = {name.lower() for name in taken}
    for position in rest:
        base = column_name(found[position])
        if not base or base.isdigit():
            base = f"column_{base or position + 1}"
        name, number = base, 2
        while name in taken or is_reserved(name):
            name, number = f"{base}_{number}", number + 1
        taken.add(name)
        fields.append(Field(name, None if typed else VARCHAR, position, found[position], None))
    return fields


def columns_added(sources: Sequence[Source], before: Sequence[str], now: Sequence[str]) -> str | None:
    """What is said of a table that has columns which came with a file, and which no contract names.

    Args:
        sources: All that fill the table.
        before: The table's columns before the file; a table that was not there has none, and nothing is said of it.
        now: Its columns.
    """
    named = {
        name
        for contract in (source.contract for source in sources)
        for name in (*(name_in_lake(key, column) for key, column in contract.columns.items()), *contract.computed)
    }
    added = [name for name in now if name not in before and name not in named]
    if not before or not added:
        return None
    what, them = ("a new column", "it") if len(added) == 1 else ("new columns", "them")
    where = " or ".join(source.path.name for source in sources)
    return (
        f"{sources[0].table} has {what}: {', '.join(added)}. "
        f"Name {them} in {where}, or say `new_columns: ignore` or `fail` there."
    )
