"""The shape of the code, held: layers, budgets, lazy imports, and reasons beside every ignore.

Each check is a function from a tree of sources to what is wrong with it. It is applied to the repository, and to a
small tree that breaks it, so that a check that sees nothing is seen.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

FILE_LINES = 400
FUNCTION_LINES = 60
INIT_LINES = 40
CONFTEST_LINES = 150
# Files that may have up to 800 lines, each with the reason.
LONG_FILES: dict[str, str] = {}
# Where an unforeseen error becomes a sentence, a response or a failed asset, or goes on to another thread.
EDGES = ("headgate.cli", "headgate.web", "headgate.orchestration", "headgate.run.beside")
EMPTY_WORDS = {"core", "common", "utils", "util", "helpers", "helper", "manager", "misc", "base"}
HEAVY = {"duckdb", "pyarrow", "pyiceberg", "dbt", "sqlalchemy", "numpy", "pandas", "polars", "openpyxl"}
# Distribution of an extra -> what it is imported as, where the two differ.
IMPORTED_AS: dict[str, str] = {}
# Packages whose modules, but for those named, leave these libraries alone.
PURE = {
    "headgate.catalog": ({"headgate.catalog.iceberg"}, {"pyiceberg", "pyarrow", "duckdb", "dbt"}),
    "headgate.cli": ({"headgate.cli.output.queries"}, {"pyiceberg", "pyarrow", "duckdb", "dbt", "sqlalchemy"}),
    "headgate.quality": (set[str](), {"pyiceberg", "pyarrow", "dbt"}),
    "headgate.ingest": (set[str](), {"dbt"}),
}


def sources(root: Path, *folders: str) -> Iterator[Path]:
    for folder in folders or ("src", "tests", "scripts", "benchmarks"):
        yield from sorted((root / folder).rglob("*.py"))


def modules(root: Path) -> dict[str, ast.Module]:
    """The package's modules by dotted name."""
    found = {}
    for path in sources(root, "src"):
        parts = path.relative_to(root / "src").with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def imports(name: str, tree: ast.Module, known: dict[str, ast.Module]) -> set[str]:
    """Everything that a module imports, inside functions too; `from package import module` is the module."""
    package = name.split(".") if is_package(name, known) else name.split(".")[:-1]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*start, *([node.module] if node.module else [])])
            submodules = {f"{base}.{alias.name}" for alias in node.names} & set(known)
            found |= submodules
            if len(submodules) < len(node.names):
                found.add(base)
    return found


def is_package(name: str, known: dict[str, ast.Module]) -> bool:
    return any(other.startswith(f"{name}.") for other in known)


def layers() -> list[set[str]]:
    """The contract of import-linter, top first."""
    contract = PYPROJECT["tool"]["importlinter"]["contracts"][0]["layers"]
    return [{f"headgate.{part.strip()}" for part in layer.split("|")} for layer in contract]


def upward_imports(root: Path) -> list[str]:
    known = modules(root)
    height = {name: position for position, layer in enumerate(layers()) for name in layer}
    wrong = []
    for name, tree in known.items():
        own = ".".join(name.split(".")[:2])
        if name == "headgate":
            continue
        if own not in height:
            wrong.append(f"{own} stands in no layer of pyproject.toml")
            continue
        for target in imports(name, tree, known):
            other = ".".join(target.split(".")[:2])
            if other in height and other != own and height[other] <= height[own]:
                wrong.append(f"{name} imports {target}")
    return wrong


