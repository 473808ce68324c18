"""Curves over one axis of minutes, panel under panel: an SVG, written by hand because it is a few lines and dots."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise

COLOURS = ("#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#b07aa1", "#76b7b2", "#9c755f", "#edc948", "#555555")
LEFT, RIGHT, TOP, PANEL, GAP, WIDTH = 70, 190, 52, 150, 34, 1100
FONT = 'font-family="Helvetica, Arial, sans-serif"'

Points = Sequence[tuple[float, float]]  # minute, value


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """`curves` by name; `dots`: single measurements, not joined. `bounds`: named lines across. `least`: what the axis
    holds in any case, so that noise does not fill a panel."""

    title: str
    curves: Mapping[str, Points]
    dots: bool = False
    bounds: Mapping[str, float] = field(default_factory=dict)
    least: tuple[float, float] = (0.0, 1.0)


def svg(title: str, panels: Sequence[Panel], *, minutes: float) -> str:
    height = TOP + len(panels) * (PANEL + GAP) + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(16, 28, title, size=16, weight="bold"),
    ]
    for number, panel in enumerate(panels):
        parts += _panel(panel, TOP + number * (PANEL + GAP), minutes)
    parts.append(_text(LEFT, height - 8, "minutes", fill="#555555"))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(panel: Panel, top: float, minutes: float) -> list[str]:
    values = [value for points in panel.curves.values() for _, value in points]
    low, high = min([*values, panel.least[0]]), max([*values, panel.least[1]])
    step = step_of(high - low, most=5)
    low, high = step * math.floor(low / step), step * math.ceil(high / step)

    def x(minute: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * minute / max(minutes, 1e-6)

    def y(value: float) -> float:
        return top + 18 + (PANEL - 18) * (high - value) / (high - low)

    parts = [_text(LEFT, top + 8, panel.title, weight="bold")]
    for tick in range(round((high - low) / step) + 1):
        value = low + tick * step
        parts.append(f'<path d="M{LEFT} {y(value):.1f} H{WIDTH - RIGHT}" stroke="#e3e6e9"/>')
        parts.append(_text(LEFT - 6, y(value) + 4, f"{value:g}", anchor="end", size=10, fill="#555555"))
    minute_step = step_of(minutes, most=10)
    for tick in range(int(minutes / minute_step) + 1):
        at = x(tick * minute_step)
        parts.append(_text(at, top + PANEL + 13, f"{tick * minute_step:g}", anchor="middle", size=10, fill="#555555"))
    for name, value in panel.bounds.items():
        if low <= value <= high:
            parts.append(f'<path d="M{LEFT} {y(value):.1f} H{WIDTH - RIGHT}" stroke="#c0392b" stroke-dasharray="5 4"/>')
            parts.append(_text(WIDTH - RIGHT + 8, y(value) + 4, name, size=10, fill="#c0392b"))
    for number, (name, points) in enumerate(panel.curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        parts.append(_drawn([(x(minute), y(value)) for minute, value in points], colour, dots=panel.dots))
        parts.append(_text(WIDTH - RIGHT + 96, top + 28 + 14 * number, name, size=10, fill=colour))
    return parts


def _drawn(points: Points, colour: str, *, dots: bool) -> str:
    if dots:
        return "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.4" fill="{colour}"/>' for x, y in points)
    lines = "".join(f"M{x0:.1f} {y0:.1f} L{x1:.1f} {y1:.1f} " for (x0, y0), (x1, y1) in pairwise(points))
    return f'<path d="{lines}" stroke="{colour}" stroke-width="1.6" fill="none"/>'


def step_of(span: float, *, most: int) -> float:
    """Between two ticks: 1, 2 or 5 times a power of ten, for at most `most` of them."""
    power = 10.0 ** math.floor(math.log10(max(span, 1e-6) / most))
    return next(power * times for times in (1, 2, 5, 10) if power * times * most >= span * (1 - 1e-9))


def _text(
    x: float,
    y: float,
    text: str,
    *,
    anchor: str = "start",
    size: int = 12,
    weight: str = "normal",
    fill: str = "#222222",
) -> str:
    style = f'font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" fill="{fill}" {FONT}'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(text)}</text>'
