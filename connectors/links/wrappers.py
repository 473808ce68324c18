"""Links that mail systems put around links: whose they are, and what is inside. Knows no platform.

Only these are opened, by their own host. Any other site that forwards, and any that hides where to, leads nowhere here.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Callable
from dataclasses import dataclass
from html import unescape
from string import ascii_lowercase, ascii_uppercase, digits

from connectors.links.address import Address, decoded, is_under

_RUN_LETTERS = f"{ascii_uppercase}{ascii_lowercase}{digits}-_"  # the first stands for a run of two characters


@dataclass(frozen=True, kw_only=True, slots=True)
class Wrapper:
    """A row: at `hosts`, a path that `path` matches has a link inside, which `inside` reads."""

    hosts: tuple[str, ...]
    path: re.Pattern[str]
    inside: Callable[[Address], str]
    hosts_below: bool = False  # also what belongs to these hosts


def unwrapped(address: Address) -> str | None:
    """The link inside, as text that is still to be read; None where the address is no wrapper's."""
    if address.scheme not in ("http", "https") or address.port is not None:
        return None
    for wrapper in WRAPPERS:
        ours = is_under(address.host, wrapper.hosts) if wrapper.hosts_below else address.host in wrapper.hosts
        if ours and wrapper.path.fullmatch(address.path):
            return unescape(wrapper.inside(address).strip())
    return None


def _field(*names: str) -> Callable[[Address], str]:
    def inside(address: Address) -> str:
        value = next((address.fields[name] for name in names if address.fields.get(name)), "")
        return decoded(value, until="://")

    return inside


def _proofpoint_2(address: Address) -> str:
    return decoded(address.fields.get("u", "").translate(str.maketrans("-_", "%/")), until="://")


def _proofpoint_3(address: Address) -> str:
    """`__link__;letters!...`: each `*` of the link is the next of the letters, each `**X` a run of them."""
    written, _, rest = address.tail.removeprefix("/v3/__").partition("__;")
    code = rest.partition("!")[0]
    try:
        letters = urlsafe_b64decode(code + "=" * (-len(code) % 4)).decode()
    except ValueError:
        return ""
    used = 0

    def next_letters(star: re.Match[str]) -> str:
        nonlocal used
        begin, count = used, (_RUN_LETTERS.index(star[1]) + 2 if star[1] else 1)
        used += count
        return letters[begin:used]

    whole = re.sub(r"\*(?:\*([A-Za-z0-9_-]))?", next_letters, decoded(written))
    return re.sub(r"^(https?):/(?!/)", r"\1://", whole)


_ANY, _URL = re.compile(r"/.*|"), re.compile(r"/url/?")
_PROOFPOINT = ("urldefense.proofpoint.com", "urldefense.com", "urldefense.us")
_TEAMS_SAFE_LINK = re.compile(r"/evergreen-assets/safelinks/[0-9]+/atp-safelinks\.html")

WRAPPERS: tuple[Wrapper, ...] = (
    Wrapper(
        hosts=("safelinks.protection.outlook.com", "safelinks.protection.office365.us"),
        hosts_below=True,
        path=_ANY,
        inside=_field("url"),
    ),
    Wrapper(hosts=("statics.teams.cdn.office.net",), path=_TEAMS_SAFE_LINK, inside=_field("url")),
    Wrapper(hosts=("www.google.com", "google.com"), path=_URL, inside=_field("q", "url")),
    Wrapper(hosts=("meet.google.com",), path=re.compile(r"/linkredirect/?"), inside=_field("dest")),
    Wrapper(hosts=_PROOFPOINT, path=re.compile(r"/v1/url/?"), inside=_field("u")),
    Wrapper(hosts=_PROOFPOINT, path=re.compile(r"/v2/url/?"), inside=_proofpoint_2),
    Wrapper(hosts=_PROOFPOINT, path=re.compile(r"/v3/__.*"), inside=_proofpoint_3),
)
