"""Where in a text links may stand: plain text, HTML, iCalendar. Finds places, judges none.

Every step walks the text once. A place is where a known host or scheme is written; what stands before it in the same
word decides whether it begins a link there or is part of somebody else's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from html import entities
from itertools import islice
from string import ascii_letters, digits
from urllib.parse import unquote

from connectors.links.address import ADDRESS_CHARACTERS
from connectors.links.platforms import JITSI_HOSTS, MEET_HOST, WEBEX_DOMAIN, ZOOM_DOMAINS
from connectors.links.teams import TEAMS_HOSTS, at_app
from connectors.links.wrappers import WRAPPERS

TEXT_CHARACTERS = 200_000
MOST_PLACES, PLACES_CHARACTERS = 250, 40_000  # that are read, and how much of them in all, in two ways
MOST_MARKS = 2000  # that are looked at
_BEFORE_CHARACTERS, MOST_BRACKETS = 400, 32

_LOOPBACK = ("localhost", "127.", "[::1]")
_APPS = ("zoommtg:", "zoomus:", "msteams:")
_HOSTS = {*ZOOM_DOMAINS, MEET_HOST, WEBEX_DOMAIN, *JITSI_HOSTS, *TEAMS_HOSTS, *(h for w in WRAPPERS for h in w.hosts)}
_AFTER_HOST = re.compile(r"\.?[:/?#]|%2f|%3f|%3a")
# Read backwards from the known name: labels before it, a scheme before those, the word before all.
_LABELS_BACKWARDS = re.compile(r"(?:\.[a-z0-9-]{1,63}){0,6}")
_SCHEME_BACKWARDS = re.compile(_LABELS_BACKWARDS.pattern + r"(?://|f2%f2%)(?::|a3%)s?ptth(?![a-z0-9])")
_WORD_BACKWARDS = re.compile(r"[!#$%&*+,\-./0-9:;=?@A-Z\\_a-z~]*")
_LINKS_OWN = re.compile(r"//|[@\\]|%[0-9a-f]{2}|(?:https?|zoommtg|zoomus|msteams):", re.IGNORECASE | re.ASCII)
# A word as browsers may read it: to white space, `<`, `"`, a bar, a sign, or a script without letter case (Chinese).
_STRETCH_BACKWARDS = re.compile(
    r"[^\s<>\"`|\u00a1-\u00bf\u0590-\u10ff\u1100-\u1dff\u2000-\u2bff\u2e80-\ua63f\uac00-\uffef\U00010000-\U0010ffff]*"
)
_HOST = re.compile(r"://[\w.:@%-]{1,300}[/?#]")
_BRACKETS = re.compile(r"[()\[\]{}']")
_SCHEME_CHARACTERS = f"{ascii_letters}{digits}+.-"
_REST = re.compile(r"(?:[\w!#$%&*+\-./:=?@~]|[,;](?!(?i:https?:|zoommtg:|zoomus:|msteams:)))*")
_NEXT_LINE = re.compile(r"[ \t]{0,2}\r?\n[ \t>]{0,4}([\w!#$%&*+\-./=?@~]{1,300})[ \t]*(?=[\r\n>]|\Z)", re.ASCII)
_RAW_CONTEXT = re.compile(r"\{[^{}<>]{0,1000}\}")
_WEB = re.compile(r"https?(?::|%3a)", re.IGNORECASE | re.ASCII)
_LABELLED_CODE = re.compile(  # "meeting:" says no more than that what follows may be a room's name
    r"(?:meet(?:ing)?[ \t]{1,3}(?:code|(?:code|id|link)[ \t]{0,3}[:=#])"
    r"|google[ \t]{1,3}meet(?:[ \t]{0,3}[:=#]|(?=[ \t]{0,3}\(?[a-z-]{12}(?![ \t]{1,3}\w)))"
    r"|(?<![a-z0-9][ \t])meet[ \t]{0,3}[:=#])"
    r"[ \t]{0,3}\(?([a-z]{3}-[a-z]{4}-[a-z]{3})(?![\w@/-]|\.\w)"
)
_CODE = re.compile(r"[a-z]{3}-[a-z]{4}-[a-z]{3}")

_CALENDAR_LINE = re.compile(
    r"^(?:BEGIN:V|(?:X-GOOGLE-CONFERENCE|X-ALT-DESC|CONFERENCE|DESCRIPTION|LOCATION|SUMMARY|URL)[;:])", re.MULTILINE
)
_CALENDAR_FOLDS = ("\r\n ", "\r\n\t", "\n ", "\n\t")
_ESCAPED_SPACES = ("\\r\\n", "\\n", "\\N", "\\r", "\\t")
_PERHAPS_SPACE = "\x1e"  # a space as any other, but no link without a scheme begins behind it: browsers read `\` as `/`
_ESCAPES = {"\\,": ",", "\\;": ";", "\\/": "/", "\\u0026": "&"}
_SOFT_BREAK = re.compile(r"=[ \t]{0,8}\r?\n")  # of quoted-printable
_QUOTED = re.compile(r"(?:=[0-9A-F]{2})+")
_NOT_QUOTED = re.compile(r"=(?![0-9A-F]{2}|[ \t]{0,8}\r?\n)")
_ENTITY = re.compile(r"&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_ENTITY_DEPTH = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    begin: int
    end: int
    readings: tuple[str, ...]  # what the link may be, the longest first


def prepared(text: str) -> str:
    """The text as its reader sees it: unfolded, unescaped, without what HTML hides."""
    text = _unquoted(text[:TEXT_CHARACTERS])
    is_calendar = _CALENDAR_LINE.search(text) is not None
    if is_calendar:
        for fold in _CALENDAR_FOLDS:
            text = text.replace(fold, "")
    text = _without_comments(text)
    if "\\" in text:
        space = "\n" if is_calendar else _PERHAPS_SPACE
        for escape, meant in {**dict.fromkeys(_ESCAPED_SPACES, space), **_ESCAPES}.items():
            text = text.replace(escape, meant)
    for _ in range(_ENTITY_DEPTH):
        if "&" not in text:
            break
        text = _ENTITY.sub(_meant, text)
    return text


def places(text: str, own_hosts: Collection[str] = ()) -> Iterator[Place]:
    """In the order of the text. The text is a prepared one."""
    known = _known(frozenset(host.partition(":")[0] for host in own_hosts))
    folded = text.encode("ascii", "replace").decode("ascii").lower()  # as long as the text
    stripped = folded.strip()
    if _CODE.fullmatch(stripped):
        begin = folded.index(stripped)
        yield _code(begin, stripped)
        return
    marks = sorted((*known.finditer(folded), *_LABELLED_CODE.finditer(folded)), key=re.Match.start)
    count, characters, read_until = 0, 0, 0
    for mark in marks[:MOST_MARKS]:
        if mark.start() < read_until:
            continue
        place = _place(text, folded, mark) if mark.re is known else _labelled(text, mark)
        if place is not None:
            count, read_until = count + 1, place.end
            characters += max(place.end - place.begin, sum(map(len, place.readings)) // 2)
            if count > MOST_PLACES or characters > PLACES_CHARACTERS:
                return
            yield place


def continued(text: str, place: Place) -> tuple[Place, str] | None:
    """The place with what the next line has, and that: if a line break ends the place, and nothing else is there that
    could not be the rest of its link."""
    more = _NEXT_LINE.match(text, place.end)
    if more is None or place.end - place.begin + len(more[1]) > ADDRESS_CHARACTERS:
        return None
    readings = _readings(text[place.begin : place.end] + more[1])
    return Place(begin=place.begin, end=more.end(1), readings=readings), more[1]


@lru_cache(maxsize=16)
def _known(own_hosts: frozenset[str]) -> re.Pattern[str]:
    """What begins a place: hosts and schemes of platforms, and of one's own servers."""
    names = sorted({*_HOSTS, *_LOOPBACK, *_APPS, *own_hosts}, key=len, reverse=True)
    return re.compile("|".join(re.escape(name) for name in names))


