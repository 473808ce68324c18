"""Draws Iris: the still, and the record the portrait engine animates it by. Run by hand after a change of the drawing.

python bot/library/iris/draw.py     writes portrait.png and record/ beside this file (needs Chromium)

The drawing is an SVG built from the curves below, so the record's curves are the drawn ones, not measured ones.
Coordinates are units of a 1280x720 picture; the files are made at twice that size.
"""

# ruff: noqa: E501 - a drawing's paths are not prose

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).parent
WIDTH, HEIGHT, SCALE = 1280, 720, 2
MIDDLE_X = 640.0

Point = tuple[float, float]
Curve = list[Point]  # one or more cubic Béziers end to end: 1 + 3 n points


def mirrored(curve: Curve) -> Curve:
    return [(2 * MIDDLE_X - x, y) for x, y in curve]


def sampled(curve: Curve, per_piece: int = 16) -> NDArray[np.float64]:
    """Points along the curve, (n, 2)."""
    points = []
    for start in range(0, len(curve) - 1, 3):
        p0, p1, p2, p3 = (np.array(p, np.float64) for p in curve[start : start + 4])
        t = np.linspace(0, 1, per_piece + 1)[:, None]
        piece = (1 - t) ** 3 * p0 + 3 * (1 - t) ** 2 * t * p1 + 3 * (1 - t) * t**2 * p2 + t**3 * p3
        points.append(piece if start == 0 else piece[1:])
    return np.concatenate(points)


def path(curve: Curve, *more: Curve, close: bool = True) -> str:
    """SVG path data: `more` curves are drawn on without lifting the pen."""

    def pieces(curve: Curve) -> str:
        return " ".join(
            f"C {' '.join(f'{x:.2f} {y:.2f}' for x, y in curve[i : i + 3])}" for i in range(1, len(curve), 3)
        )

    data = f"M {curve[0][0]:.2f} {curve[0][1]:.2f} {pieces(curve)}"
    for extra in more:
        data += f" L {extra[0][0]:.2f} {extra[0][1]:.2f} {pieces(extra)}"
    return data + (" Z" if close else "")


# The curves the record needs as well. The left eye is the one at the picture's left.
JAW: Curve = [(517, 268), (515, 334), (521, 376), (546, 414), (567, 446), (604, 477), (640, 477),
              (676, 477), (713, 446), (734, 414), (759, 376), (765, 334), (763, 268)]  # fmt: skip
SKULL: Curve = [(763, 268), (763, 168), (712, 118), (640, 118), (568, 118), (517, 168), (517, 268)]
EYE_UPPER: Curve = [(550, 301), (560, 281.5), (597, 279.5), (610.5, 307)]
EYE_LOWER: Curve = [(550, 301), (561, 319.5), (597, 320.5), (610.5, 307)]
EYE_CREASE: Curve = [(549, 288), (560, 270), (594, 268), (608, 288)]
IRIS_CENTRE, IRIS_RADIUS = (580.5, 299.8), 15.6
LASH_HEIGHT = 7.4
SEAM: Curve = [(594, 402), (610, 410.5), (627, 410.5), (640, 412.5), (653, 410.5), (670, 410.5), (686, 402)]
LIP_UPPER: Curve = [
    (594, 402), (610, 399.5), (625, 395.8), (633, 396.5), (637, 397), (638, 398.6), (640, 398.6),
    (642, 398.6), (643, 397), (647, 396.5), (655, 395.8), (670, 399.5), (686, 402),
]  # fmt: skip
LIP_LOWER: Curve = [(594, 402), (605, 416), (619, 428), (640, 428), (661, 428), (675, 416), (686, 402)]
BROW: Curve = [
    (540, 263), (552, 248), (580, 241.5), (608, 250.5), (613.5, 252.5), (613, 259.5), (608, 258.5),
    (582, 250), (560, 253), (540, 263),
]  # fmt: skip
NOSE_BASE_Y = 371.0

