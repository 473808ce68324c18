"""Draws Henrik, who mends bicycles. python -m bot.library.henrik.draw"""

# ruff: noqa: E501 - a drawing's paths are not prose

from __future__ import annotations

from pathlib import Path

from bot.library.drawing import Curve, DrawnEye, DrawnFace, eye_svg, mirrored, path, write

JAW: Curve = [(516, 300), (514, 360), (520, 410), (548, 448), (572, 482), (606, 512), (640, 512),
              (674, 512), (708, 482), (732, 448), (760, 410), (766, 360), (764, 300)]  # fmt: skip
SKULL: Curve = [(764, 300), (768, 180), (716, 116), (640, 116), (564, 116), (512, 180), (516, 300)]
BEARD: Curve = [(516, 330), (508, 400), (524, 452), (560, 492), (590, 528), (620, 540), (640, 540),
                (660, 540), (690, 528), (720, 492), (756, 452), (772, 400), (764, 330)]  # fmt: skip
SEAM: Curve = [(600, 416), (612, 419), (628, 420), (640, 420.5), (652, 420), (668, 419), (680, 416)]
LIP_UPPER: Curve = [(600, 416), (612, 412), (626, 409.5), (640, 410.5), (654, 409.5), (668, 412), (680, 416)]
LIP_LOWER: Curve = [(600, 416), (612, 428), (626, 433), (640, 433), (654, 433), (668, 428), (680, 416)]
UPPER: Curve = [(560, 306), (570, 288), (596, 288), (607, 308)]
LOWER: Curve = [(560, 306), (572, 319), (596, 320), (607, 308)]
EYES = (
    DrawnEye(upper=UPPER, lower=LOWER, iris=(583, 304), radius=12, lash=4.2, lid=10),
    DrawnEye(upper=mirrored(UPPER), lower=mirrored(LOWER), iris=(697, 304), radius=12, lash=4.2, lid=10),
)
IRIS = (
    '<circle r="12" fill="#5b8db8"/><circle r="11" fill="none" stroke="#2f587d" stroke-width="2"/><circle r="5.4" fill="#16202a"/>'
    '<circle cx="-3.6" cy="-4" r="2.8" fill="#fff"/>'
)
DEFINITIONS = """
<linearGradient id="skin" x1="0" y1="0" x2="1" y2=".3"><stop offset="0" stop-color="#fbd8bf"/><stop offset=".6" stop-color="#f2c2a2"/><stop offset="1" stop-color="#dda080"/></linearGradient>
<linearGradient id="beard" x1="0" y1="0" x2="1" y2=".6"><stop offset="0" stop-color="#d9d6d0"/><stop offset=".5" stop-color="#bdb9b3"/><stop offset="1" stop-color="#8f8b88"/></linearGradient>
<linearGradient id="shirt" x1="0" y1="0" x2="1" y2=".8"><stop offset="0" stop-color="#3e6f94"/><stop offset="1" stop-color="#264a68"/></linearGradient>
<linearGradient id="bib" x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color="#b0653c"/><stop offset="1" stop-color="#80432a"/></linearGradient>
<linearGradient id="wall" x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color="#f6e6cf"/><stop offset=".6" stop-color="#e3c79f"/><stop offset="1" stop-color="#b9936a"/></linearGradient>
<radialGradient id="blush"><stop offset="0" stop-color="#e2705a" stop-opacity=".45"/><stop offset="1" stop-color="#e2705a" stop-opacity="0"/></radialGradient>
<linearGradient id="lips" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#c9837a"/><stop offset=".5" stop-color="#d8978b"/><stop offset="1" stop-color="#c17c72"/></linearGradient>
"""


def wheel(x: float, y: float, radius: float) -> str:
    spokes = "".join(f'<path d="M 0 0 L {radius} 0" transform="rotate({angle})"/>' for angle in range(0, 360, 20))
    return (
        f'<g transform="translate({x} {y})" fill="none" stroke="#4b3b30"><circle r="{radius}" stroke-width="13"/>'
        f'<circle r="{radius - 11}" stroke="#c8bba8" stroke-width="5"/><g stroke="#94867a" stroke-width="2">{spokes}</g><circle r="9" fill="#4b3b30"/></g>'
    )


