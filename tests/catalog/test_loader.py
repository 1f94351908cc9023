from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from headgate.catalog import open_catalog
from headgate.database import Database
from headgate.errors import ProjectError


def test_a_catalog_shares_the_state_database_it_is_given(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    db = Database.open(url)
    head = open_catalog(url, db).ref("main")
    assert open_catalog(url).ref("main") == head
    db.close()


def test_an_unknown_scheme_names_those_there_are() -> None:
    with pytest.raises(ProjectError, match="No catalog has the scheme 'sqlit'") as caught:
        open_catalog("sqlit:///state.db")
    assert caught.value.hint == "Did you mean 'sqlite'?"


def test_importing_the_catalog_imports_no_database_and_no_table_format() -> None:
    program = (
        "import sys, headgate.catalog; print([m for m in sys.modules if m in {'sqlalchemy', 'pyiceberg', 'pyarrow'}])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
