"""Draws Bramble, a creature of the wood. python -m bot.library.bramble.draw"""

# ruff: noqa: E501 - a drawing's paths are not prose

from __future__ import annotations

from pathlib import Path

import numpy as np

from bot.library.drawing import Curve, DrawnEye, DrawnFace, arc, eye_svg, mirrored, path, write

SEAM: Curve = [(560, 424), (586, 440), (612, 446), (640, 446), (668, 446), (694, 440), (720, 424)]
LIP_UPPER: Curve = [(560, 424), (586, 434), (612, 439), (640, 439), (668, 439), (694, 434), (720, 424)]
LIP_LOWER: Curve = [(560, 424), (586, 449), (612, 456), (640, 456), (668, 456), (694, 449), (720, 424)]
JAW: Curve = [(470, 420), (486, 480), (560, 530), (640, 530), (720, 530), (794, 480), (810, 420)]
UPPER = arc((520, 306), (606, 306), 42, 0.6)
LOWER = arc((520, 306), (606, 306), -36, 0.6)
EYES = (
    DrawnEye(upper=UPPER, lower=LOWER, iris=(566, 304), radius=22, lash=5, lid=20),
    DrawnEye(upper=mirrored(UPPER), lower=mirrored(LOWER), iris=(714, 304), radius=22, lash=5, lid=20),
)
IRIS = (
    '<circle r="22" fill="#e09a2c"/><circle r="20" fill="none" stroke="#a7641a" stroke-width="3.5"/><ellipse rx="10" ry="13" fill="#1d130a"/>'
    '<circle cx="-7" cy="-8" r="5.5" fill="#fff"/><circle cx="7" cy="8" r="2.6" fill="#fff" opacity=".75"/>'
)
DEFINITIONS = """
<radialGradient id="fur" cx=".4" cy=".28" r=".85"><stop offset="0" stop-color="#8fc46a"/><stop offset=".55" stop-color="#659e50"/><stop offset="1" stop-color="#3d6d3e"/></radialGradient>
<radialGradient id="muzzle" cx=".45" cy=".3" r=".8"><stop offset="0" stop-color="#f3e7bd"/><stop offset=".7" stop-color="#dfcd95"/><stop offset="1" stop-color="#bda668"/></radialGradient>
<linearGradient id="horn" x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color="#f6e8cb"/><stop offset="1" stop-color="#b48c5b"/></linearGradient>
<linearGradient id="dusk" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#27345f"/><stop offset=".55" stop-color="#5a5f93"/><stop offset="1" stop-color="#c98f86"/></linearGradient>
<radialGradient id="blush"><stop offset="0" stop-color="#e8795f" stop-opacity=".5"/><stop offset="1" stop-color="#e8795f" stop-opacity="0"/></radialGradient>
"""


def background() -> str:
    """A wood at dusk: stars, a moon, trunks out of focus."""
    rng = np.random.default_rng(2)
    stars = "".join(
        f'<circle cx="{rng.uniform(0, 1280):.0f}" cy="{rng.uniform(0, 380):.0f}" r="{rng.uniform(1, 2.6):.1f}" fill="#fff7dc" opacity="{rng.uniform(0.4, 1):.2f}"/>'
        for _ in range(110)
    )
    trees = "".join(
        f'<path d="M {x} 730 L {x + w * 0.1:.0f} 260 L {x + w * 0.5:.0f} 60 L {x + w * 0.9:.0f} 260 L {x + w} 730 Z" fill="{c}"/>'
        for x, w, c in (
            (-60, 190, "#28395a"),
            (90, 150, "#33476a"),
            (240, 120, "#3d527a"),
            (930, 130, "#3d527a"),
            (1050, 160, "#33476a"),
            (1170, 190, "#28395a"),
        )
    )
    ferns = "".join(
        f'<ellipse cx="{rng.uniform(-20, 1300):.0f}" cy="{rng.uniform(640, 740):.0f}" rx="{rng.uniform(60, 130):.0f}" ry="{rng.uniform(20, 52):.0f}" fill="{rng.choice(["#2f5144", "#3c6350", "#26433b"])}"/>'
        for _ in range(40)
    )
    return f'<rect width="1280" height="720" fill="url(#dusk)"/>{stars}<circle cx="880" cy="84" r="46" fill="#fdf3d0"/><circle cx="880" cy="84" r="78" fill="#fdf3d0" opacity=".25" filter="url(#blur12)"/><g filter="url(#blur6)">{trees}</g><g filter="url(#blur6)">{ferns}</g>'


def tufts(seed: int, count: int, colour: str, opacity: float) -> str:
    """Strokes of fur over the body, none on the face."""
    rng = np.random.default_rng(seed)
    drawn = ""
    while count:
        x, y = rng.uniform(410, 870), rng.uniform(140, 715)
        on_body = ((x - 640) / 235) ** 2 + ((y - 400) / 300) ** 2 < 0.96
        if not on_body or (((x - 640) / 190) ** 2 + ((y - 385) / 150) ** 2 < 1):
            continue
        lean = (x - 640) * 0.05
        drawn += f'<path d="M {x:.0f} {y:.0f} q {lean:.1f} 9 {lean * 1.6:.1f} {rng.uniform(14, 24):.0f}"/>'
        count -= 1
    return f'<g fill="none" stroke="{colour}" stroke-width="3.2" stroke-linecap="round" opacity="{opacity}">{drawn}</g>'