def background() -> str:
    """A workshop out of focus: wheels on the wall, tools on a board, a lamp's light."""
    tools = "".join(
        f'<rect x="{x}" y="{y}" width="14" height="{length}" rx="6" fill="{colour}"/><circle cx="{x + 7}" cy="{y}" r="15" fill="{colour}"/>'
        for x, y, length, colour in (
            (905, 190, 120, "#6e7b86"), (960, 210, 92, "#8592a0"), (1010, 190, 130, "#5f6b76"), (1062, 220, 84, "#9aa5ae"),
            (1115, 200, 110, "#6e7b86"), (1170, 190, 124, "#b0543c"),
        )
    )  # fmt: skip
    return (
        '<rect width="1280" height="720" fill="url(#wall)"/><rect x="860" y="130" width="380" height="260" rx="8" fill="#c08a58" filter="url(#blur6)"/>'
        f'<g filter="url(#blur6)">{wheel(190, 250, 150)}{wheel(320, 520, 120)}{tools}</g>'
        '<g filter="url(#blur6)"><rect x="-20" y="600" width="1320" height="26" fill="#8a5a38"/><rect x="-20" y="626" width="1320" height="110" fill="#6f452c"/>'
        '<rect x="930" y="520" width="90" height="80" fill="#b5443a"/><rect x="1040" y="545" width="60" height="55" fill="#3c7f78"/><rect x="1115" y="535" width="100" height="65" fill="#d6a243"/></g>'
        '<ellipse cx="520" cy="120" rx="420" ry="240" fill="#fff5dc" opacity=".55" filter="url(#blur22)"/>'
    )


def body() -> str:
    return """
<path d="M 578 440 L 578 560 C 600 610 680 610 702 560 L 702 440 Z" fill="#d79c7b"/>
<path d="M 560 548 C 500 566 420 584 380 622 C 350 656 340 694 334 730 L 946 730 C 940 694 930 656 900 622 C 860 584 780 566 720 548 C 700 610 580 610 560 548 Z" fill="url(#shirt)"/>
<path d="M 560 546 C 540 560 530 574 524 592 C 556 616 590 628 622 634 C 628 616 632 604 638 594 C 604 588 580 572 560 546 Z" fill="#4c81a8"/><path d="M 720 546 C 740 560 750 574 756 592 C 724 616 690 628 658 634 C 652 616 648 604 642 594 C 676 588 700 572 720 546 Z" fill="#35648a"/>
<path d="M 470 588 L 512 574 C 520 620 530 650 544 672 L 736 672 C 750 650 760 620 768 574 L 810 588 C 800 650 796 694 798 730 L 482 730 C 484 694 480 650 470 588 Z" fill="url(#bib)"/>
<circle cx="524" cy="676" r="8" fill="#e2c27a"/><circle cx="756" cy="676" r="8" fill="#cba85e"/><path d="M 560 690 L 720 690" stroke="#d9a37c" stroke-width="2" stroke-dasharray="7 5"/>
"""


def glasses() -> str:
    return """
<g fill="#ffffff" opacity=".10"><circle cx="583" cy="306" r="43"/><circle cx="697" cy="306" r="43"/></g>
<g fill="none" stroke="#3a3f45" stroke-width="5"><circle cx="583" cy="306" r="43"/><circle cx="697" cy="306" r="43"/><path d="M 626 300 C 632 292 648 292 654 300"/><path d="M 540 302 L 517 296 M 740 302 L 763 296" stroke-linecap="round"/></g>
"""


