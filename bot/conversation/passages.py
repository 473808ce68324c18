"""A document into passages: one heading and a paragraph or so each, small enough to be quoted. Pure.

Markdown (headings, lists, quotes, code fences kept as text) and plain text. The position of a passage in the returned
list is its stable name within the document.
"""

from __future__ import annotations

import re

from bot.errors import BadInput

MAX_BYTES = 2_000_000
MAX_PASSAGES = 20_000
MIN_WORDS, MAX_WORDS = 25, 120  # shorter paragraphs join the next one of the same heading; longer ones are split

# None may look at the same text again and again: a document is anybody's.
_HEADING = re.compile(r"^#{1,6}\s+(\S.*)$")
_UNDERLINE = re.compile(r"^(=+|-+)\s*$")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'”’)]*\s+(?=[\"'“‘(]*[A-Z0-9])")
_MARKS = re.compile(r"(\*\*|__|`)|^\s*(?:[-*+]|\d+[.)])\s+|^\s*>\s?", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()]*\)")


def read_document(name: str, data: bytes) -> str:
    """The document's text. Raises BadInput: not text (UTF-8), or too large."""
    if len(data) > MAX_BYTES:
        raise BadInput(f"the document is too large: the most is {MAX_BYTES} bytes", document=name)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput("the document is not UTF-8 text; convert it to plain text or Markdown", document=name) from error
    if "\x00" in text:
        raise BadInput("the document is binary; only plain text and Markdown can be read", document=name)
    return text


def split_document(name: str, text: str) -> list[tuple[str, str]]:
    """(heading, text) of each passage, in order. The heading is the nearest above, or the document's title, or its
    name. Raises BadInput: empty, binary, or too large."""
    text = read_document(name, text.encode("utf-8", "surrogatepass"))
    title = re.sub(r"[-_]+", " ", re.sub(r"\.\w+$", "", name)).strip() or name
    passages: list[tuple[str, str]] = []
    for heading, paragraphs in _sections(text):
        passages += [(heading or title, piece) for piece in _sized(paragraphs)]
    if not passages:
        raise BadInput("the document has no text", document=name)
    if len(passages) > MAX_PASSAGES:
        raise BadInput(f"the document makes {len(passages)} passages; the most is {MAX_PASSAGES}", document=name)
    return passages


def split_sentences(text: str) -> list[str]:
    return [sentence.strip() for sentence in _SENTENCE_END.split(text) if sentence.strip()]


def _sections(text: str) -> list[tuple[str, list[str]]]:
    """Headings with the paragraphs below each."""
    sections: list[tuple[str, list[str]]] = [("", [])]
    lines: list[str] = []

    def end_paragraph() -> None:
        paragraph = " ".join(_plain("\n".join(lines)).split())
        if paragraph:
            sections[-1][1].append(paragraph)
        lines.clear()

    for line in [*text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), ""]:
        heading = _HEADING.match(line)
        if heading:
            end_paragraph()
            sections.append((_plain(heading[1].rstrip().rstrip("#")), []))
        elif _UNDERLINE.match(line) and len(lines) == 1:
            sections.append((_plain(lines.pop()), []))
        elif not line.strip():
            end_paragraph()
        else:
            lines.append(line)
    return sections


def _sized(paragraphs: list[str]) -> list[str]:
    sized: list[str] = []
    for paragraph in paragraphs:
        if sized and len(sized[-1].split()) < MIN_WORDS and len((sized[-1] + paragraph).split()) <= MAX_WORDS:
            paragraph = f"{sized.pop()} {paragraph}"
        sized += [paragraph] if len(paragraph.split()) <= MAX_WORDS else _split_long(paragraph)
    return sized


def _split_long(paragraph: str) -> list[str]:
    """At sentences; a sentence that is too long itself, at words."""
    pieces: list[list[str]] = [[]]
    for sentence in split_sentences(paragraph):
        words = sentence.split()
        if pieces[-1] and len(pieces[-1]) + len(words) > MAX_WORDS:
            pieces.append([])
        while len(words) > MAX_WORDS:
            pieces[-1] += words[:MAX_WORDS]
            words = words[MAX_WORDS:]
            pieces.append([])
        pieces[-1] += words
    return [" ".join(piece) for piece in pieces if piece]


def _plain(markdown: str) -> str:
    return _MARKS.sub("", _LINK.sub(r"\1", markdown)).strip()
