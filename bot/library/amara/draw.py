"""Draws Amara, who helps with meetings. python -m bot.library.amara.draw"""

# ruff: noqa: E501 - a drawing's paths are not prose

from __future__ import annotations

from pathlib import Path

import numpy as np

from bot.library.drawing import Curve, DrawnEye, DrawnFace, eye_svg, mirrored, path, write

JAW: Curve = [(524, 330), (526, 372), (545, 408), (570, 434), (596, 460), (616, 471), (640, 471),
              (664, 471), (684, 460), (710, 434), (735, 408), (754, 372), (756, 330)]  # fmt: skip
SKULL: Curve = [(756, 330), (764, 240), (720, 150), (640, 150), (560, 150), (516, 240), (524, 330)]
SEAM: Curve = [(590, 405), (606, 411), (626, 412), (640, 413), (654, 412), (674, 411), (690, 405)]
LIP_UPPER: Curve = [(590, 405), (604, 398), (622, 390), (631, 390.5), (636, 391), (637, 393.5), (640, 393.5),
                    (643, 393.5), (644, 391), (649, 390.5), (658, 390), (676, 398), (690, 405)]  # fmt: skip
LIP_LOWER: Curve = [(590, 405), (602, 424), (620, 435), (640, 435), (660, 435), (678, 424), (690, 405)]
UPPER: Curve = [(551, 306), (562, 284), (596, 283), (612, 309)]
LOWER: Curve = [(551, 306), (566, 324), (598, 325), (612, 309)]
BROW: Curve = [(541, 262), (556, 246), (586, 243), (612, 254), (614, 258), (613, 263), (609, 264),
               (586, 254), (562, 256), (541, 262)]  # fmt: skip
EYES = (
    DrawnEye(upper=UPPER, lower=LOWER, iris=(581.5, 303), radius=15.5, lash=6.5, lid=13),
    DrawnEye(upper=mirrored(UPPER), lower=mirrored(LOWER), iris=(698.5, 303), radius=15.5, lash=6.5, lid=13),
)
IRIS = (
    '<circle r="15.5" fill="#4a2a18"/><circle r="14" fill="none" stroke="#2c170c" stroke-width="2.5"/>'
    '<circle r="7" fill="#120a07"/><circle cx="-4.5" cy="-5" r="3.6" fill="#fff"/><circle cx="5" cy="5" r="1.8" fill="#fff" opacity=".7"/>'
)
DEFINITIONS = """
<linearGradient id="skin" x1="0" y1="0" x2="1" y2=".3"><stop offset="0" stop-color="#a8714c"/><stop offset=".6" stop-color="#955f3d"/><stop offset="1" stop-color="#7a4a2f"/></linearGradient>
<linearGradient id="neck" x1="0" y1="0" x2="1" y2=".2"><stop offset="0" stop-color="#8b5838"/><stop offset="1" stop-color="#6d4229"/></linearGradient>
<linearGradient id="coat" x1="0" y1="0" x2="1" y2=".8"><stop offset="0" stop-color="#6d5bd0"/><stop offset="1" stop-color="#44369a"/></linearGradient>
<linearGradient id="knit" x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color="#f3b64c"/><stop offset="1" stop-color="#d98f2b"/></linearGradient>
<linearGradient id="wall" x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color="#d7ecec"/><stop offset=".6" stop-color="#a9d0d2"/><stop offset="1" stop-color="#78acb4"/></linearGradient>
<radialGradient id="hair" cx=".36" cy=".3" r=".8"><stop offset="0" stop-color="#4a3230"/><stop offset=".6" stop-color="#2c1d20"/><stop offset="1" stop-color="#1c1216"/></radialGradient>
<radialGradient id="blush"><stop offset="0" stop-color="#c9583f" stop-opacity=".32"/><stop offset="1" stop-color="#c9583f" stop-opacity="0"/></radialGradient>
<linearGradient id="upperlip" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#a34b4b"/><stop offset="1" stop-color="#8a393d"/></linearGradient>
<linearGradient id="lowerlip" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#a2474c"/><stop offset=".5" stop-color="#bd6563"/><stop offset="1" stop-color="#a04c4c"/></linearGradient>
"""


