"""One key per meeting on a platform nobody knows, whatever noise its link carries. Pure.

The key makes a live bot unique per meeting: `http://Meetings.example:80/room/?from=mail` and
`https://meetings.example/room` are the same meeting. Links of known platforms are read by `connectors.urls`, whose keys
begin with the platform's name. It is not a link: the bot joins by the link as given.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from bot.errors import BadInput

MAX_URL_CHARACTERS = 2048
_DEFAULT_PORTS = {"http": 80, "https": 443}


class BadMeetingUrl(BadInput):
    """The meeting link cannot be used; a complete http or https link of one meeting is needed."""

    code = "bad_meeting_url"


def meeting_key(url: str) -> str:
    """`host[:port]/path` of a meeting link, without scheme, query, fragment and trailing slash.

    Raises BadMeetingUrl: no http(s) link, credentials in it, no path that could name a meeting, longer than 2048.
    """
    text = url.strip()
    if not text or len(text) > MAX_URL_CHARACTERS or any(c.isspace() or not c.isprintable() for c in text):
        raise BadMeetingUrl
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise BadMeetingUrl from error
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in _DEFAULT_PORTS or not host:
        raise BadMeetingUrl
    if "@" in parts.netloc:
        raise BadMeetingUrl("The meeting link carries a user name; links that do are refused.")
    path = parts.path.rstrip("/")
    if not path:
        raise BadMeetingUrl("The link names a site but no meeting.")
    shown_host = f"[{host}]" if ":" in host else host
    shown_port = "" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}"
    return f"{shown_host}{shown_port}{path}"
