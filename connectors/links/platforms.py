"""The platforms' own links: by which host and shape each is known, and the meeting it names. A row each in `PLATFORMS`.

What leads to a meeting by way of a form, a telephone, a recording or a page of options is not a link of the meeting.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from urllib.parse import quote

from connectors.links.address import Address, is_under, opened
from connectors.links.link import MeetingLink, link
from connectors.links.teams import TEAMS_HOSTS, teams

ZOOM_DOMAINS = ("zoom.us", "zoom.com", "zoomgov.com", "zoom-x.de", "zoom.com.cn")
MEET_HOST = "meet.google.com"
WEBEX_DOMAIN = "webex.com"
JITSI_HOSTS = ("meet.jit.si", "8x8.vc")

_ZOOM_NUMBER = r"(?P<number>[0-9](?:[ -]?[0-9]){8,10})"
_ZOOM_PATHS = re.compile(
    rf"/(?P<way>[jws])/{_ZOOM_NUMBER}/?|/wc/join/{_ZOOM_NUMBER.replace('number', 'joined')}/?"
    rf"|/wc/{_ZOOM_NUMBER.replace('number', 'client')}/(?:join|start)/?|/my/(?P<slug>[a-z0-9][a-z0-9._-]{{1,79}})/?",
    re.IGNORECASE | re.ASCII,
)
_ZOOM_APP_PATHS = re.compile(r"/?(?:join|start)?/?", re.IGNORECASE | re.ASCII)
_MEET_CODE = re.compile(r"/(?:_meet/)?([a-z]{3})-?([a-z]{4})-?([a-z]{3})/?", re.IGNORECASE | re.ASCII)
_MEET_NAME = re.compile(r"/(?:_meet/)?lookup/([a-z0-9][a-z0-9._-]{0,99})/?", re.IGNORECASE | re.ASCII)
_WEBEX_ROOM = re.compile(r"/(?:meet|join)/([a-z0-9][a-z0-9._-]{0,79})/?", re.IGNORECASE | re.ASCII)
_WEBEX_PAGE = re.compile(
    r"/[a-z0-9._-]+/(?:k2/)?j\.php|/(?:webappng|wbxmjs/joinservice)/sites/[a-z0-9._-]+/meeting/(?:info|download)/\w+",
    re.IGNORECASE | re.ASCII,
)
_WEBEX_NUMBER = re.compile(r"m[0-9a-z]{4,64}", re.IGNORECASE | re.ASCII)
_JITSI_ROOM = re.compile(r"/(?:[\w-]{1,100}/)?[\w.+~-]{1,200}/?")
_JITSI_FILE = re.compile(
    r"/(?:static|images|libs|css|sounds|lang|fonts|v1|_api|http-bind|xmpp-websocket|colibri-ws)(?:/.*)?"
    r"|.*\.(?:js|css|html?|json|png|svg|ico|txt|wasm|map)",
    re.IGNORECASE | re.ASCII,
)
_SIMULATOR_PATH = re.compile(r"/(?P<page>(?:teams|zoom)/)?(?P<code>[a-z]{3}-[a-z]{4}-[a-z]{3})/?")
_JANUS_PAGE = "/videoroomtest.html"  # of its own web client
_JANUS_PATH = re.compile(r"(?P<folder>(?:/[\w.~-]{1,80}){0,6})/videoroomtest\.html", re.ASCII)
_JANUS_ROOM = re.compile(r"[1-9][0-9]{0,14}", re.ASCII)
_JANUS_FIRST_ROOM = "1234"  # the page's, where the link names none
_SIMULATOR_WORDS = ("scenario", "lang", "variant", "after")  # what a link may ask of its page
_SIMULATOR_WORD = re.compile(r"[a-z0-9_.]{1,80}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Platform:
    """A row: of an address `knows` says yes to, `meeting` says which meeting it is, if it is one."""

    name: str
    knows: Callable[[Address], bool]
    meeting: Callable[[Address], MeetingLink | None]


def meeting_at(address: Address) -> MeetingLink | None:
    """The meeting an address is of; None for every other page, the platforms' own too."""
    for platform in PLATFORMS:
        if platform.knows(address):
            return platform.meeting(opened(address))
    return None


def _is_web(address: Address) -> bool:
    return address.scheme in ("http", "https") and address.port is None