DEFINITIONS = """
<filter id="blur3" x="-50%" y="-50%" width="200%" height="200%"><feGaussianBlur stdDeviation="3"/></filter>
<filter id="blur6" x="-50%" y="-50%" width="200%" height="200%"><feGaussianBlur stdDeviation="6"/></filter>
<filter id="blur12" x="-50%" y="-50%" width="200%" height="200%"><feGaussianBlur stdDeviation="12"/></filter>
<filter id="blur22" x="-50%" y="-50%" width="200%" height="200%"><feGaussianBlur stdDeviation="22"/></filter>
<linearGradient id="air" x1="0" y1="0" x2="1" y2="1">
 <stop offset="0" stop-color="#fff3d6"/><stop offset=".45" stop-color="#dfe3bd"/><stop offset="1" stop-color="#93ab86"/>
</linearGradient>
<linearGradient id="skin" x1="0" y1="0" x2="1" y2=".25">
 <stop offset="0" stop-color="#f9d2b0"/><stop offset=".55" stop-color="#f3c29c"/><stop offset="1" stop-color="#e2a781"/>
</linearGradient>
<linearGradient id="neck" x1="0" y1="0" x2="1" y2=".2">
 <stop offset="0" stop-color="#eab892"/><stop offset="1" stop-color="#d1936e"/>
</linearGradient>
<radialGradient id="blush"><stop offset="0" stop-color="#ea8069" stop-opacity=".42"/>
 <stop offset="1" stop-color="#ea8069" stop-opacity="0"/></radialGradient>
<linearGradient id="hair" x1=".1" y1="0" x2=".9" y2="1">
 <stop offset="0" stop-color="#9a5733"/><stop offset=".5" stop-color="#7b4127"/><stop offset="1" stop-color="#552a1c"/>
</linearGradient>
<linearGradient id="hairback" x1="0" y1="0" x2="1" y2="1">
 <stop offset="0" stop-color="#6d3a24"/><stop offset="1" stop-color="#452117"/>
</linearGradient>
<linearGradient id="scarf" x1="0" y1="0" x2="1" y2="1">
 <stop offset="0" stop-color="#f0b84f"/><stop offset="1" stop-color="#d68f33"/>
</linearGradient>
<linearGradient id="apron" x1="0" y1="0" x2="1" y2="1">
 <stop offset="0" stop-color="#4f8560"/><stop offset="1" stop-color="#2f5a43"/>
</linearGradient>
<linearGradient id="shirt" x1="0" y1="0" x2="1" y2=".6">
 <stop offset="0" stop-color="#fbf4e6"/><stop offset=".6" stop-color="#efe0c8"/><stop offset="1" stop-color="#d8c3a4"/>
</linearGradient>
<radialGradient id="iris" cx=".5" cy=".62" r=".6">
 <stop offset="0" stop-color="#9cb46a"/><stop offset=".55" stop-color="#6d8d4c"/><stop offset="1" stop-color="#35502f"/>
</radialGradient>
<linearGradient id="white" x1="0" y1="0" x2="0" y2="1">
 <stop offset="0" stop-color="#dcd3cb"/><stop offset=".45" stop-color="#fbf7f2"/><stop offset="1" stop-color="#f6ece4"/>
</linearGradient>
<linearGradient id="upperlip" x1="0" y1="0" x2="0" y2="1">
 <stop offset="0" stop-color="#d9877a"/><stop offset="1" stop-color="#bf675f"/>
</linearGradient>
<linearGradient id="lowerlip" x1="0" y1="0" x2="0" y2="1">
 <stop offset="0" stop-color="#d07a70"/><stop offset=".5" stop-color="#e2968a"/><stop offset="1" stop-color="#cf7d70"/>
</linearGradient>
"""


def leaf(x: float, y: float, length: float, angle: float, colour: str) -> str:
    half = length * 0.28
    shape = f"M 0 0 C {length * 0.25} {-half} {length * 0.75} {-half} {length} 0 C {length * 0.75} {half} {length * 0.25} {half} 0 0 Z"
    return f'<path d="{shape}" fill="{colour}" transform="translate({x} {y}) rotate({angle})"/>'