def cycles(root: Path) -> list[str]:
    known = modules(root)
    graph = {name: imports(name, tree, known) & set(known) - {name} for name, tree in known.items()}
    wrong: list[str] = []
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            wrong.append(" -> ".join([*path[path.index(name) :], name]))
        elif name not in done:
            for target in sorted(graph[name]):
                visit(target, (*path, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())
    return wrong


def over_budget(root: Path) -> list[str]:
    wrong = []
    for path in sources(root):
        text = path.read_text(encoding="utf-8")
        shown, lines = path.relative_to(root).as_posix(), len(text.splitlines())
        limit = {"__init__.py": INIT_LINES, "conftest.py": CONFTEST_LINES}.get(path.name, FILE_LINES)
        limit = 800 if LONG_FILES.get(shown) else limit
        if lines > limit:
            wrong.append(f"{shown} has {lines} lines of {limit}")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES:
                    wrong.append(f"{shown}:{node.lineno} {node.name} has {length} lines of {FUNCTION_LINES}")
    return wrong


def logic_in_init(root: Path) -> list[str]:
    wrong = []
    for path in sources(root, "src"):
        if path.name != "__init__.py":
            continue
        for position, node in enumerate(ast.parse(path.read_text(encoding="utf-8")).body):
            docstring = position == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            dunder = isinstance(node, ast.Assign) and all(
                isinstance(target, ast.Name) and target.id in ("__all__", "__version__") for target in node.targets
            )
            if not (docstring or dunder or isinstance(node, ast.Import | ast.ImportFrom)):
                wrong.append(f"{path.relative_to(root)}:{node.lineno} is more than an import")
    return wrong


def broad_excepts(root: Path) -> list[str]:
    """`except Exception` away from the edges; `except BaseException` may clean up when it raises again."""
    wrong = []
    for name, tree in modules(root).items():
        if name.startswith(EDGES):
            continue
        for node in ast.walk(tree):
            if not isinstance(node, ast.ExceptHandler):
                continue
            caught = {inner.id for inner in ast.walk(node.type) if isinstance(inner, ast.Name)} if node.type else {""}
            last = node.body[-1]
            raises_again = isinstance(last, ast.Raise) and last.exc is None
            if caught & {"Exception", ""} or ("BaseException" in caught and not raises_again):
                wrong.append(f"{name}:{node.lineno} catches everything")
    return wrong


def scattered_extras(root: Path) -> list[str]:
    extras = PYPROJECT["project"]["optional-dependencies"]
    distributions = {re.split(r"[<>=\[ ]", item)[0] for key, items in extras.items() if key != "dev" for item in items}
    known = modules(root)
    wrong = []
    for library in sorted(IMPORTED_AS.get(name, name) for name in distributions):
        users = [name for name, tree in known.items() if library in top_level(imports(name, tree, known))]
        if len(users) > 1:
            wrong.append(f"{library} is imported in {', '.join(users)}")
    return wrong


def impure(root: Path) -> list[str]:
    known = modules(root)
    wrong = []
    for package, (excepted, libraries) in PURE.items():
        for name, tree in known.items():
            free = any(name == module or name.startswith(f"{module}.") for module in excepted)
            if (name == package or name.startswith(f"{package}.")) and not free:
                found = top_level(imports(name, tree, known)) & libraries
                wrong += [f"{name} imports {library}" for library in sorted(found)]
    return wrong


def top_level(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


def empty_names(root: Path) -> list[str]:
    return [str(path.relative_to(root)) for path in sources(root, "src") if {path.stem, path.parent.name} & EMPTY_WORDS]


_MARK = re.compile(r"#\s*(noqa|type:\s*ignore|pragma|fmt:|mypy:|ruff:)")
_REASONED = re.compile(
    r"#\s*(noqa:\s*[A-Z]+[0-9]+(,\s*[A-Z]+[0-9]+)*|type:\s*ignore\[[a-z-]+(,\s*[a-z-]+)*\]|pragma:[^#]+|fmt:\s*\w+)"
    r"\s+[#-]\s+\S.{7,}"
)


def ignores_without_reason(root: Path) -> list[str]:
    wrong: list[str] = []
    for path in sources(root):
        tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
        marks = [token for token in tokens if token.type == tokenize.COMMENT and _MARK.match(token.string)]
        bare = [token for token in marks if not _REASONED.match(token.string)]
        wrong += [f"{path.relative_to(root)}:{token.start[0]} {token.string}" for token in bare]
    return wrong


CHECKS: dict[Callable[[Path], list[str]], dict[str, str]] = {
    upward_imports: {
        "src/headgate/types.py": "def f():\n    import headgate.config\n",
        "src/headgate/config.py": "",
    },
    cycles: {
        "src/headgate/run/a.py": "def f():\n    from headgate.run import b\n",
        "src/headgate/run/b.py": "from .a import f\n",
        "src/headgate/run/__init__.py": "",
    },
    over_budget: {"src/headgate/a.py": "def f():\n" + "    pass\n" * 60},
    logic_in_init: {"src/headgate/__init__.py": "import os\nHOME = os.getcwd()\n"},
    broad_excepts: {"src/headgate/a.py": "try:\n    pass\nexcept (ValueError, Exception):\n    pass\n"},
    scattered_extras: {
        "src/headgate/a.py": "def f():\n    import pandas\n",
        "src/headgate/b.py": "from pandas.api import types\n",
    },
    impure: {"src/headgate/catalog/refs.py": "def f():\n    from pyiceberg import table\n"},
    empty_names: {"src/headgate/utils/text.py": ""},
    ignores_without_reason: {"src/headgate/a.py": "x = 1  # " + "noqa: F841\n"},
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_repository_keeps_its_shape(check: Callable[[Path], list[str]]) -> None:
    assert check(ROOT) == []


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_each_check_sees_what_breaks_it(check: Callable[[Path], list[str]], tmp_path: Path) -> None:
    for name, text in CHECKS[check].items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert check(tmp_path) != []


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("src/headgate/a.py", FILE_LINES),
        ("src/headgate/__init__.py", INIT_LINES),
        ("tests/conftest.py", CONFTEST_LINES),
    ],
)
def test_each_kind_of_file_has_its_budget(tmp_path: Path, name: str, lines: int) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True)
    path.write_text("x = 1\n" * lines, encoding="utf-8")
    assert over_budget(tmp_path) == []
    path.write_text("x = 1\n" * (lines + 1), encoding="utf-8")
    assert over_budget(tmp_path) != []


