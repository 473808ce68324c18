"""The passcode an invitation tells beside its link, in the words it is labelled with. A telephone's PIN is none.

A password of something else must never be sent to a meeting's platform, so less is read than a person would: a label
has nothing before it on its line but words of a meeting, and its value nothing behind it but what closes it. Where any
other link stands between, the label has to say that it is a meeting's, or follow this meeting's number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from connectors.links.link import MeetingLink

AFTER_CHARACTERS, BEFORE_CHARACTERS = 1500, 300
BEFORE_LINK_CHARACTERS = 2000  # where a link is looked for that a label could belong to
PREFIX_CHARACTERS = 80

# As the platforms' own invitations say it in English, German, French, Spanish, Portuguese, Italian, Dutch, Japanese and
# Chinese.
LABELS = (
    *("passcode", "pass code", "password", "kenncode", "passwort", "code secret", "code d'accès", "mot de passe"),
    *("código de acceso", "contraseña", "senha de acesso", "senha", "código de acesso", "codice di accesso"),
    *("codice d'accesso", "wachtwoord", "toegangscode", "パスコード", "パスワード", "密码", "密碼"),
)
A_MEETINGS = ("meeting", "zoom", "teams", "webex", "webinar", "besprechung", "ミーティング", "会議", "会议", "會議")
OF_A_MEETING = (  # words that may stand before a label
    *(*A_MEETINGS, "microsoft", "event", "call", "video", "join", "the", "your", "use", "with", "and"),
)
NONE_THERE = frozenset(  # words that say that there is no passcode, or not here
    {
        *("none", "no", "not", "n/a", "na", "nil", "tba", "tbd", "tbc", "required", "optional", "see", "below"),
        *(
            "above",
            "keine",
            "keiner",
            "kein",
            "keins",
            "entfällt",
            "aucun",
            "aucune",
            "sans",
            "ninguno",
            "ninguna",
            "sin",
        ),
        *("nenhum", "nenhuma", "sem", "nessuno", "nessuna", "geen"),
    }
)
_LABEL = re.compile("|".join(sorted(LABELS, key=len, reverse=True)), re.IGNORECASE)
_CLOSED = "\x1f"  # where a tag within a line stood
_SPACE = rf"[ \t\u00a0{_CLOSED}]{{0,12}}"
_BOLD = r"(?:\*\*|__)?"
_VALUE = re.compile(
    rf"{_BOLD}{_SPACE}(?:\([^()\n]{{0,40}}\))?{_SPACE}[:：=]{_BOLD}(?P<next_line>{_SPACE}\n\s{{0,10}})?{_SPACE}"
    r"(?P<bold>\*\*|__)?(?P<value>[!#-'*-;=?-Z\\^-z|~]{1,40})"
)  # no value has brackets or quotation marks
_ENDS = re.compile(rf"[ \t\u00a0]*(?:\([^()\n]{{0,80}}\)[ \t\u00a0.]*)?(?:[\n{_CLOSED})\]}}>\"]|\Z)")
_GOES_ON = re.compile(  # on the line of a value that no word of a sentence is: the next entry of an invitation
    r"[ \t\u00a0]{1,3}(?:[|\u2013\u2014-][ \t\u00a0]|"
    r"(?:(?:\w{1,20}[ -])?id|meeting number|one tap|dial|join|find your|phone|sip|host key)(?!\w))",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    rf"\W*(?:(?:{'|'.join(OF_A_MEETING)})\W*)*(?:(?:meeting[ -]?)?id[ \t]{{0,3}}[:：]?[0-9 \t\u00a0-]{{6,20}}\W*)?",
    re.IGNORECASE,
)
_A_MEETINGS = re.compile("|".join(A_MEETINGS), re.IGNORECASE)
_NUMBER = re.compile(  # of a meeting, as the last there is
    r"(?P<label>(?<![a-z])id(?![a-z])[^\n0-9]{0,24})?"
    r"(?<![0-9])(?P<digits>[0-9](?:[ \u00a0-]{0,2}[0-9]){4,19})\W{0,20}\Z",
    re.IGNORECASE,
)
_LINK = re.compile(
    r"(?:(?::|%3a)(?://|%2f%2f)|(?<![\w.@-])(?:www\.|(?:[a-z0-9-]{1,63}\.){1,4}[a-z]{2,24}/))[^\s<>\"]*", re.IGNORECASE
)
_OF_SOMETHING_ELSE = re.compile(
    r"wi-?fi|wlan|wireless|ssid|network|\bvpn\b|user ?name|\buser\b|log-?in|account|benutzer|utilisateur|usu[aá]rio",
    re.IGNORECASE,
)
_TAG = re.compile(r"<(/?[a-zA-Z][a-zA-Z0-9]*+)?+[^<>]*+>")
_IN_A_LINE = frozenset({"a", "b", "em", "font", "i", "small", "span", "strong", "td", "th", "u"})
_IN_A_LINE |= {f"/{name}" for name in _IN_A_LINE} - {"/a"}  # what a link is called is none of its line's words
_TAG_BEGUN, _TAG_ENDED = re.compile(r"<[^<>]*\Z"), re.compile(r"\A(?:[\"'][^<>]*)?>")


def passcode_near(text: str, link: MeetingLink, spans: Sequence[tuple[int, int]], *, until: int) -> str | None:
    """Behind the link, before `until`; else close before it. The first of the spans is the link's own, at the others it
    stands again."""
    begin, end = spans[0]
    near, far = until, until
    if other := _other_link(text, end, (*spans[1:], (until, until))):
        near, far = other.span()
    early, close = max(0, begin - BEFORE_LINK_CHARACTERS), max(0, begin - BEFORE_CHARACTERS)
    apart = any(other.end() > close - PREFIX_CHARACTERS for other in _LINK.finditer(text, early, begin))
    return (
        _passcode(text[end:near], link)
        or _passcode(text[far:until], link, apart=True)
        or _passcode(text[close:begin], link, apart=apart)
    )


def _other_link(text: str, at: int, spans: Iterable[tuple[int, int]]) -> re.Match[str] | None:
    for begin, end in spans:
        if found := _LINK.search(text, at, begin):
            return found
        at = end
    return None


def _passcode(text: str, link: MeetingLink, *, apart: bool = False) -> str | None:
    lines = _lines(text)
    for label in _LABEL.finditer(lines):
        said = _VALUE.match(lines, label.end())
        if said is None or not _is_of_a_meeting(lines, label.start()):
            continue
        if apart and not _is_this_meetings(lines, label.start(), link):
            continue
        value = said["value"].removesuffix(said["bold"] or "").rstrip(".,;|")
        on_another_line = said["next_line"] is not None and not re.search("[0-9]", value)
        if _is_a_passcode(value) and not on_another_line and _is_whole(lines, said, value):
            return value
    return None


def _is_this_meetings(lines: str, label_at: int, link: MeetingLink) -> bool:
    """Not that of the link it stands behind."""
    line_at = lines.rfind("\n", 0, label_at) + 1
    here = lines[line_at:label_at]
    above = lines[max(0, line_at - PREFIX_CHARACTERS) : line_at]
    number = _NUMBER.search(here) or (None if re.search("[0-9]", here) else _NUMBER.search(above))
    if number is not None and re.sub("[^0-9]", "", number["digits"]) == link.key:
        return True
    if number is not None and number["label"]:
        return not link.key.isdigit()  # else it is another meeting's
    return _A_MEETINGS.search(here) is not None


def _lines(text: str) -> str:
    """As they are seen: a tag either ends a line or stands within one."""
    text = _TAG_BEGUN.sub("\n", _TAG_ENDED.sub("", text))
    text = re.sub("[\r\x1e]", "\n", text.replace("\u2019", "'"))
    return _TAG.sub(lambda tag: _CLOSED if (tag[1] or "").lower() in _IN_A_LINE else "\n", text)


def _is_of_a_meeting(lines: str, label_at: int) -> bool:
    line_at = lines.rfind("\n", 0, label_at) + 1
    if label_at - line_at > PREFIX_CHARACTERS or _BEFORE.fullmatch(lines, line_at, label_at) is None:
        return False
    above = lines[:line_at].rstrip()
    return _OF_SOMETHING_ELSE.search(above, max(above.rfind("\n"), len(above) - PREFIX_CHARACTERS, 0)) is None


def _is_a_passcode(value: str) -> bool:
    return bool(re.search("[0-9A-Za-z]", value)) and "://" not in value and value.lower() not in NONE_THERE


def _is_whole(lines: str, said: re.Match[str], value: str) -> bool:
    """Nothing behind it makes it a word of a sentence, or a part of something longer."""
    if lines[said.end() : said.end() + 1] in ("(", "[", "{"):
        return False
    if _ENDS.match(lines, said.end()) is not None:
        return True
    if re.search("[0-9]", value) is None:
        return False
    is_cut = said["value"] != value  # "4711, see you"
    return is_cut or (len(value) > 2 and _GOES_ON.match(lines, said.end()) is not None)
