"""Other spellings of links, and texts that only look like them: what people, mail systems and swindlers make of one."""

from __future__ import annotations

import html
import random
import re
import tomllib
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase
from typing import Any
from urllib.parse import quote, unquote, urlsplit

TABLE: dict[str, Any] = tomllib.loads((Path(__file__).parents[1] / "data" / "meeting_links.toml").read_text())
PLATFORMS = ("zoom", "meet", "teams", "webex", "jitsi", "janus", "simulator")
TEXTS = [row[0] for platform in PLATFORMS for row in TABLE[platform]] + [
    t for why in TABLE["none"].values() for t in why
]
# One link and nothing else, by https, at a host of its platform: a spoof of it is no link of it.
PLAIN = sorted({row[3] for platform in PLATFORMS[:5] for row in TABLE[platform] if len(row) > 3})


def safe_link(url: str) -> str:
    return f"https://eur01.safelinks.protection.outlook.com/?url={quote(url, safe='')}&data=05%7C02%7Ca&reserved=0"


def google(url: str) -> str:
    return f"https://www.google.com/url?q={quote(url, safe='')}&sa=D&source=calendar&usg=x"


def proofpoint_1(url: str) -> str:
    return f"https://urldefense.proofpoint.com/v1/url?u={quote(url, safe='')}&k=a%3D%3D"


def proofpoint_2(url: str) -> str:
    kept = re.sub(
        r"[^A-Za-z0-9./]", lambda odd: quote(odd[0], safe="") if odd[0] not in "-_~" else f"%{ord(odd[0]):X}", url
    )
    return f"https://urldefense.proofpoint.com/v2/url?u={kept.replace('%', '-').replace('/', '_')}&d=DwMFaQ&e="


def proofpoint_3(url: str) -> str:
    odd = r"[^A-Za-z0-9./:?=&@~-]+"
    runs = ascii_uppercase + ascii_lowercase
    kept = re.sub(odd, lambda run: "*" if len(run[0]) == 1 else f"**{runs[len(run[0]) - 2]}", url)
    letters = urlsafe_b64encode("".join(re.findall(odd, url)).encode()).decode().rstrip("=")
    return f"https://urldefense.com/v3/__{kept}__;{letters}!!a!b-c_d$"


WRAPPINGS: tuple[Callable[[str], str], ...] = (safe_link, google, proofpoint_1, proofpoint_2, proofpoint_3)
AROUND: tuple[Callable[[str], str], ...] = (
    lambda url: f" {url}\n",
    lambda url: f"See <{url}>.",
    lambda url: f"[Join]({url}), then",
    lambda url: f'<p><a href="{html.escape(url)}">{html.escape(url)}</a></p>',
    lambda url: f"LOCATION:{url}\r\nDESCRIPTION:none",
    lambda url: f"DESCRIPTION:Join\\n{url}\\nsee you\\, all",
    lambda url: f"https://support.zoom.us/hc https://teams.microsoft.com/ lunch? {url}.",
    lambda url: url.replace("https://", "HTTPS://", 1),
    lambda url: url.replace(urlsplit(url).netloc, urlsplit(url).netloc.upper(), 1),
)

_SUFFIXES = {
    "zoom": r"zoom\.us|zoom\.com|zoomgov\.com|zoom-x\.de|zoom\.com\.cn",
    "meet": r"meet\.google\.com",
    "teams": r"teams\.microsoft\.com|teams\.live\.com|teams\.cloud\.microsoft|(?:gov|dod)\.teams\.microsoft\.us",
    "webex": r"webex\.com",
    "jitsi": r"meet\.jit\.si|8x8\.vc",
    "janus": r"localhost|127\.[0-9]+\.[0-9]+\.[0-9]+|\[::1\]",
    "simulator": r"localhost|127\.[0-9]+\.[0-9]+\.[0-9]+|\[::1\]",
}
_LOOK_ALIKES = {"o": "0о", "e": "3е", "a": "а", "i": "1і", "s": "ѕ", "m": "rn", "c": "с", "l": "1"}


