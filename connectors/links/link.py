"""What is known of a meeting from its link alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from urllib.parse import quote, urlsplit

_PASSCODE_FIELDS = (("zoom", "/", "pwd"), ("teams", "/meet/", "p"))  # a thread's link takes none: it needs none
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
    said = "&".join(f"{name}={quote(value, safe='', errors='replace')}" for name, value in carried.items() if value)
    url = f"{url}?{said}" if said else url
    url = url[:-1] + _CLOSES_A_SENTENCE.get(url[-1], url[-1])
    return MeetingLink(platform=platform, key=key, passcode=passcode, join_url=url)


def told_beside(known: MeetingLink, passcode: str) -> MeetingLink:
    """The meeting with a passcode its link did not have; the link has it now, where such a link can."""
    url = known.join_url
    path = urlsplit(url).path
    for platform, start, name in _PASSCODE_FIELDS:
        if known.platform == platform and path.startswith(start):
            url += f"{'&' if '?' in url else '?'}{name}={quote(passcode, safe='')}"
    return replace(known, passcode=passcode, join_url=url)