def background() -> str:
    """An office wall out of focus: shelves with books, a round window of light, a plant."""
    rng = np.random.default_rng(11)
    colours = ("#e8744f", "#f2c14e", "#5b7fb5", "#3f9c8f", "#efe6d5", "#c95f75", "#7b68c8")
    books = ""
    for shelf, y in enumerate((150, 350, 550)):
        for left, right in ((40, 380), (930, 1250)):
            x = left + 12.0
            while x < right - 40:
                width, height = rng.uniform(16, 34), rng.uniform(80, 138)
                if rng.random() < 0.82:
                    books += f'<rect x="{x:.0f}" y="{y - height:.0f}" width="{width:.0f}" height="{height:.0f}" rx="3" fill="{rng.choice(colours)}" opacity=".9"/>'
                x += width + 2
            books += f'<rect x="{left}" y="{y}" width="{right - left}" height="13" fill="#8d6a4a"/>'
        if shelf == 2:
            books += '<rect x="300" y="505" width="46" height="45" rx="6" fill="#d8795a"/><g fill="#4f9268"><ellipse cx="305" cy="470" rx="14" ry="44" transform="rotate(-24 305 470)"/><ellipse cx="325" cy="460" rx="14" ry="50"/><ellipse cx="347" cy="470" rx="14" ry="44" transform="rotate(24 347 470)"/></g>'
    return (
        '<rect width="1280" height="720" fill="url(#wall)"/><ellipse cx="640" cy="260" rx="330" ry="300" fill="#f4fbf7" opacity=".65" filter="url(#blur22)"/>'
        f'<g filter="url(#blur6)">{books}</g>'
    )


def curls(seed: int, count: int, ring: float, size: tuple[float, float], top: float, colour: str) -> str:
    rng = np.random.default_rng(seed)
    drawn = ""
    for n in range(count):
        angle = np.pi * (1.06 + 0.0) - (2 * np.pi - 1.9) * 0 + np.linspace(-0.62, np.pi + 0.62, count)[n] - np.pi * 1.06
        x, y = 640 + ring * 1.04 * np.cos(angle + np.pi), top + ring * np.sin(angle + np.pi)
        drawn += f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{rng.uniform(*size):.1f}" fill="{colour}"/>'
    return drawn


def hair_back() -> str:
    return (
        '<ellipse cx="640" cy="250" rx="196" ry="192" fill="url(#hair)"/>' + curls(3, 34, 186, (24, 36), 252, "#241719")
        + curls(5, 26, 150, (22, 34), 246, "#2e1f21") + curls(8, 22, 168, (6, 13), 244, "#4b3431")
    )  # fmt: skip


def body() -> str:
    return """
<path d="M 592 420 C 594 480 594 512 574 540 C 600 600 680 600 706 540 C 686 512 686 480 688 420 Z" fill="url(#neck)"/>
<path d="M 594 452 C 612 492 664 496 688 452 L 688 430 L 592 430 Z" fill="#4e2d1b" opacity=".5" filter="url(#blur6)"/>
<path d="M 578 520 C 560 530 556 552 566 568 C 600 600 680 600 714 568 C 724 552 720 530 702 520 C 690 548 590 548 578 520 Z" fill="url(#knit)"/>
<path d="M 574 556 C 520 572 430 590 388 630 C 358 664 348 700 344 730 L 936 730 C 932 700 922 664 892 630 C 850 590 760 572 706 556 C 690 596 590 596 574 556 Z" fill="url(#knit)"/>
<path d="M 556 562 C 500 578 424 596 388 630 C 358 664 348 700 344 730 L 588 730 C 574 670 556 620 556 562 Z" fill="url(#coat)"/>
<path d="M 724 562 C 780 578 856 596 892 630 C 922 664 932 700 936 730 L 692 730 C 706 670 724 620 724 562 Z" fill="url(#coat)"/>
<path d="M 556 562 C 534 590 528 620 536 646 L 562 652 L 552 676 L 590 730 C 574 670 556 620 556 562 Z" fill="#7f6fe0"/>
<path d="M 724 562 C 746 590 752 620 744 646 L 718 652 L 728 676 L 690 730 C 706 670 724 620 724 562 Z" fill="#5b4bbd"/>
<path d="M 602 560 C 626 570 654 570 678 560 M 606 548 C 628 556 652 556 674 548" fill="none" stroke="#b9761f" stroke-width="2.5" opacity=".5"/>
"""


