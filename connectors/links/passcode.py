"""The passcode an invitation tells beside its link, in the words it is labelled with. A telephone's PIN is none.

A password of something else must never be sent to a meeting's platform, so less is read than a person would. A value
has nothing behind it but what closes it, and its label is this meeting's for one of three reasons:

- this meeting's number stands right before it;
- it says that it is a meeting's: "Zoom password";
- it is beside the link: on its line or the next one, or on the line above and the first of its block.

Between these, and before a label on its line, stands nothing but words of a meeting: no blank line, no other word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from connectors.links.link import MeetingLink
from connectors.links.numbers import last_number
from connectors.links.seen import CLOSED, HERE, seen

AFTER_CHARACTERS, BEFORE_CHARACTERS = 1500, 300
PREFIX_CHARACTERS = 80

# As the platforms' own invitations say it in English, German, French, Spanish, Portuguese, Italian, Dutch, Japanese and
# Chinese.
LABELS = (
    *("passcode", "pass code", "password", "kenncode", "kennwort", "passwort", "code secret"),
    *("code d'accès", "mot de passe"),
    *("código de acceso", "contraseña", "senha de acesso", "senha", "código de acesso", "codice di accesso"),
    *("codice d'accesso", "wachtwoord", "toegangscode", "パスコード", "パスワード", "密码", "密碼"),
)
A_MEETINGS = ("meeting", "zoom", "teams", "webex", "webinar", "besprechungs?", "ミーティング", "会議", "会议", "會議")
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
_SPACE = f"[ {CLOSED}]{{0,12}}"
_BOLD = r"(?:\*\*|__)?"
_VALUE = re.compile(
    rf"{_BOLD}{_SPACE}(?:\([^()\n]{{0,40}}\))?{_SPACE}[:：=]{_BOLD}(?P<next_line>{_SPACE}\n{{1,2}})?{_SPACE}"
    r"(?P<bold>\*\*|__)?(?P<value>[!#-'*-;=?-Z\\^-z|~]{1,40})"
)  # no value has brackets or quotation marks
_VALUE_ALONE = re.compile(r" (?P<bold>\*\*|__)?(?P<value>(?=\S{0,40}[0-9])[\w!#$%&*+,.;=?@|~-]{3,40})", re.ASCII)
_ENDS = re.compile(rf" *(?:\([^()\n]{{0,80}}\)[ .]*)?(?:[\n{CLOSED}{HERE})\]}}>\"]|\Z)")
_GOES_ON = re.compile(  # on the line of a value that no word of a sentence is: the next entry of an invitation
    r" {1,3}(?:[|\u2013\u2014-] |https?:|"
    r"(?:(?:\w{1,20}[ -])?id|meeting number|one tap|dial|join|find your|phone|sip|host key)(?!\w))",
    re.IGNORECASE,
)
_WORDS = re.compile(rf"\W*(?:(?:{'|'.join(OF_A_MEETING)})\W*)*", re.IGNORECASE)
_A_MEETINGS = re.compile("|".join(A_MEETINGS), re.IGNORECASE)
_TO_THE_LINK = re.compile(r"[^\n.!?]{0,60}(?:\n[^\n.!?]{0,40})?")  # from a value that stands before it
_OF_SOMETHING_ELSE = re.compile(
    r"wi-?fi|wlan|wireless|ssid|network|\bvpn\b|user ?name|\buser\b|log-?in|account|benutzer|utilisateur|usu[aá]rio",
    re.IGNORECASE,
)


def passcode_near(text: str, link: MeetingLink, spans: Sequence[tuple[int, int]], *, until: int) -> str | None:
    """Behind the link, before `until`; else close before it. The first of the spans is the link's own, at the others it
    stands again."""
    lines = seen(text, spans, max(0, spans[0][0] - BEFORE_CHARACTERS), until)
    link_at = lines.find(HERE)
    labels = [(label, said) for label in _LABEL.finditer(lines) if (said := _said(lines, label))]
    labels.sort(key=lambda one: one[0].start() < link_at)
    for label, said in labels:
        value = said["value"].removesuffix(said["bold"] or "").rstrip(".,;|")
        on_another_line = said.groupdict().get("next_line") is not None and not re.search("[0-9]", value)
        if on_another_line or not _is_a_passcode(value) or not _is_whole(lines, said, value):
            continue
        if _is_this_meetings(lines, label.start(), said.end(), link):
            return value
    return None


def _said(lines: str, label: re.Match[str]) -> re.Match[str] | None:
    """What the label says: without a colon only behind the link on its line, where it can be no word."""
    if found := _VALUE.match(lines, label.end()):
        return found
    begin = lines.rfind(HERE, 0, label.start())
    if begin >= 0 and _is_nothing_between(lines[begin + 1 : label.start()]):
        return _VALUE_ALONE.match(lines, label.end())
    return None


def _is_this_meetings(lines: str, label_at: int, value_ends: int, link: MeetingLink) -> bool:
    number = last_number(lines, label_at)
    if number is not None and _is_nothing_between(lines[number.end : label_at], most_lines=2):
        if number.digits == link.key or (number.is_a_meetings and not link.key.isdigit()):
            return True
        if number.is_labelled and link.key.isdigit():
            return False  # another meeting's
    line_at = lines.rfind("\n", 0, label_at) + 1
    link_at = lines.rfind(HERE, 0, label_at)
    here, above = lines[max(line_at, link_at + 1) : label_at], lines[link_at + 1 : line_at].rstrip()
    if _OF_SOMETHING_ELSE.search(above, max(above.rfind("\n"), len(above) - PREFIX_CHARACTERS, 0)):
        return False
    if not _is_nothing_between(here):
        return False
    if _A_MEETINGS.search(here):
        return True
    if link_at >= 0 and _is_nothing_between(lines[link_at + 1 : label_at], most_lines=1):
        return True
    link_at = lines.find(HERE, value_ends)
    return link_at >= 0 and bool(_TO_THE_LINK.fullmatch(lines, value_ends, link_at)) and _begins_a_block(lines, line_at)


def _is_nothing_between(part: str, *, most_lines: int = 0) -> bool:
    """But words of a meeting."""
    is_near = len(part) <= PREFIX_CHARACTERS and part.count("\n") <= most_lines
    return is_near and _WORDS.fullmatch(part) is not None


def _begins_a_block(lines: str, line_at: int) -> bool:
    """Above this line stands nothing, a blank line or a heading of a meeting."""
    above = lines[lines.rfind("\n", 0, max(0, line_at - 1)) + 1 : max(0, line_at - 1)]
    return _is_nothing_between(above)


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