def face() -> str:
    outline = path(JAW, SKULL)
    strands = "".join(
        f'<path d="M {640 + side * dx} {y} C {640 + side * (dx + 4)} {y + 22} {640 + side * (dx - 2)} {y + 40} {640 + side * (dx - 12)} {y + 56}"/>'
        for side in (-1, 1)
        for dx, y in ((102, 396), (84, 430), (62, 452), (36, 470), (14, 476), (112, 360))
    )
    return f"""
<ellipse cx="512" cy="316" rx="17" ry="32" fill="#efbb9a"/><ellipse cx="768" cy="316" rx="17" ry="32" fill="#d2967a"/>
<path d="M 505 300 C 513 298 518 310 512 322 M 775 300 C 767 298 762 310 768 322" fill="none" stroke="#bf8263" stroke-width="3" stroke-linecap="round"/>
<path d="{outline}" fill="url(#skin)"/><clipPath id="faceclip"><path d="{outline}"/></clipPath>
<g clip-path="url(#faceclip)">
 <path d="M 778 170 C 748 300 748 400 700 500 L 800 500 L 800 170 Z" fill="#c07f5d" opacity=".35" filter="url(#blur12)"/>
 <ellipse cx="606" cy="182" rx="66" ry="34" fill="#fff0e0" opacity=".6" filter="url(#blur12)"/>
 <path d="M 580 216 C 610 210 670 210 700 216 M 590 236 C 616 231 664 231 690 236" fill="none" stroke="#d39c7a" stroke-width="2.4" opacity=".6" stroke-linecap="round"/>
</g>
<path d="M 517 352 C 502 330 496 262 511 226 C 518 212 529 222 527 244 C 522 276 529 306 525 346 Z" fill="#b9b5b0"/><path d="M 763 352 C 778 330 784 262 769 226 C 762 212 751 222 753 244 C 758 276 751 306 755 346 Z" fill="#98948f"/>
<path d="{path(BEARD, close=False)} C 752 372 738 384 716 384 C 690 380 664 386 640 386 C 616 386 590 380 564 384 C 542 384 528 372 516 330 Z" fill="url(#beard)"/>
<g fill="none" stroke="#8e8a86" stroke-width="2.4" stroke-linecap="round" opacity=".55">{strands}</g>
<path d="M 604 440 C 622 450 658 450 676 440 C 668 470 654 480 640 480 C 626 480 612 470 604 440 Z" fill="#a9a5a0" opacity=".6" filter="url(#blur3)"/>
<path d="M 655 300 C 662 332 674 350 672 366 C 664 380 650 382 640 381 C 654 372 656 344 650 300 Z" fill="#c98361" opacity=".45" filter="url(#blur3)"/>
<ellipse cx="632" cy="340" rx="7" ry="22" fill="#fff0e2" opacity=".6" filter="url(#blur3)"/>
<ellipse cx="640" cy="366" rx="25" ry="17" fill="#ecae90"/><ellipse cx="634" cy="361" rx="9" ry="6" fill="#fbdcc8" opacity=".8" filter="url(#blur2)"/>
<path d="M 618 371 C 622 379 632 379 636 376 M 644 376 C 648 379 658 379 662 371" fill="none" stroke="#a9654a" stroke-width="2.6" stroke-linecap="round"/>
<ellipse cx="553" cy="362" rx="34" ry="24" fill="url(#blush)"/><ellipse cx="727" cy="362" rx="34" ry="24" fill="url(#blush)"/>
<path d="M 548 262 C 560 246 590 242 614 252 C 618 256 616 262 612 262 C 592 256 566 258 548 262 Z" fill="#a8a39d"/><path d="M 732 262 C 720 246 690 242 666 252 C 662 256 664 262 668 262 C 688 256 714 258 732 262 Z" fill="#95908a"/>
{eye_svg(EYES[0], "eye0", IRIS, white="#fbf6f1", lash="#5b4133", edge="#b07c61")}{eye_svg(EYES[1], "eye1", IRIS, white="#f6efe8", lash="#5b4133", edge="#a56f55")}
<path d="{path(LIP_UPPER, SEAM[::-1])}" fill="#b9746b"/><path d="{path(SEAM, LIP_LOWER[::-1])}" fill="url(#lips)"/>
<path d="{path(SEAM, close=False)}" fill="none" stroke="#74382f" stroke-width="2.2" stroke-linecap="round"/>
<path d="M 640 388 C 618 380 592 386 576 408 C 572 416 566 420 558 422 C 580 430 608 414 640 409 C 672 414 700 430 722 422 C 714 420 708 416 704 408 C 688 386 662 380 640 388 Z" fill="#cfcbc5"/>
<path d="M 636 392 C 618 392 598 398 584 414 M 644 392 C 662 392 682 398 696 414" fill="none" stroke="#9d9893" stroke-width="2.4" stroke-linecap="round" opacity=".7"/>
"""


FACE = DrawnFace(
    seam=SEAM,
    lip_upper=LIP_UPPER,
    lip_lower=LIP_LOWER,
    nose_base_y=384,
    jaw=JAW[3:-3],
    eyes=EYES,
    brows=(((581, 251), (46, 10)), ((699, 251), (46, 10))),
    head=(640, 318, 128, 202),
    pivot_y=536,
    gain=1.0,
    wide_gain=0.6,
    upper_gain=0.15,  # the moustache lies still while the jaw moves
    shade=0.2,
)


def main() -> None:
    write(Path(__file__).parent, FACE, figure=body() + face() + glasses(), background=background(),
          definitions=DEFINITIONS)  # fmt: skip


if __name__ == "__main__":
    main()