def background() -> str:
    """A greenhouse out of focus: panes, warm light from the left, leaves at both sides."""
    panes = "".join(
        f'<rect x="{x}" y="-20" width="9" height="560" fill="#f7f4e6" opacity=".75"/>' for x in range(70, 1280, 190)
    )
    panes += "".join(f'<rect x="-20" y="{y}" width="1320" height="7" fill="#f7f4e6" opacity=".6"/>' for y in (120, 330))
    rng = np.random.default_rng(4)
    lights = "".join(
        f'<circle cx="{rng.uniform(0, 1280):.0f}" cy="{rng.uniform(0, 430):.0f}" r="{rng.uniform(14, 44):.0f}" '
        f'fill="{rng.choice(["#fff7da", "#f3efc0", "#d7e6b4"])}" opacity="{rng.uniform(0.18, 0.5):.2f}"/>'
        for _ in range(34)
    )
    far = "".join(
        leaf(
            rng.uniform(-40, 1320),
            rng.uniform(430, 760),
            rng.uniform(90, 190),
            rng.uniform(-150, -30),
            str(rng.choice(["#7fa06a", "#6b9160", "#94b079"])),
        )
        for _ in range(70)
    )
    near = ""
    for base_x in (60, 235, 1060, 1235):
        for _ in range(13):
            angle = rng.uniform(-150, -30)
            near += leaf(
                base_x + rng.normal(0, 46),
                rng.uniform(520, 700),
                rng.uniform(130, 250),
                angle,
                str(rng.choice(["#47794f", "#5b8d58", "#39694a", "#6d9c5c"])),
            )
    pots = '<rect x="-10" y="655" width="330" height="80" fill="#b4643f"/><rect x="985" y="655" width="310" height="80" fill="#a65a39"/>'
    return f"""
<rect width="1280" height="720" fill="url(#air)"/>
<g filter="url(#blur6)">{panes}</g><ellipse cx="250" cy="90" rx="420" ry="260" fill="#fffbe9" opacity=".75" filter="url(#blur22)"/>
<g filter="url(#blur12)">{far}</g><g filter="url(#blur6)">{lights}</g><g filter="url(#blur12)">{near}{pots}</g>
"""


def body() -> str:
    return """
<path d="M 586 420 C 588 480 590 520 566 545 C 600 600 680 600 714 545 C 690 520 692 480 694 420 Z" fill="url(#neck)"/>
<clipPath id="neckclip"><path d="M 586 420 C 588 480 590 520 566 545 C 600 600 680 600 714 545 C 690 520 692 480 694 420 Z"/></clipPath>
<g clip-path="url(#neckclip)"><path d="M 560 440 C 590 520 650 530 730 440 L 730 400 L 560 400 Z" fill="#a9653f" opacity=".55" filter="url(#blur6)"/></g>
<path d="M 566 543 C 520 566 430 585 394 626 C 366 660 356 700 350 730 L 930 730 C 924 700 914 660 886 626 C 850 585 760 566 714 543 C 690 600 590 600 566 543 Z" fill="url(#shirt)"/>
<path d="M 430 730 C 428 690 424 664 414 640" fill="none" stroke="#cdb694" stroke-width="4" stroke-linecap="round" opacity=".8"/>
<path d="M 850 730 C 852 690 856 664 866 640" fill="none" stroke="#b99f7b" stroke-width="4" stroke-linecap="round" opacity=".8"/>
<path d="M 492 576 L 530 562 C 540 610 548 640 560 668 L 720 668 C 732 640 740 610 750 562 L 788 576 C 778 640 772 690 774 730 L 506 730 C 508 690 502 640 492 576 Z" fill="#7a6a4c" opacity=".35" filter="url(#blur3)" transform="translate(3 5)"/>
<path d="M 492 576 L 530 562 C 538 610 546 640 556 664 C 600 676 680 676 724 664 C 734 640 742 610 750 562 L 788 576 C 778 640 776 690 778 730 L 502 730 C 504 690 502 640 492 576 Z" fill="url(#apron)"/>
<path d="M 560 676 C 602 687 678 687 720 676" fill="none" stroke="#86b38d" stroke-width="2" stroke-dasharray="7 5" opacity=".8"/>
<circle cx="529" cy="668" r="7" fill="#d9b36a"/><circle cx="751" cy="668" r="7" fill="#c89d55"/>
<circle cx="527" cy="666" r="2.5" fill="#f5deab"/><circle cx="749" cy="666" r="2.5" fill="#ecd197"/>
<path d="M 566 541 C 548 552 536 560 526 574 C 544 604 572 622 600 632 C 614 612 632 596 640 584 C 606 580 580 566 566 541 Z" fill="#fffaf0" stroke="#d9c6a6" stroke-width="1.5"/>
<path d="M 714 541 C 732 552 744 560 754 574 C 736 604 708 622 680 632 C 666 612 648 596 640 584 C 674 580 700 566 714 541 Z" fill="#f6ead6" stroke="#c9b391" stroke-width="1.5"/>
"""


