"""The tutorial does what it says: its files are written, its commands run, its outputs compared."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"

_FENCE = re.compile(
    r"^```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE
)
_EXIT_CODE = re.compile(r"exit\s+code\s+(\d+)")
# What differs from run to run: run ids, commit ids, moments, durations.
_VARYING = (
    (re.compile(r"\d{8}T\d{6}-[0-9a-f]{6}"), "<run>"),
    (re.compile(r"\b[0-9a-f]{10,64}\b"), "<commit>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?(\+00(:00)?| UTC|Z)?"), "<time>"),
    (re.compile(r"\b\d+(\.\d+)? m?s\b"), "<seconds>"),
)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        line: Where its content begins in the page.
        language: `sh` is run, `text` is what the commands before it print; any other is a file.
        title: Name of the file.
        exit_code: Of the commands, as the paragraph before the block says.
    """

    line: int
    language: str
    title: str | None
    body: str
    exit_code: int


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found = []
    for match in _FENCE.finditer(page):
        before = page[: match.start()].rstrip().rsplit("\n\n", 1)[-1]
        code = None if before.endswith("```") else _EXIT_CODE.search(before)
        line = page.count("\n", 0, match.start("body")) + 1
        found.append(Block(line, match["language"], match["title"], match["body"], int(code[1]) if code else 0))
    return found


def comparable(text: str) -> list[str]:
    """The lines that say something, without what differs from run to run and without the width of columns."""
    for pattern, stands_for in _VARYING:
        text = pattern.sub(stands_for, text)
    lines = (" ".join(line.split()) for line in text.splitlines())
    return [line for line in lines if line]


class Reader:
    """Does what a page says, as a person would: one folder, one shell."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / ".shell-state"
        self.state.touch()
        self.cwd = folder / ".cwd"
        self.cwd.write_text(str(folder))
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HEADGATE_")},
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "COLUMNS": "110",
            "HEADGATE_AUTHOR": "you",
        }

    def write(self, block: Block) -> None:
        """Save a file block."""
        assert block.title is not None, f"line {block.line}: a block of {block.language} without title is no file"
        path = Path(self.cwd.read_text().strip()) / block.title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.body, encoding="utf-8")

    def run(self, block: Block) -> str:
        """Run a block of commands, with the variables and in the folder of the one before; what it prints."""
        script = (
            f'cd "$(cat {self.cwd})"; . {self.state}\n'
            # The variable that the tutorial keeps.
            f"trap 'code=$?; set +e; declare -p branch >{self.state} 2>/dev/null; pwd >{self.cwd}; exit $code' EXIT\n"
            f"set -eo pipefail\n{block.body}"
        )
        done = subprocess.run(
            ["bash", "-c", script],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=240,
            check=False,
        )
        told = f"{TUTORIAL.name}:{block.line}\n{block.body}\n{done.stdout}"
        assert done.returncode == block.exit_code, f"exit code {done.returncode}, not {block.exit_code}, at {told}"
        return done.stdout


def assert_printed(block: Block, output: str) -> None:
    """Every line of a text block has to be among those printed, in order; `...` stands for lines left out."""
    printed = iter(comparable(output))
    for line in comparable(block.body):
        if line != "...":
            assert line in printed, f"{TUTORIAL.name}:{block.line}: not printed, or not here: {line}\n{output}"


def follow(page: str, folder: Path) -> None:
    """Do what a page says from its first block to its last."""
    reader, output = Reader(folder), ""
    for block in blocks(page):
        if block.language == "sh":
            output = reader.run(block)
        elif block.language == "text":
            assert_printed(block, output)
        else:
            reader.write(block)


@pytest.mark.timeout(600)
def test_tutorial_can_be_followed_from_an_empty_folder(tmp_path: Path) -> None:
    follow(TUTORIAL.read_text(encoding="utf-8"), tmp_path)


BROKEN = {
    "a command that fails": "```sh\nfalse\n```\n",
    "a command that fails before another": "```sh\nfalse\ntrue\n```\n",
    "a command that fails in a pipe": "```sh\nfalse | cat\n```\n",
    "an exit code that was announced": "It ends with exit code 3:\n\n```sh\ntrue\n```\n",
    "an output that differs": "```sh\necho one\n```\n\n```text\ntwo\n```\n",
    "an output in another order": "```sh\nprintf 'one\\ntwo\\n'\n```\n\n```text\ntwo\none\n```\n",
    "a file without a name": "```yaml\na: b\n```\n",
}


@pytest.mark.parametrize("page", BROKEN.values(), ids=BROKEN.keys())
def test_a_page_that_is_wrong_is_noticed(page: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        follow(page, tmp_path)


def test_a_shell_keeps_its_folder_and_its_branch_and_files_go_where_it_is(tmp_path: Path) -> None:
    page = (
        '```sh\nmkdir inner\ncd inner\nbranch=run/1\n```\n\n```csv title="data/a.csv"\na,b\n```\n\n'
        'With exit code 3:\n\n```sh\ncat data/a.csv\necho "$branch in 2.5 s"\nexit 3\n```\n\n'
        "```text\na,b\n...\nrun/1 in 0.1 s\n```\n"
    )
    follow(page, tmp_path)
    assert (tmp_path / "inner" / "data" / "a.csv").read_text() == "a,b\n"