def _code(begin: int, code: str) -> Place:
    return Place(begin=begin, end=begin + len(code), readings=(f"https://{MEET_HOST}/{code}",))


def _labelled(text: str, label: re.Match[str]) -> Place | None:
    return _code(label.start(1), label[1]) if _begins(text, label.start(), has_scheme=True) else None


def _place(text: str, folded: str, known: re.Match[str]) -> Place | None:
    is_app = known[0] in _APPS
    if not is_app and known[0] != "127." and not _AFTER_HOST.match(folded, known.end()):
        return None
    begin, has_scheme = (known.start(), True) if is_app else _beginning(folded, known.start())
    if not _begins(text, begin, has_scheme) or (known[0] in _LOOPBACK and not has_scheme):
        return None
    end = _ending(text, known.end())
    readings = _readings(text[begin:end]) if end - begin <= ADDRESS_CHARACTERS else ()
    return Place(begin=begin, end=end, readings=readings)


def _beginning(folded: str, host_at: int) -> tuple[int, bool]:
    """Where the link begins whose known host stands here, and whether it has a scheme."""
    backwards = folded[max(0, host_at - _BEFORE_CHARACTERS) : host_at][::-1]
    if whole := _SCHEME_BACKWARDS.match(backwards):
        return host_at - whole.end(), True
    labels = _LABELS_BACKWARDS.match(backwards)
    return host_at - (labels.end() if labels else 0), False