def _zoom(address: Address) -> MeetingLink | None:
    base = f"https://{address.host}"
    if address.scheme == "zoommtg":
        number = address.fields.get("confno", "") if _ZOOM_APP_PATHS.fullmatch(address.path) else ""
        address = replace(address, path=f"/j/{number}")
    found = _ZOOM_PATHS.fullmatch(address.path)
    if found is None:
        return None
    passcode, token = address.value("pwd"), address.value("tk")
    if slug := found["slug"]:
        return link("zoom", key=slug.lower(), url=f"{base}/my/{slug}", passcode=passcode, pwd=passcode, tk=token)
    key = re.sub("[ -]", "", found["number"] or found["joined"] or found["client"])
    way = "w" if found["way"] in ("w", "W") else "j"  # a webinar's; every other leads to the same door
    return link("zoom", key=key, url=f"{base}/{way}/{key}", passcode=passcode, pwd=passcode, tk=token)


def _meet(address: Address) -> MeetingLink | None:
    if code := _MEET_CODE.fullmatch(address.path):
        key = "-".join(code.groups()).lower()
        return link("meet", key=key, url=f"https://{MEET_HOST}/{key}")
    if name := _MEET_NAME.fullmatch(address.path):
        return link("meet", key=name[1].lower(), url=f"https://{MEET_HOST}/lookup/{name[1]}")
    return None


def _webex(address: Address) -> MeetingLink | None:
    if room := _WEBEX_ROOM.fullmatch(address.path):
        return link("webex", key=room[1].lower(), url=f"https://{address.host}{address.path.rstrip('/')}")
    number = _WEBEX_NUMBER.fullmatch(address.fields.get("mtid", ""))
    if number and _WEBEX_PAGE.fullmatch(address.path):
        return link("webex", key=number[0].lower(), url=f"https://{address.host}{address.path}", MTID=number[0])
    return None


def _jitsi(address: Address) -> MeetingLink | None:
    room = address.path.strip("/")
    if not _JITSI_ROOM.fullmatch(address.path) or _JITSI_FILE.fullmatch(f"/{room}"):
        return None
    url = f"https://{address.host}/{quote(room, errors='replace')}"
    return link("jitsi", key=room.lower(), url=url, jwt=address.value("jwt"))


def _is_here(address: Address) -> bool:
    """On this machine. Elsewhere a link of such a shape may lead anywhere, and a bot gives the page its camera and
    microphone."""
    host = address.host
    loopback = host == "[::1]" or re.fullmatch(r"127(?:\.(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])){3}", host)
    return address.scheme in ("http", "https") and bool(loopback or is_under(host, ("localhost",)))


def _is_janus(address: Address) -> bool:
    """A page of a Janus server of one's own: on this machine, or on a host that was named as such."""
    return (_is_here(address) or address.own) and opened(address).path.endswith(_JANUS_PAGE)


def _janus(address: Address) -> MeetingLink | None:
    page, room = _JANUS_PATH.fullmatch(address.path), address.fields.get("room") or _JANUS_FIRST_ROOM
    if page is None or not _JANUS_ROOM.fullmatch(room) or (address.port or 1) > 65535:
        return None
    pin, url = address.value("pin"), f"{address.scheme}://{address.place}{address.path}"
    return link("janus", key=f"{address.place}{page['folder']}/{room}", url=url, passcode=pin, room=room, pin=pin)


def _simulator(address: Address) -> MeetingLink | None:
    code = _SIMULATOR_PATH.fullmatch(address.path)
    if code is None or (address.port or 1) > 65535:
        return None
    host = address.place
    asked = {name: address.fields.get(name, "") for name in _SIMULATOR_WORDS}
    words = {name: word if _SIMULATOR_WORD.fullmatch(word) else None for name, word in asked.items()}
    url = f"{address.scheme}://{host}/{code['page'] or ''}{code['code']}"
    scripted = "".join(f"/{words[name]}" for name in ("scenario", "after") if words["scenario"] and words[name])
    return link("simulator", key=f"{host}/{code['code']}{scripted}", url=url, **words)


PLATFORMS: tuple[Platform, ...] = (
    Platform(
        name="zoom",
        knows=lambda a: a.port is None and is_under(a.host, ZOOM_DOMAINS),
        meeting=_zoom,
    ),
    Platform(name="meet", knows=lambda a: _is_web(a) and a.host == MEET_HOST, meeting=_meet),
    Platform(name="teams", knows=lambda a: _is_web(a) and a.host in TEAMS_HOSTS, meeting=teams),
    Platform(name="webex", knows=lambda a: _is_web(a) and is_under(a.host, (WEBEX_DOMAIN,)), meeting=_webex),
    Platform(name="jitsi", knows=lambda a: _is_web(a) and a.host in JITSI_HOSTS, meeting=_jitsi),
    Platform(name="janus", knows=_is_janus, meeting=_janus),
    Platform(name="simulator", knows=lambda a: _is_here(a) or a.own, meeting=_simulator),
)
