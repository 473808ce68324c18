"""The lines of a text or of HTML as they are seen, with the places of a link marked in them. Knows no meeting.

In HTML tags end lines, and the line breaks of its source do not. Two line ends stand where a line is blank, never more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

HERE = "\x01"  # where the link stands
CLOSED = "\x06"  # where tags within a line stood
_NAME_BEGINS, _NAME_ENDS, _BLOCK, _BREAK = "\x02", "\x03", "\x04", "\x05"
_ANOTHER_LINK = "\nlink\n"

_MARKS = re.compile("[\x01-\x06]")
_LINE_ENDS = re.compile("\r\n|[\r\x1e\x85\u2028\u2029]")
_SPACES = re.compile(r"[^\S\n]+")
_EMPTY_PARAGRAPH = re.compile(r"(?<=>)\s++(?=</(?:p|div|o:p)\b)", re.IGNORECASE)
_TAG = re.compile(r"<(/?[a-zA-Z][a-zA-Z0-9]*+)?+[^<>]*+>")
_TAG_BEGUN = re.compile(r"<[^<>]*\Z")
_IN_A_LINE = frozenset({"a", "b", "em", "font", "i", "small", "span", "strong", "td", "th", "u"})
_IN_A_LINE |= {f"/{name}" for name in _IN_A_LINE}
_NAME = re.compile(f"{_NAME_BEGINS}[^{_NAME_BEGINS}{_NAME_ENDS}]*{_NAME_ENDS}")  # what a link is called
_BETWEEN_TAGS = re.compile(f"{CLOSED}(?:[ \n]*{CLOSED})+")
_LINE_END = re.compile(f"[ {CLOSED}]*[\n{_BLOCK}{_BREAK}][ \n{_BLOCK}{_BREAK}{CLOSED}]*")
_BLANK_IN_HTML = re.compile(f"[{_BLOCK}{_BREAK}][ \n{CLOSED}]*{_BREAK}")
LINK = re.compile(
    r"(?:(?::|%3a)(?://|%2f%2f)|(?<![\w.@-])(?:www\.|(?:[a-z0-9-]{1,63}\.){1,4}[a-z]{2,24}/))[^\s<>\"]*", re.IGNORECASE
)


def seen(text: str, spans: Sequence[tuple[int, int]], begin: int, end: int) -> str:
    """What is between `begin` and `end`, in lines; the link stands at the spans."""
    parts, at = ["x" if begin else ""], begin  # a line that began before is not whole
    for one_begin, one_end in spans:
        parts += [_plain(text[at:one_begin]), HERE]
        at = one_end
    marked = "".join((*parts, _plain(text[at:end])))
    marked = _EMPTY_PARAGRAPH.sub(lambda space: "<br>" if "\u00a0" in space[0] else " ", marked)
    lines = _NAME.sub("", _TAG.sub(_tag, _TAG_BEGUN.sub("\n", marked)))
    lines = lines.replace(_NAME_BEGINS, "").replace(_NAME_ENDS, "\n")
    return _LINE_END.sub(_line_end, _BETWEEN_TAGS.sub(CLOSED, _SPACES.sub(" ", lines)))


def _plain(text: str) -> str:
    return _LINE_ENDS.sub("\n", _MARKS.sub(" ", text)).replace("\u2019", "'")


def _tag(tag: re.Match[str]) -> str:
    name = (tag[1] or "").lower()
    if HERE in tag[0]:
        return f"{HERE}{_NAME_BEGINS}" if name == "a" else HERE
    if LINK.search(tag[0]):
        return _ANOTHER_LINK
    marks = {"br": _BREAK, "/a": _NAME_ENDS}
    return marks.get(name) or (CLOSED if name in _IN_A_LINE else _BLOCK)


def _line_end(run: re.Match[str]) -> str:
    if _BLOCK in run[0] or _BREAK in run[0]:
        return "\n\n" if _BLANK_IN_HTML.search(run[0]) else "\n"
    return "\n\n" if run[0].count("\n") > 1 else "\n"
