"""What is known of a meeting from its link alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from urllib.parse import quote, urlsplit

_PASSCODE_FIELDS = (("zoom", "/", "pwd"), ("teams", "/meet/", "p"))  # a thread's link takes none: it needs none
_TOKEN_FIELD = ("zoom", "tk")  # of whom has registered
_CLOSES_A_SENTENCE = {".": "%2E", "~": "%7E"}  # where a link ends with one, it would be read as none of its own
_KEY_IS_THE_HOSTS_OWN = frozenset({"jitsi", "webex"})  # two hosts may have a room of one name


@dataclass(frozen=True, kw_only=True, slots=True)
class MeetingLink:
    platform: str  # "zoom", "meet", "teams", "webex", "jitsi", "janus" or "simulator"
    key: str  # the same for every spelling of a link to this meeting
    passcode: str | None = field(default=None, repr=False)  # the link's own, else what the text around it says
    join_url: str = field(repr=False)  # the meeting's own link, rebuilt: no wrapper, no tracking

    @property
    def meeting(self) -> str:
        """The meeting among those of all platforms."""
        host = f"{urlsplit(self.join_url).netloc}/" if self.platform in _KEY_IS_THE_HOSTS_OWN else ""
        return f"{self.platform}:{host}{self.key}"


def link(platform: str, *, key: str, url: str, passcode: str | None = None, **carried: str | None) -> MeetingLink:
    """The meeting at `url`, to which the fields that are there are added."""
    said = "&".join(_field(name, value) for name, value in carried.items() if value)
    url = _closed(f"{url}?{said}" if said else url)
    return MeetingLink(platform=platform, key=key, passcode=passcode, join_url=url)


def with_passcode(known: MeetingLink, passcode: str | None) -> MeetingLink:
    """The meeting with a passcode that was told apart from its link, which has it now, where such a link can: instead
    of its own, unless none was told."""
    if not passcode or passcode == known.passcode:
        return known
    url = known.join_url
    base, _, query = url.partition("?")
    path = urlsplit(base).path
    for platform, start, name in _PASSCODE_FIELDS:
        if known.platform == platform and path.startswith(start):
            others = [one for one in query.split("&") if one and not one.startswith(f"{name}=")]
            url = f"{base}?{'&'.join((*others, _field(name, passcode)))}"
    return replace(known, passcode=passcode, join_url=_closed(url))


def completed(known: MeetingLink, other: MeetingLink) -> MeetingLink:
    """The meeting with the passcode of another link to it, and the token beside that, where its own link has none."""
    if known.passcode is not None or other.passcode is None:
        return known
    made = with_passcode(known, other.passcode)
    platform, token = _TOKEN_FIELD
    said = [one for one in urlsplit(other.join_url).query.split("&") if one.startswith(f"{token}=")]
    if made.platform != platform or not said or f"{token}=" in urlsplit(made.join_url).query:
        return made
    return replace(made, join_url=f"{made.join_url}&{said[0]}")


def _field(name: str, value: str) -> str:
    return f"{name}={quote(value, safe='', errors='replace')}"


def _closed(url: str) -> str:
    return url[:-1] + _CLOSES_A_SENTENCE.get(url[-1], url[-1])