def eye(number: int) -> str:
    """One eye; the right one is the left one mirrored, but for the light in it."""
    turn = (lambda curve: curve) if number == 0 else mirrored
    upper, lower, crease = turn(EYE_UPPER), turn(EYE_LOWER), turn(EYE_CREASE)
    x = IRIS_CENTRE[0] if number == 0 else 2 * MIDDLE_X - IRIS_CENTRE[0]
    y, radius = IRIS_CENTRE[1], IRIS_RADIUS
    outer_x, outer_y = upper[0]
    out = -1 if number == 0 else 1
    thick = [(x, y - rise) for (x, y), rise in zip(upper, (1.6, 6.6, 5.6, 0.3), strict=True)]
    flick = f"M {outer_x + out * 7.5:.1f} {outer_y - 7.5:.1f} C {outer_x + out * 4:.1f} {outer_y - 4.5:.1f} {outer_x + out:.1f} {outer_y - 3.5:.1f} {outer_x - out * 3:.1f} {outer_y - 7:.1f} L {outer_x - out * 2.5:.1f} {outer_y - 0.5:.1f} C {outer_x + out * 2:.1f} {outer_y - 0.5:.1f} {outer_x + out * 5:.1f} {outer_y - 3:.1f} {outer_x + out * 7.5:.1f} {outer_y - 7.5:.1f} Z"
    lash = f"{path(thick, upper[::-1])} {flick}"
    return f"""
<clipPath id="eye{number}"><path d="{path(upper, lower[::-1])}"/></clipPath>
<path d="{path(crease, close=False)}" fill="none" stroke="#b9774f" stroke-width="2.2" stroke-linecap="round" opacity=".65"/>
<path d="{path(upper, lower[::-1])}" fill="url(#white)"/>
<g clip-path="url(#eye{number})">
 <circle cx="{x}" cy="{y}" r="{radius}" fill="url(#iris)"/>
 <circle cx="{x}" cy="{y}" r="{radius - 0.9}" fill="none" stroke="#2c4128" stroke-width="1.8" opacity=".8"/>
 <circle cx="{x}" cy="{y}" r="7.2" fill="#1f1a17"/>
 <ellipse cx="{x + 1.5}" cy="{y + 8.2}" rx="6.5" ry="3.6" fill="#c3d68f" opacity=".5"/>
 <path d="{path(upper, close=False)}" fill="none" stroke="#6b4434" stroke-width="11" opacity=".3" filter="url(#blur3)"/>
 <circle cx="{x - 4.4}" cy="{y - 4.6}" r="3.6" fill="#fff"/><circle cx="{x + 4.6}" cy="{y + 4.4}" r="1.7" fill="#fff" opacity=".8"/>
</g>
<path d="{path(lower, close=False)}" fill="none" stroke="#a9674c" stroke-width="1.5" stroke-linecap="round" opacity=".8"/>
<path d="{lash}" fill="#3b211a"/>
"""