def rim() -> str:
    """Tufts around the edge, so that it looks soft."""
    rng = np.random.default_rng(9)
    drawn = ""
    for angle in np.linspace(-0.15 * np.pi, 1.15 * np.pi, 70):
        x, y = 640 - 236 * np.cos(angle), 400 - 292 * np.sin(angle)
        size = rng.uniform(12, 22)
        drawn += f'<ellipse cx="{x:.1f}" cy="{y:.1f}" rx="{size * 0.55:.1f}" ry="{size:.1f}" transform="rotate({np.degrees(angle) - 90:.0f} {x:.1f} {y:.1f})"/>'
    return f'<g fill="#5d9549">{drawn}</g>'


def figure() -> str:
    ear = '<path d="M 436 250 C 380 200 350 150 356 112 C 410 116 470 160 496 210 Z" fill="#558d47"/><path d="M 440 232 C 402 196 382 164 380 138 C 418 148 456 180 474 210 Z" fill="#d99b86"/>'
    horn = '<path d="M 540 150 C 520 110 528 66 560 40 C 560 78 580 104 600 128 Z" fill="url(#horn)"/><path d="M 534 118 L 566 100 M 533 94 L 558 80" stroke="#9d7747" stroke-width="3" opacity=".6"/>'
    flip = 'transform="translate(1280 0) scale(-1 1)"'
    lids = "".join(f'<ellipse cx="{x}" cy="304" rx="58" ry="70" fill="#4c8440" opacity=".55"/>' for x in (563, 717))
    return f"""
{ear}<g {flip}>{ear}</g>{horn}<g {flip}>{horn}</g>{rim()}
<path d="M 404 420 C 396 240 500 108 640 108 C 780 108 884 240 876 420 C 880 560 900 660 930 740 L 350 740 C 380 660 400 560 404 420 Z" fill="url(#fur)"/>
<ellipse cx="640" cy="720" rx="150" ry="120" fill="#a9cf83" opacity=".55" filter="url(#blur12)"/>
{tufts(4, 120, "#3f7340", 0.5)}{tufts(6, 90, "#a5d27f", 0.55)}
<path d="M 600 112 C 606 84 622 70 632 92 C 640 62 660 74 656 98 C 672 82 686 94 678 116 Z" fill="#6fab55"/>
{lids}
<ellipse cx="640" cy="434" rx="142" ry="98" fill="url(#muzzle)"/>
<ellipse cx="520" cy="392" rx="40" ry="28" fill="url(#blush)"/><ellipse cx="760" cy="392" rx="40" ry="28" fill="url(#blush)"/>
<path d="M 614 366 C 620 352 660 352 666 366 C 668 384 652 396 640 398 C 628 396 612 384 614 366 Z" fill="#4b3327"/><ellipse cx="631" cy="366" rx="9" ry="5" fill="#8d6d5b" opacity=".8"/>
<path d="M 640 398 L 640 416" stroke="#7c5c3c" stroke-width="4" stroke-linecap="round" opacity=".7"/>
<path d="M 508 244 C 530 222 576 218 604 238" fill="none" stroke="#2f5a33" stroke-width="11" stroke-linecap="round"/><path d="M 772 244 C 750 222 704 218 676 238" fill="none" stroke="#2b532f" stroke-width="11" stroke-linecap="round"/>
{eye_svg(EYES[0], "eye0", IRIS, white="#fdf8ea", lash="#24401f", edge="#3f6b38")}{eye_svg(EYES[1], "eye1", IRIS, white="#f9f2e0", lash="#24401f", edge="#3f6b38")}
<path d="{path(SEAM, close=False)}" fill="none" stroke="#6b452c" stroke-width="4.5" stroke-linecap="round"/>
<path d="M 552 416 C 552 424 556 430 564 430 M 728 416 C 728 424 724 430 716 430" fill="none" stroke="#6b452c" stroke-width="4" stroke-linecap="round"/>
"""


FACE = DrawnFace(
    seam=SEAM,
    lip_upper=LIP_UPPER,
    lip_lower=LIP_LOWER,
    nose_base_y=404,
    jaw=JAW,
    eyes=EYES,
    brows=(((556, 234), (72, 34)), ((724, 234), (72, 34))),
    head=(640, 350, 220, 240),
    pivot_y=600,
    cavity=(92, 30, 36),
    tongue=(206, 96, 96),
    teeth=(253, 246, 226),
    gain=0.72,
    style="object",
    shade=0.15,
)


def main() -> None:
    write(Path(__file__).parent, FACE, figure=figure(), background=background(), definitions=DEFINITIONS)


if __name__ == "__main__":
    main()