def spoofed(url: str, chance: random.Random) -> str:
    """What looks like the link and is none: another host, a user name, a foreign redirect, another scheme."""
    host, rest = urlsplit(url).netloc, url.split("://", 1)[1]
    evil = chance.choice(("evil.com", "evil.example", "a.b.evil.de", "xn--zm-fmca.us", "192.0.2.7", "еvil.com"))
    ours = re.search(f"(?:{'|'.join(_SUFFIXES.values())})$", host)
    assert ours is not None
    at = chance.choice([index for index in range(ours.start(), len(host)) if host[index] in _LOOK_ALIKES])
    alike = host[:at] + chance.choice(_LOOK_ALIKES[host[at]]) + host[at + 1 :]
    path = rest[len(host) :]
    return chance.choice(
        (
            f"https://{host}@{evil}{path}",
            f"https://{host}:443@{evil}{path}",
            f"https://{chance.choice(('a', 'a:b', evil))}@{rest}",
            f"https://{host}.{evil}{path}",
            f"https://{host}-{evil}{path}",
            f"https://{host.rsplit('.', 1)[0]}.{evil}{path}",
            f"https://{alike}{path}",
            f"https://{evil}/{rest}",
            f"https://{evil}/{url}",
            f"https://{evil}/{chance.choice(('r?u=', '?url=', '#'))}{url}",
            f"https://{evil}/login?next={quote(url, safe='')}",
            f"{evil.replace('е', 'e')}/?u={url}",
            f"https://{evil}\\@{rest}",
            f"https://{host}&#64;{evil}{path}",
            f"https://{host}%40{evil}{path}",
            f"https://{host}\u3002{evil}{path}",
            f"{chance.choice(('ftp', 'file', 'ssh', 'javascript', 'xhttps', 'data', 'ws'))}://{rest}",
            f"https://{host}:{chance.choice((80, 8443, 22, 65536))}{path}",
            safe_link(f"https://{evil}/?u={quote(url, safe='')}"),
            google(f"https://{host}.{evil}{path}"),
            f"https://www.google.{evil}/url?q={quote(url, safe='')}",
            f"ada@{rest}",
        )
    )


_PIECES = (
    *("@", ".", "/", "\\", ":", "?", "#", "%", "&", "=", ",", ";", "|", "*", "_", "-", " ", "\n", "\r\n ", "\t", "\0"),
    *(
        "https://",
        "http:",
        "//",
        "zoommtg://",
        "msteams:",
        "evil.com",
        ".evil.com/",
        "@evil.com",
        "zoom.us",
        "meet.google.com",
    ),
    *(
        "%2F",
        "%3A%2F%2F",
        "%25",
        "%40",
        "&amp;",
        "&#64;",
        "&#x2F;",
        "&lt;",
        "<a href=",
        "<!--",
        "-->",
        "\\n",
        "context={",
    ),
    *(
        "\u200b",
        "\u3002",
        "е",
        "日",
        "é",
        "ｚ",
        "\ud800",
        "\U0001f600",
        "\u2044",
        "Passcode:",
        "__;",
        "!!",
        "coords=",
        "[::1]",
    ),
)


def mutated(text: str, chance: random.Random) -> str:
    """The text with up to four accidents: something lost, doubled, put in, exchanged, escaped, spliced with another."""
    for _ in range(chance.randint(1, 4)):
        begin = chance.randint(0, len(text))
        end = min(len(text), begin + chance.choice((1, 1, 2, 5, 20)))
        put = chance.choice(
            (
                "",
                text[begin:end] * 2,
                chance.choice(_PIECES),
                text[begin:end] + chance.choice(_PIECES),
                chr(chance.randint(32, 126)),
                text[begin:end].swapcase(),
                quote(text[begin:end], safe="", errors="replace"),
                unquote(text[begin:end]),
                chance.choice(TEXTS)[: chance.randint(1, 60)],
            )
        )
        text = text[:begin] + put + text[end:]
    return text


_BELOW = frozenset({"zoom", "webex", "janus", "simulator"})
_INSTEAD = {"zoom": r"zoommtg:|zoomus:", "teams": r"msteams:", "meet": r"[a-z]{3}-[a-z]{4}-[a-z]{3}"}


def is_at_home(platform: str, url: str) -> bool:
    """The link's host is one of its platform, as the standard library reads it, and nothing else is in its place."""
    parts = urlsplit(url)
    below = r"(?:[a-z0-9-]+\.)*" if platform in _BELOW else ""
    place = rf"{below}(?:{_SUFFIXES[platform]})" + (r"(?::[0-9]+)?" if platform in ("janus", "simulator") else "")
    return parts.scheme in ("http", "https") and bool(re.fullmatch(place, parts.netloc))


def is_named(platform: str, text: str) -> bool:
    """Under the text's escapes a host of the platform is written, whole, or its app's scheme, or a Meet code."""
    words = rf"(?<![a-z0-9-])(?:{_SUFFIXES[platform]})(?![a-z0-9-]|\.[a-z0-9])|{_INSTEAD.get(platform, '$.')}"
    views = {text, re.sub(r"\\[nNrt]", " ", re.sub(r"\\(?=[,;/])", "", text))}
    for _ in range(6):
        views |= {re.sub(r"\r?\n[ \t]|<!--.*?-->", "", view, flags=re.DOTALL) for view in views}
        if any(re.search(words, view.lower()) for view in views):
            return True
        views |= {view.translate(str.maketrans("-_", "%/")) for view in views if "/v2/url" in view}
        views = {unquote(html.unescape(view)) for view in views}
    return any("*" in view and "/v3/__" in view for view in views)  # its letters stand apart: `zoom*us` and "."