def face() -> str:
    outline = path(JAW, SKULL)
    return f"""
<ellipse cx="521" cy="330" rx="15" ry="28" fill="#8d5938"/><ellipse cx="759" cy="330" rx="15" ry="28" fill="#714428"/>
<circle cx="513" cy="378" r="20" fill="none" stroke="#e9b94a" stroke-width="5"/><circle cx="767" cy="378" r="20" fill="none" stroke="#cf9c33" stroke-width="5"/>
<path d="{outline}" fill="url(#skin)"/><clipPath id="faceclip"><path d="{outline}"/></clipPath>
<g clip-path="url(#faceclip)">
 <path d="M 775 190 C 742 300 742 400 690 480 L 800 480 L 800 190 Z" fill="#53301d" opacity=".4" filter="url(#blur12)"/>
 <path d="M 500 270 C 550 205 600 190 640 190 C 690 190 740 212 780 270 L 790 120 L 490 120 Z" fill="#4b2a1a" opacity=".55" filter="url(#blur6)"/>
 <ellipse cx="557" cy="366" rx="44" ry="32" fill="url(#blush)"/><ellipse cx="723" cy="366" rx="44" ry="32" fill="url(#blush)"/>
 <ellipse cx="618" cy="236" rx="52" ry="22" fill="#c68d64" opacity=".55" filter="url(#blur12)"/>
 <ellipse cx="638" cy="458" rx="24" ry="8" fill="#bb835a" opacity=".6" filter="url(#blur6)"/>
 <path d="M 614 446 C 630 451 650 451 666 446" fill="none" stroke="#5b3420" stroke-width="5" opacity=".4" filter="url(#blur3)"/>
</g>
<path d="M 654 300 C 658 330 668 346 668 362 C 660 374 648 375 640 374 C 652 366 654 340 650 300 Z" fill="#65391f" opacity=".5" filter="url(#blur3)"/>
<ellipse cx="634" cy="340" rx="6" ry="22" fill="#c48d66" opacity=".6" filter="url(#blur3)"/>
<path d="M 618 366 C 622 373 631 373 635 371 M 645 371 C 649 373 658 373 662 366" fill="none" stroke="#4b2816" stroke-width="3" stroke-linecap="round"/>
<path d="M 612 363 C 609 355 612 349 617 347 M 668 363 C 671 355 668 349 663 347" fill="none" stroke="#5b331d" stroke-width="2" stroke-linecap="round" opacity=".7"/>
<path d="{path(BROW)}" fill="#22150f"/><path d="{path(mirrored(BROW))}" fill="#1d120d"/>
<path d="M 550 290 C 562 271 596 270 611 292" fill="none" stroke="#5b341f" stroke-width="2.2" opacity=".7"/><path d="M 730 290 C 718 271 684 270 669 292" fill="none" stroke="#4e2b19" stroke-width="2.2" opacity=".7"/>
{eye_svg(EYES[0], "eye0", IRIS, white="#f4ede6", lash="#1d110c", edge="#4e2b19")}{eye_svg(EYES[1], "eye1", IRIS, white="#efe6de", lash="#1d110c", edge="#4e2b19")}
<path d="{path(LIP_UPPER, SEAM[::-1])}" fill="url(#upperlip)"/><path d="{path(SEAM, LIP_LOWER[::-1])}" fill="url(#lowerlip)"/>
<ellipse cx="634" cy="425" rx="19" ry="4" fill="#df9a90" opacity=".6" filter="url(#blur3)"/>
<path d="{path(SEAM, close=False)}" fill="none" stroke="#501f24" stroke-width="2.3" stroke-linecap="round"/>
"""


def hair_front() -> str:
    return """
<path d="M 526 286 C 512 220 548 150 640 148 C 732 150 768 220 754 286 C 748 240 724 206 690 196 C 660 206 600 206 586 198 C 556 208 532 240 526 286 Z" fill="#2a1b1d"/>
<g fill="#2f2022"><circle cx="548" cy="214" r="20"/><circle cx="576" cy="196" r="21"/><circle cx="608" cy="186" r="21"/><circle cx="642" cy="184" r="21"/><circle cx="676" cy="188" r="21"/><circle cx="706" cy="200" r="20"/><circle cx="732" cy="220" r="19"/><circle cx="533" cy="240" r="15"/><circle cx="747" cy="244" r="15"/></g>
<g fill="#4d3735" opacity=".75"><circle cx="568" cy="170" r="8"/><circle cx="600" cy="152" r="10"/><circle cx="640" cy="140" r="9"/><circle cx="560" cy="130" r="10"/><circle cx="610" cy="108" r="9"/><circle cx="520" cy="180" r="9"/></g>
"""


FACE = DrawnFace(
    seam=SEAM,
    lip_upper=LIP_UPPER,
    lip_lower=LIP_LOWER,
    nose_base_y=376,
    jaw=JAW[3:-3],
    eyes=EYES,
    brows=(((579, 253), (60, 24)), ((701, 253), (60, 24))),
    head=(640, 292, 128, 184),
    pivot_y=492,
    cavity=(64, 18, 22),
    tongue=(168, 74, 76),
    teeth=(250, 244, 234),
)


def main() -> None:
    write(Path(__file__).parent, FACE, figure=hair_back() + body() + face() + hair_front(),
          background=background(), definitions=DEFINITIONS)  # fmt: skip


if __name__ == "__main__":
    main()