def face() -> str:
    outline = path(JAW, SKULL)
    freckles = "".join(
        f'<circle cx="{MIDDLE_X + side * dx}" cy="{y}" r="1.5" fill="#b9714c" opacity=".45"/>'
        for side in (-1, 1)
        for dx, y in ((52, 347), (61, 354), (70, 346), (79, 353), (45, 356), (67, 362))
    )
    return f"""
<g><ellipse cx="511" cy="318" rx="17" ry="31" fill="#efbb94"/><path d="M 503 300 C 512 296 518 308 512 320 C 508 328 512 334 515 338" fill="none" stroke="#c98a63" stroke-width="3" stroke-linecap="round"/>
<ellipse cx="769" cy="318" rx="17" ry="31" fill="#d99f78"/><path d="M 777 300 C 768 296 762 308 768 320 C 772 328 768 334 765 338" fill="none" stroke="#b3744f" stroke-width="3" stroke-linecap="round"/>
<circle cx="507" cy="351" r="5" fill="#e8bb4f"/><circle cx="505.500" cy="349.500" r="1.800" fill="#fff3c9"/><circle cx="773" cy="351" r="5" fill="#d7a53e"/><circle cx="771.500" cy="349.500" r="1.800" fill="#fbe7b3"/></g>
<path d="{outline}" fill="url(#skin)"/>
<clipPath id="faceclip"><path d="{outline}"/></clipPath>
<g clip-path="url(#faceclip)">
 <path d="M 770 200 C 742 300 748 390 690 470 L 790 480 L 790 200 Z" fill="#c9855d" opacity=".35" filter="url(#blur12)"/>
 <path d="M 505 250 C 540 200 600 170 650 168 C 710 170 750 210 775 260 L 790 120 L 490 120 Z" fill="#a9623d" opacity=".38" filter="url(#blur6)"/>
 <ellipse cx="556" cy="362" rx="46" ry="34" fill="url(#blush)"/><ellipse cx="724" cy="362" rx="46" ry="34" fill="url(#blush)"/>
 <ellipse cx="612" cy="220" rx="60" ry="26" fill="#ffe6cd" opacity=".5" filter="url(#blur12)"/>
 <ellipse cx="636" cy="462" rx="26" ry="9" fill="#ffdfc4" opacity=".45" filter="url(#blur6)"/>
 <path d="M 612 440 C 628 447 652 447 668 440" fill="none" stroke="#c98a66" stroke-width="5" opacity=".35" filter="url(#blur3)"/>
</g>
<path d="M 652 300 C 656 330 664 346 662 360 C 656 372 646 374 640 373 C 650 366 652 340 648 300 Z" fill="#cf8c66" opacity=".42" filter="url(#blur3)"/>
<ellipse cx="635" cy="342" rx="6" ry="20" fill="#ffe9d6" opacity=".55" filter="url(#blur3)"/>
<path d="M 622 366 C 626 372 632 372 635 370 M 645 370 C 648 372 654 372 658 366" fill="none" stroke="#b26a4b" stroke-width="2.600" stroke-linecap="round"/>
<path d="M 617 362 C 615 355 618 350 622 348 M 663 362 C 665 355 662 350 658 348" fill="none" stroke="#c98a66" stroke-width="1.800" stroke-linecap="round" opacity=".7"/>
{freckles}
<path d="{path(BROW)}" fill="#7a452c"/><path d="{path(mirrored(BROW))}" fill="#714029"/>
{eye(0)}{eye(1)}
<path d="M 632 379 C 634 386 646 386 648 379" fill="none" stroke="#d4946f" stroke-width="4" opacity=".4" filter="url(#blur3)"/>
<path d="{path(LIP_UPPER, SEAM[::-1])}" fill="url(#upperlip)"/>
<path d="{path(SEAM, LIP_LOWER[::-1])}" fill="url(#lowerlip)"/>
<ellipse cx="634" cy="419" rx="17" ry="3.600" fill="#f6c3b6" opacity=".75" filter="url(#blur3)"/>
<path d="{path(SEAM, close=False)}" fill="none" stroke="#8c3f3d" stroke-width="2.200" stroke-linecap="round"/>
<path d="M 590.5 399.5 C 591 402 592.5 403.500 595.500 403.800 M 689.5 399.5 C 689 402 687.5 403.500 684.500 403.800" fill="none" stroke="#a9604a" stroke-width="2" stroke-linecap="round" opacity=".7"/>
<path d="M 612 436 C 630 440.500 650 440.500 668 436" fill="none" stroke="#b9714f" stroke-width="4" opacity=".35" filter="url(#blur3)"/>
"""