@pytest.mark.parametrize(
    "comment",
    [
        "noqa",
        "noqa: F841",
        "noqa: F841 because of this and that",
        "type: ignore",
        "type: ignore[misc]",
        "type: ignore  # no code is named here",
        "pragma: no cover",
    ],
)
def test_an_ignore_needs_a_code_and_a_reason(tmp_path: Path, comment: str) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text(f"x = 1  # {comment}\n", encoding="utf-8")
    assert ignores_without_reason(tmp_path) != []


def test_an_ignore_with_a_reason_passes(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("x = 1  # noqa: F841  # the reader of this wants it\n", encoding="utf-8")
    assert ignores_without_reason(tmp_path) == []


def heavy_after(code: str) -> set[str]:
    """The heavy libraries that a fresh interpreter has loaded after running `code`."""
    program = f"import sys\n{code}\nprint('LOADED', *sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.rsplit("LOADED", 1)[1].split()) & HEAVY


def test_the_check_for_heavy_libraries_sees_one() -> None:
    assert heavy_after("import duckdb") >= {"duckdb"}


@pytest.mark.parametrize(
    "code",
    [
        "import headgate",
        "from headgate.cli.main import main; main(['--help'])",
        "from headgate.cli.main import main; main(['run', '--help'])",
        "from headgate.cli.main import main; main(['--version'])",
        "import headgate.config, headgate.project, headgate.events",
        "import headgate.run.ahead",
    ],
)
def test_starting_loads_no_heavy_library(code: str) -> None:
    assert heavy_after(code) == set()


def test_the_settings_are_strict() -> None:
    tool = PYPROJECT["tool"]
    assert tool["mypy"]["strict"] is True
    assert "ignore-without-code" in tool["mypy"]["enable_error_code"]
    assert tool["pytest"]["ini_options"]["filterwarnings"][0] == "error"
    assert tool["pytest"]["ini_options"]["xfail_strict"] is True
    assert {"--strict-markers", "--strict-config"} <= set(tool["pytest"]["ini_options"]["addopts"])
    assert {"E", "F", "B", "BLE", "D", "PGH", "S"} <= set(tool["ruff"]["lint"]["select"])
    assert tool["importlinter"]["contracts"][0]["exhaustive"] is True


def test_each_rule_that_is_switched_off_for_good_has_its_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    block = re.search(r"^ignore = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    assert block
    assert [line for line in block.group(1).splitlines() if "# " not in line] == []
    for warning in PYPROJECT["tool"]["pytest"]["ini_options"]["filterwarnings"][1:]:
        before = text[: text.index(warning)].splitlines()[-2]
        assert before.strip().startswith("#"), f"{warning} has no reason above it"
