"""Draws Cuppa, a mug that talks. python -m bot.library.cuppa.draw"""

# ruff: noqa: E501 - a drawing's paths are not prose

from __future__ import annotations

from pathlib import Path

from bot.library.drawing import Curve, DrawnEye, DrawnFace, arc, eye_svg, mirrored, path, write

SEAM: Curve = [(586, 452), (604, 464), (622, 468), (640, 468), (658, 468), (676, 464), (694, 452)]
LIP_UPPER: Curve = [(586, 452), (604, 460), (622, 463), (640, 463), (658, 463), (676, 460), (694, 452)]
LIP_LOWER: Curve = [(586, 452), (604, 469), (622, 474), (640, 474), (658, 474), (676, 469), (694, 452)]
JAW: Curve = [(500, 460), (510, 540), (570, 566), (640, 566), (710, 566), (770, 540), (780, 460)]
UPPER = arc((542, 356), (602, 356), 36, 0.65)
LOWER = arc((542, 356), (602, 356), -32, 0.65)
EYES = (
    DrawnEye(upper=UPPER, lower=LOWER, iris=(574, 356), radius=15, lash=4, lid=16),
    DrawnEye(upper=mirrored(UPPER), lower=mirrored(LOWER), iris=(706, 356), radius=15, lash=4, lid=16),
)
IRIS = '<circle r="15" fill="#33231c"/><circle cx="-5" cy="-6" r="4.6" fill="#fff"/><circle cx="5" cy="5" r="2" fill="#fff" opacity=".7"/>'
DEFINITIONS = """
<linearGradient id="glaze" x1="0" y1="0" x2="1" y2="0"><stop offset="0" stop-color="#2f9c98"/><stop offset=".3" stop-color="#58c4bb"/><stop offset=".62" stop-color="#3fb0a9"/><stop offset="1" stop-color="#1f7476"/></linearGradient>
<linearGradient id="rim" x1="0" y1="0" x2="1" y2="0"><stop offset="0" stop-color="#e9efe6"/><stop offset=".5" stop-color="#fbfdf6"/><stop offset="1" stop-color="#b9c9c3"/></linearGradient>
<radialGradient id="coffee" cx=".4" cy=".4" r=".8"><stop offset="0" stop-color="#8a5a37"/><stop offset="1" stop-color="#472a18"/></radialGradient>
<linearGradient id="room" x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color="#fdeacb"/><stop offset=".6" stop-color="#f3c997"/><stop offset="1" stop-color="#d99a6c"/></linearGradient>
<linearGradient id="table" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#a86b42"/><stop offset="1" stop-color="#7b4728"/></linearGradient>
<radialGradient id="blush"><stop offset="0" stop-color="#f08a6c" stop-opacity=".75"/><stop offset="1" stop-color="#f08a6c" stop-opacity="0"/></radialGradient>
"""


def background() -> str:
    """A kitchen table by a window, out of focus, with the mug's own shadow."""
    return """
<rect width="1280" height="720" fill="url(#room)"/>
<g filter="url(#blur6)"><rect x="110" y="60" width="330" height="400" rx="10" fill="#dff1f6"/><rect x="110" y="60" width="330" height="400" rx="10" fill="none" stroke="#fff8ea" stroke-width="20"/><path d="M 275 60 L 275 460 M 110 250 L 440 250" stroke="#fff8ea" stroke-width="14"/><ellipse cx="200" cy="420" rx="90" ry="60" fill="#9cc78e"/><ellipse cx="350" cy="430" rx="90" ry="70" fill="#86b87c"/></g>
<g filter="url(#blur6)"><rect x="880" y="150" width="340" height="16" fill="#8f5d3a"/><rect x="910" y="70" width="54" height="80" rx="8" fill="#e07a5a"/><rect x="985" y="86" width="60" height="64" rx="8" fill="#f1e3c4"/><rect x="1070" y="60" width="46" height="90" rx="8" fill="#5b8f8b"/><rect x="1140" y="92" width="56" height="58" rx="8" fill="#d8a24a"/></g>
<rect x="0" y="560" width="1280" height="160" fill="url(#table)" filter="url(#blur3)"/>
<ellipse cx="660" cy="664" rx="250" ry="34" fill="#3d2010" opacity=".55" filter="url(#blur12)"/>
"""


def figure() -> str:
    return f"""
<path d="M 818 280 C 930 250 980 330 962 420 C 944 510 870 560 806 548" fill="none" stroke="#2a8d8b" stroke-width="44" stroke-linecap="round"/>
<path d="M 826 286 C 916 266 956 336 942 414 C 926 490 868 530 812 526" fill="none" stroke="#57bdb5" stroke-width="10" stroke-linecap="round" opacity=".7"/>
<path d="M 446 190 C 446 400 456 560 486 636 C 500 668 780 668 794 636 C 824 560 834 400 834 190 Z" fill="url(#glaze)"/>
<path d="M 470 240 C 472 400 480 520 500 604" fill="none" stroke="#b5efe6" stroke-width="16" stroke-linecap="round" opacity=".6" filter="url(#blur3)"/>
<path d="M 449 250 C 540 286 740 286 831 250" fill="none" stroke="#f3ead2" stroke-width="14"/><path d="M 450 270 C 540 305 740 305 830 270" fill="none" stroke="#f0a35a" stroke-width="6"/>
<ellipse cx="640" cy="190" rx="194" ry="52" fill="url(#rim)"/><ellipse cx="640" cy="194" rx="176" ry="42" fill="#22605f"/><ellipse cx="640" cy="204" rx="164" ry="34" fill="url(#coffee)"/><ellipse cx="590" cy="196" rx="60" ry="9" fill="#c79a6d" opacity=".5" filter="url(#blur3)"/>
<ellipse cx="534" cy="432" rx="42" ry="28" fill="url(#blush)"/><ellipse cx="746" cy="432" rx="42" ry="28" fill="url(#blush)"/>
{eye_svg(EYES[0], "eye0", IRIS, white="#fffdf6", lash="#174e50", edge="#1d6264")}{eye_svg(EYES[1], "eye1", IRIS, white="#fbf8ee", lash="#174e50", edge="#1d6264")}
<path d="{path(SEAM, close=False)}" fill="none" stroke="#123f43" stroke-width="5" stroke-linecap="round"/>
<path d="M 580 446 C 580 452 584 458 590 458 M 700 446 C 700 452 696 458 690 458" fill="none" stroke="#123f43" stroke-width="4" stroke-linecap="round"/>
"""


FACE = DrawnFace(
    seam=SEAM,
    lip_upper=LIP_UPPER,
    lip_lower=LIP_LOWER,
    nose_base_y=428,
    jaw=JAW,
    eyes=EYES,
    brows=(),
    head=(640, 400, 190, 250),
    pivot_y=640,
    cavity=(70, 26, 30),
    tongue=(210, 100, 96),
    teeth=(255, 252, 244),
    gain=0.95,
    style="object",
    shade=0.0,
)


def main() -> None:
    write(Path(__file__).parent, FACE, figure=figure(), background=background(), definitions=DEFINITIONS)


if __name__ == "__main__":
    main()