def hair_back() -> str:
    return """
<path d="M 640 88 C 540 84 484 150 484 244 C 482 300 486 330 476 376 C 466 420 458 450 470 494 C 478 528 500 560 530 580 L 750 580 C 780 560 802 528 810 494 C 822 450 814 420 804 376 C 794 330 798 300 796 244 C 796 150 740 84 640 88 Z" fill="url(#hairback)"/>
<path d="M 498 330 C 490 390 478 420 488 480 M 512 380 C 504 430 500 460 514 520 M 782 330 C 790 390 802 420 792 480 M 768 380 C 776 430 780 460 766 520" fill="none" stroke="#8f5230" stroke-width="5" stroke-linecap="round" opacity=".4"/>
<path d="M 598 84 C 586 36 614 14 650 16 C 690 18 710 48 694 88 C 670 106 620 106 598 84 Z" fill="url(#hair)"/>
<path d="M 610 76 C 606 46 630 28 656 32 M 626 88 C 628 60 652 48 678 56 M 660 92 C 664 78 676 72 692 72" fill="none" stroke="#b3703f" stroke-width="4" stroke-linecap="round" opacity=".55"/>
"""


def hair_front() -> str:
    strands = "".join(
        f'<path d="{d}" fill="none" stroke="{c}" stroke-width="{w}" stroke-linecap="round" opacity="{o}"/>'
        for d, c, w, o in (
            ("M 596 150 C 560 166 528 196 514 250", "#b9774a", 5, 0.5),
            ("M 604 138 C 556 146 516 178 502 240", "#b3703f", 4, 0.4),
            ("M 610 160 C 580 176 556 192 538 214", "#5b2e1d", 3, 0.4),
            ("M 640 142 C 700 150 742 190 760 250", "#a8663b", 5, 0.45),
            ("M 650 158 C 690 168 716 186 738 214", "#4f2718", 3, 0.4),
            ("M 660 132 C 720 140 764 178 778 236", "#93552f", 4, 0.4),
        )
    )
    return f"""
<path d="M 612 158 C 570 178 536 206 523 262 C 520 284 516 300 508 306 C 494 280 488 236 494 200 C 506 140 560 100 626 102 C 700 96 764 134 784 196 C 794 236 788 280 772 306 C 764 300 760 284 757 262 C 748 214 706 176 612 158 Z" fill="url(#hair)"/>
{strands}
<path d="M 500 186 C 520 128 574 96 640 96 C 706 96 760 128 780 186 C 784 176 782 160 776 150 C 752 98 700 72 640 72 C 580 72 528 98 504 150 C 498 160 496 176 500 186 Z" fill="#3d1c12" opacity=".28" filter="url(#blur3)" transform="translate(0 7)"/>
<path d="M 498 186 C 518 126 574 94 640 94 C 706 94 762 126 782 186 C 788 172 786 158 780 148 C 754 94 700 68 640 68 C 580 68 526 94 500 148 C 494 158 492 172 498 186 Z" fill="url(#scarf)"/>
<path d="M 520 140 C 550 100 596 82 640 82 C 700 82 744 106 764 142" fill="none" stroke="#fbd88b" stroke-width="3" opacity=".7" stroke-linecap="round"/>
<g fill="#fff3d0" opacity=".85"><circle cx="546" cy="118" r="3.500"/><circle cx="580" cy="97" r="3.500"/><circle cx="620" cy="84" r="3.500"/><circle cx="662" cy="85" r="3.500"/><circle cx="702" cy="98" r="3.500"/><circle cx="736" cy="121" r="3.500"/></g>
{leaf(726, 116, 44, -38, "#5d9458")}{leaf(728, 118, 36, 8, "#7bb06a")}
<path d="M 728 116 L 758 93 M 730 118 L 760 122" stroke="#3f7042" stroke-width="1.500" opacity=".7"/>
"""


def figure() -> str:
    return hair_back() + body() + face() + hair_front()


