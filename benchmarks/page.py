"""The page `docs/benchmarks.md` and the curves that it shows, made of figures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measure import Figure, shown, table

NOTES = Path(__file__).parent / "notes"


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        script: Its name in the results; of the script, and of the file with what a person wrote on it.
        title: Its heading.
        about: What was measured.
    """

    script: str
    title: str
    about: str


def rendered(sections: Sequence[Section], document: dict[str, Any], folder: Path) -> str:
    """The page.

    Args:
        sections: In their order.
        document: What `results.json` holds.
        folder: Where the page will be; curves are written below it.
    """
    parts = document["parts"]
    facts = next(parts[each.script]["machine"] for each in sections if each.script in parts)
    lines = [
        "# Benchmarks",
        "",
        "<!-- Written by `make bench`; what is written by hand is in `benchmarks/notes/`. -->",
        "",
        f"Measured on {_machine(facts)}.",
        "Both sides of a row ran in one go, in turns. Times are medians in wall seconds, with CPU seconds of all",
        "threads where they were taken. The ratio is what travels to other machines. Results were compared, by row or",
        "by checksum.",
        "",
        "`make bench` takes the figures anew (20 minutes), `make bench-peers` those beside Spark, which needs Java;",
        'both end with an error if a goal of what they took is missed. `make bench ARGS="--only merge"` takes a part,',
        "`--large` adds the largest sizes. Every figure is in `benchmarks/results.json`.",
        "",
    ]
    slower: list[tuple[float, str]] = []
    for section in sections:
        if section.script not in parts:
            continue
        taken = parts[section.script]
        found = [Figure.of(each) for each in taken["figures"]]
        lines += [f"## {section.title}", "", section.about, ""]
        if taken["machine"] != facts:
            lines += [f"Measured on {_machine(taken['machine'])}.", ""]
        lines += _figures(found, section, folder)
        note = NOTES / f"{section.script}.md"
        if note.is_file():
            lines += [note.read_text("utf-8").strip(), ""]
        slower += _slower(section, found)
    lines += [
        "## Where headgate is slower",
        "",
        "Every row above in which headgate is behind what stands beside it.",
        "",
    ]
    lines += [line for _, line in sorted(slower, reverse=True)] or ["Nowhere."]
    return "\n".join([*lines, ""])


def _machine(facts: dict[str, str]) -> str:
    return (
        f"{facts['cores']} cores ({facts['processor']}), {facts['memory']} of memory, {facts['system']},"
        f" Python {facts['python']}, DuckDB {facts['duckdb']}"
    )


def _figures(found: Sequence[Figure], section: Section, folder: Path) -> Iterator[str]:
    """Tables, and curves of what grows."""
    single = [each for each in found if each.axis is None]
    if single:
        yield from (table(single), "")
    for axis in dict.fromkeys(each.axis for each in found if each.axis is not None):
        series = [each for each in found if each.axis == axis]
        yield from (by_size(series, axis), "")
        from curves import draw

        file = folder / "benchmarks" / f"{section.script}-{axis}.svg"
        draw(series, axis, file)
        yield from (f"![What grows with {axis}]({file.relative_to(folder).as_posix()})", "")


def by_size(figures: Sequence[Figure], axis: str) -> str:
    """A row for each thing that was measured, a column for each size, and how it grew in the last step."""
    rows: dict[tuple[str, str], dict[float, Figure]] = {}
    for each in figures:
        rows.setdefault((each.name, each.unit), {})[each.at or 0] = each
    sizes = sorted({each.at or 0 for each in figures})
    lines = [
        f"| | {' | '.join(f'{size:,.0f} {axis}' for size in sizes)} | exponent |",
        "|---|" + "---:|" * (len(sizes) + 1),
    ]
    for (name, unit), cells in rows.items():
        values = [shown(cells[size].ours, unit) if size in cells else "" for size in sizes]
        lines.append(f"| {name} | {' | '.join(values)} | {_exponent(cells)} |")
    return "\n".join(lines)


def _exponent(cells: dict[float, Figure]) -> str:
    """By which power of the size the figure grew between the last two sizes."""
    if len(cells) < 2:
        return ""
    before, last = sorted(cells)[-2:]
    ratio = cells[last].ours / cells[before].ours
    return f"{math.log(ratio) / math.log(last / before):.2f}" if ratio > 0 else ""


def _slower(section: Section, found: Sequence[Figure]) -> Iterator[tuple[float, str]]:
    """By how much, and the line that says so."""
    for each in found:
        for peer in each.peers:
            if each.slower(peer):
                times = 1 / each.ratio(peer) if each.more else each.ratio(peer)
                yield times, f"- {section.title}, {each.name}: {times:.2f} times {peer.name}"
