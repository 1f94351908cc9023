"""Check what git tracks: no package index, no path of one machine, no secret file; a change log with a next release."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Written in pieces, so that this file passes its own check.
FORBIDDEN = {
    "the address of a package index": re.compile(
        r"--(?:extra-)?index" + r"-url[ =]|--find" + r"-links[ =]|--trusted" + r"-host[ =]"
        r"|https?://[^\s\"')]*/"
        + r"simple\b|files\.python"
        + r"hosted\.org|https?://[^/\s:@]+:[^/\s@{$]+@[^\s]*py"
        + r"pi"
    ),
    "a path of one machine": re.compile(
        r"(?<![\w.$}/~-])/(?:ho" + r"me|Us" + r"ers)/[a-z][\w.-]*/|(?<![\w.$}/~-])/(?:ro" + r"ot|wo" + r"rk)/[\w.-]+"
    ),
}
NEVER = re.compile(r"(^|/)(\.env|\.DS_Store|[^/]+\.(?:pyc|db|sqlite|pem|key))$|(^|/)\.headgate/")
TEXT = re.compile(r"\.(csv|json|gz|zst|parquet|xlsx|png|svg|jpg)$")


def main() -> int:
    """Print what is wrong and return the exit code."""
    wrong = [*files(tracked()), *change_log((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))]
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


def tracked() -> list[str]:
    """What git tracks, and what it would track next."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.splitlines() if (ROOT / name).is_file() or (ROOT / name).is_symlink()]


def files(names: list[str]) -> Iterator[str]:
    """What is wrong with files, as `name:line: what`."""
    for name in names:
        if NEVER.search(name):
            yield f"{name}: this kind of file is not for git"
        if (ROOT / name).is_symlink():
            # Windows makes none without leave, and where it leads may be a path of one machine.
            yield f"{name}: a symbolic link is not for git"
            continue
        if TEXT.search(name):
            continue
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        yield from (f"{name}:{line}: {what}: {found}" for line, what, found in findings(text))


def findings(text: str) -> Iterator[tuple[int, str, str]]:
    """Line, kind and text of everything forbidden."""
    for number, line in enumerate(text.splitlines(), start=1):
        for what, pattern in FORBIDDEN.items():
            match = pattern.search(line)
            if match:
                yield number, what, match.group()


def change_log(text: str) -> Iterator[str]:
    """What is wrong with the change log."""
    if "## [Unreleased]" not in text:
        yield "CHANGELOG.md: there is no section [Unreleased]"


if __name__ == "__main__":
    sys.exit(main())