def rendered(inner: str) -> NDArray[np.uint8]:
    """The SVG's pixels, BGRA, straight alpha, by Chromium."""
    from playwright.sync_api import sync_playwright

    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH * SCALE}" height="{HEIGHT * SCALE}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}"><defs>{DEFINITIONS}</defs>{inner}</svg>'
    )
    page_html = f'<body style="margin:0;background:transparent">{svg}</body>'
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH * SCALE, "height": HEIGHT * SCALE})
        page.set_content(page_html)
        shot = page.screenshot(omit_background=True)
        browser.close()
    return np.asarray(cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_UNCHANGED), np.uint8)


def points(curve: Curve, per_piece: int = 16) -> list[list[float]]:
    """The curve's points in pixels of the still, left to right."""
    found = sampled(curve, per_piece) * SCALE
    return [[round(float(x), 2), round(float(y), 2)] for x, y in found[np.argsort(found[:, 0], kind="stable")]]


def record() -> dict[str, Any]:
    """What the renderer knows of the picture. Lengths and points are pixels of the still."""
    eyes = []
    for turn, iris_x in ((lambda c: c, IRIS_CENTRE[0]), (mirrored, 2 * MIDDLE_X - IRIS_CENTRE[0])):
        eyes.append(
            {
                "upper": points(turn(EYE_UPPER)),
                "lower": points(turn(EYE_LOWER)),
                "lash_px": LASH_HEIGHT * SCALE,
                "lid_px": 10.2 * SCALE,
                "skin_px": LASH_HEIGHT * SCALE,
                "iris": [iris_x * SCALE, IRIS_CENTRE[1] * SCALE, IRIS_RADIUS * SCALE],
            }
        )
    brow = sampled(BROW)
    brows = []
    for turn in (lambda x: x, lambda x: 2 * MIDDLE_X - x):
        centre_x = turn(float(brow[:, 0].mean()))
        brows.append(
            {"centre": [centre_x * SCALE, float(brow[:, 1].mean()) * SCALE], "reach": [62 * SCALE, 26 * SCALE]}
        )
    jaw = sampled(JAW)
    chin_y = float(jaw[:, 1].max())
    mouth_box = (590 / WIDTH, 388 / HEIGHT, 100 / WIDTH, 70 / HEIGHT)  # skin and lips only, for measuring
    return {
        "version": 2,
        "style": "drawing",
        "shade": 0.35,
        "plate": "plate.jpg",
        "size": [WIDTH * SCALE, HEIGHT * SCALE],
        "mouth_box": [round(v, 5) for v in mouth_box],
        "mouth": {
            "seam": points(SEAM),
            "upper": points(LIP_UPPER),
            "lower": points(LIP_LOWER),
            "top_y": NOSE_BASE_Y * SCALE,
            "cavity_rgb": [82, 26, 30],
            "tongue_rgb": [190, 88, 88],
            "teeth_rgb": [252, 243, 228],
            "gain": 0.92,
            "wide_gain": 1.0,
            "pucker_gain": 1.0,
            "open_share": 1.0,
            "teeth_at": None,
        },
        "jaw": points(JAW[3:-3]),
        "eyes": eyes,
        "brows": brows,
        "head": {
            "face": [MIDDLE_X * SCALE, 300 * SCALE, 126 * SCALE, 178 * SCALE],
            "pivot": [MIDDLE_X * SCALE, (chin_y + 20) * SCALE],
        },
    }


def main() -> None:
    folder = HERE / "record"
    folder.mkdir(exist_ok=True)
    front = rendered(figure())
    back = rendered(background())[..., :3]
    alpha = front[..., 3:].astype(np.float32) / 255
    still = np.round(front[..., :3] * alpha + back * (1 - alpha)).astype(np.uint8)
    cv2.imwrite(str(HERE / "portrait.png"), still, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    cv2.imwrite(str(folder / "matte.png"), front[..., 3], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    plate = cv2.resize(back, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(folder / "plate.jpg"), plate, [cv2.IMWRITE_JPEG_QUALITY, 92])
    (folder / "record.json").write_text(json.dumps(record(), indent=1) + "\n")


if __name__ == "__main__":
    main()
