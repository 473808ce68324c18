"""Turns as stacked bars on one axis of milliseconds: an SVG, written by hand because it is a few rectangles.

The first row is the median of each stage; below it a row a turn. Beside each: the whole, what of it was ours, and what
was the wait for the device's next turn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from statistics import median

COLOURS: dict[str, tuple[str, str]] = {  # stage: colour, what the legend calls it
    "vad": ("#9aa5b1", "silence that ends a question"),
    "recogniser": ("#4e79a7", "recogniser"),
    "decide": ("#e15759", "decision"),
    "llm_first_token": ("#76b7b2", "first token"),
    "knowledge_or_llm_first_clause": ("#59a14f", "first clause (knowledge or LLM)"),
    "voice_first_sound": ("#f28e2b", "voice"),
    "engine_first_block": ("#b07aa1", "engine, with the wait for its block"),
    "device_first_sound": ("#9c755f", "device"),
}
LEFT, RIGHT, TOP, BAR, GAP, WIDTH = 330, 150, 116, 18, 7, 1280
FONT = 'font-family="Helvetica, Arial, sans-serif"'


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    label: str
    stages_ms: Mapping[str, float]  # in order
    overhead_ms: float | None = None
    wait_ms: float | None = None
    first_frame_ms: float | None = None

    @property
    def total_ms(self) -> float:
        return sum(self.stages_ms.values())


def median_row(rows: Sequence[Row]) -> Row:
    """The median of each stage over the rows that have it; these need not add up to the median turn."""
    stages = {
        stage: median(values)
        for stage in COLOURS
        if (values := [r.stages_ms[stage] for r in rows if stage in r.stages_ms])
    }
    return Row(
        label="median of each stage",
        stages_ms=stages,
        overhead_ms=_middle([row.overhead_ms for row in rows]),
        wait_ms=_middle([row.wait_ms for row in rows]),
        first_frame_ms=_middle([row.first_frame_ms for row in rows]),
    )


def svg(title: str, rows: Sequence[Row], *, marks_ms: Mapping[str, float]) -> str:
    """`marks_ms`: named lines across, such as targets."""
    every = [median_row(rows), *rows]
    ends = [max(row.total_ms, row.first_frame_ms or 0.0) for row in every]
    step = _step(max([*ends, *marks_ms.values()]))
    most = step * math.ceil(max([*ends, *marks_ms.values()]) * 1.02 / step)
    height = TOP + len(every) * (BAR + GAP) + GAP + 34
    scale = (WIDTH - LEFT - RIGHT) / most
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(16, 28, title, size=17, weight="bold"),
        *_legend([stage for stage in COLOURS if any(stage in row.stages_ms for row in rows)]),
        *_axis(most, step, scale, height),
        *(part for name, at in marks_ms.items() for part in _mark(name, LEFT + at * scale, height)),
    ]
    for number, row in enumerate(every):
        below_median = GAP if number else 0
        parts += _bar(row, TOP + number * (BAR + GAP) + below_median, scale, weight="bold" if number == 0 else "normal")
    return "\n".join([*parts, "</svg>"]) + "\n"


def _bar(row: Row, y: float, scale: float, *, weight: str) -> list[str]:
    baseline = y + BAR - 5
    parts = [_text(LEFT - 10, baseline, _short(row.label), anchor="end", weight=weight)]
    x = float(LEFT)
    for stage, took in row.stages_ms.items():
        wide = took * scale
        told = f"<title>{escape(stage)}: {took:.0f} ms</title>"
        parts.append(
            f'<rect x="{x:.1f}" y="{y}" width="{wide:.1f}" height="{BAR}" fill="{COLOURS[stage][0]}">{told}</rect>'
        )
        if wide > 30:
            parts.append(_text(x + wide / 2, baseline, f"{took:.0f}", anchor="middle", size=10, fill="#ffffff"))
        x += wide
    if row.first_frame_ms is not None:
        at = LEFT + row.first_frame_ms * scale
        parts.append(f'<path d="M{at:.1f} {y + BAR} l-4 6 h8 z" fill="#222222"/>')
    parts.append(_text(x + 6, baseline, f"{row.total_ms:.0f}", weight="bold"))
    for right, value in ((WIDTH - 70, row.overhead_ms), (WIDTH - 14, row.wait_ms)):
        parts.append(_text(right, baseline, "-" if value is None else f"{value:.0f}", anchor="end", weight=weight))
    return parts


def _legend(stages: Sequence[str]) -> list[str]:
    parts, x, y = [], 16.0, 44
    for stage in stages:
        colour, name = COLOURS[stage]
        wide = 22 + 6.6 * len(name) + 14
        if x + wide > WIDTH - 10:
            x, y = 16.0, y + 20
        parts.append(f'<rect x="{x:.0f}" y="{y}" width="13" height="13" rx="2" fill="{colour}"/>')
        parts.append(_text(x + 19, y + 11, name))
        x += wide
    parts.append(f'<path d="M{x + 6:.1f} {y + 2} l-4 8 h8 z" fill="#222222"/>')
    return [*parts, _text(x + 19, y + 11, "first speaking frame")]


def _axis(most: float, step: float, scale: float, height: float) -> list[str]:
    parts = [
        _text(WIDTH - 70, TOP - 14, "ours, ms", anchor="end", fill="#555555"),
        _text(WIDTH - 14, TOP - 14, "wait, ms", anchor="end", fill="#555555"),
        _text(LEFT - 10, height - 12, "ms after the last voiced sample", anchor="end", fill="#555555"),
    ]
    for number in range(round(most / step) + 1):
        x = LEFT + number * step * scale
        parts.append(f'<path d="M{x:.1f} {TOP - 6} V{height - 28}" stroke="#e3e6e9"/>')
        parts.append(_text(x, height - 12, f"{number * step:.0f}", anchor="middle", fill="#555555"))
    return parts


def _mark(name: str, x: float, height: float) -> list[str]:
    line = f'<path d="M{x:.1f} {TOP - 6} V{height - 28}" stroke="#c0392b" stroke-dasharray="5 4"/>'
    return [line, _text(x, TOP - 14, name, anchor="middle", fill="#c0392b")]


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


def _step(most: float) -> float:
    """Between two ticks: 1, 2 or 5 times a power of ten, for at most a dozen of them."""
    power = 10 ** math.floor(math.log10(max(most, 1.0) / 12))
    return next(power * times for times in (1, 2, 5, 10) if power * times * 12 >= most)


def _short(text: str) -> str:
    return text if len(text) <= 48 else text[:47] + "…"


def _middle(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