def _begins(text: str, begin: int, has_scheme: bool) -> bool:
    """Nothing before it in the same word makes it part of something else."""
    before = text[max(0, begin - _BEFORE_CHARACTERS) : begin]
    backwards = before[::-1]
    found = _WORD_BACKWARDS.match(backwards)
    word = found[0][::-1] if found else ""
    if len(word) == _BEFORE_CHARACTERS:
        return False
    if has_scheme:
        return word[-1:] in (",", ";") or not (word[-1:].isalnum() or _is_a_link(word) or _is_within(backwards))
    last = before[-1:]
    closed = last.isalnum() or last in (*"-._~@/\\%&?#+$", _PERHAPS_SPACE)
    return not (closed or _is_a_link(word) or _is_within(backwards))


def _is_a_link(word: str) -> bool:
    """It reads like the beginning of a link, so what follows in the same word belongs to that one."""
    _, question, query = word.partition("?")
    _, dot, after = word.partition(".")
    return bool(_LINKS_OWN.search(word) or (question and "=" in query) or (dot and re.search("[/?#]", after)))


def _is_within(backwards: str) -> bool:
    """What stands here is part of a link that began before, however odd the characters between are."""
    found = _STRETCH_BACKWARDS.match(backwards)
    word = found[0][::-1] if found else ""
    return any(_is_open(word, at) for at in {word.find("://"), word.rfind("://")} - {-1})


def _is_open(word: str, at: int) -> bool:
    """The link whose scheme ends here has not ended: neither a quote nor a bracket it stands in is closed."""
    host = _HOST.match(word, at)
    if host is None:
        return False
    in_quotes = word[max(0, at - 20) : at].rstrip(_SCHEME_CHARACTERS).endswith("'")
    open_brackets = 0
    for mark in islice(_BRACKETS.finditer(word, host.end()), MOST_BRACKETS):
        open_brackets += (mark[0] in "([{") - (mark[0] in ")]}")
        if open_brackets < 0 or (in_quotes and mark[0] == "'"):
            return False
    return True


def _ending(text: str, begin: int) -> int:
    rest = _REST.match(text, begin)
    end = rest.end() if rest else begin
    if text[max(begin, end - 8) : end].lower() == "context=" and (raw := _RAW_CONTEXT.match(text, end)):
        rest = _REST.match(text, raw.end())
        end = rest.end() if rest else raw.end()
    return end


def _readings(written: str) -> tuple[str, ...]:
    """Whole; without what closes a sentence; up to a comma; each also up to its first letter beyond ASCII."""
    trimmed = written.rstrip(".,;:!?*~")
    ways = (trimmed, trimmed.rstrip("_"), re.split("[,;*]", trimmed, maxsplit=1)[0])
    each = dict.fromkeys(one for way in ways for one in (way, re.split(r"[^\x00-\x7f]", way, maxsplit=1)[0]))
    return tuple(dict.fromkeys(spelled(one) for one in each))


def spelled(written: str) -> str:
    """As a link with the scheme of the web, or Zoom's."""
    scheme, _, rest = written.partition(":")
    if scheme.lower() == "msteams":
        return at_app(rest)
    if scheme.lower() in ("zoommtg", "zoomus"):
        return f"zoommtg:{rest}" if rest.startswith("//") else f"zoommtg://zoom.us/{rest.removeprefix('/')}"
    if not _WEB.match(written):
        return f"https://{written}"
    return written if "://" in written[:9] else unquote(written)


def _unquoted(text: str) -> str:
    """Without quoted-printable, where a mail was taken over in it: no sign `=` of the text is then a sign itself."""
    if "=3D" not in text or not _SOFT_BREAK.search(text) or _NOT_QUOTED.search(text):
        return text
    return _QUOTED.sub(
        lambda run: bytes.fromhex(run[0].replace("=", "")).decode(errors="replace"), _SOFT_BREAK.sub("", text)
    )


def _without_comments(text: str) -> str:
    kept, at = [], 0
    while (begin := text.find("<!--", at)) >= 0:
        end = text.find("-->", begin + 4)
        if end < 0:  # never closed: then it is no comment
            break
        kept.append(text[at:begin])
        at = end + 3
    return " ".join((*kept, text[at:]))


def _meant(entity: re.Match[str]) -> str:
    name = entity[1]
    if name[0] != "#":
        return entities.html5.get(f"{name};", entity[0])
    number = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
    return chr(number) if 0 < number < 0x110000 else "\ufffd"
