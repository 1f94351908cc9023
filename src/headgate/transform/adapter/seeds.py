"""Seeds, read by DuckDB."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headgate.types import literal


def seed_query(model: Mapping[str, Any], root: str) -> str:
    """The query that reads a seed's file: typed by `column_types`, and by all of its values where that is silent.

    Args:
        model: The seed's node, as dbt's macros hold it.
        root: Folder of the dbt project, for seeds that do not name theirs.
    """
    config = model["config"]
    path = Path(model.get("root_path") or root) / model["original_file_path"]
    types = config.get("column_types") or {}
    options = [
        "header = true",
        f"delim = {literal(config.get('delimiter') or ',')}",
        """quote = '"'""",
        """escape = '"'""",
        # dbt's texts for no value
        "nullstr = ['', 'null', 'NULL']",
        "sample_size = -1",
    ]
    if types:
        listed = ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in types.items())
        options.append(f"types = {{{listed}}}")
    return f"select * from read_csv({literal(str(path))}, {', '.join(options)})"
