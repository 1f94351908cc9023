"""Curves of what grows, as SVG that is the same for the same figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas
from measure import Figure

# Text stays text, and names of elements do not depend on chance.
mpl.rcParams.update({"svg.hashsalt": "headgate", "svg.fonttype": "none", "font.size": 9})
_MARKERS = "osD^v<>PX*dph"


def draw(figures: Sequence[Figure], axis: str, file: Path) -> None:
    """Write a chart with a panel for each unit, both scales logarithmic."""
    units = list(dict.fromkeys(each.unit for each in figures))
    canvas = Canvas(figsize=(4.6 * len(units), 3.9), layout="constrained")
    for panel, unit in zip(canvas.subplots(1, len(units), squeeze=False)[0], units, strict=True):
        of_unit = [each for each in figures if each.unit == unit]
        for number, name in enumerate(dict.fromkeys(each.name for each in of_unit)):
            points = sorted((each.at or 0, each.ours) for each in of_unit if each.name == name)
            marker = _MARKERS[number % len(_MARKERS)]
            panel.plot(*zip(*points, strict=True), marker=marker, markersize=4, linewidth=1.2, label=name)
        panel.set(xscale="log", yscale="log", xlabel=axis, ylabel=unit)
        panel.grid(visible=True, which="major", linewidth=0.4, alpha=0.5)
        panel.legend(fontsize=7, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
    file.parent.mkdir(parents=True, exist_ok=True)
    canvas.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
