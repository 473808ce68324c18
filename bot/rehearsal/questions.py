"""What the asker asks: a file of questions, and whether an answer rested on the passage it should rest on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.errors import BadInput

MOST_QUESTIONS = 50
LONGEST_QUESTION = 400  # characters


class BadQuestions(BadInput):
    """The questions file cannot be used; the message says why."""

    code = "bad_questions"


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """`passage` names the passage a right answer rests on: an id, or a part of its document's name or heading. None:
    nobody said, so the answer is not judged."""

    text: str
    passage: str | None = None


def read_questions(path: Path) -> tuple[Question, ...]:
    """A JSON list, or one question a line (plain text or a JSON object). Raises BadQuestions."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadQuestions(f"{path} cannot be read: {error}") from error
    entries = _entries(text, path)
    if not entries or len(entries) > MOST_QUESTIONS:
        raise BadQuestions(f"{path} holds {len(entries)} questions; 1 to {MOST_QUESTIONS} can be asked")
    return tuple(_question(entry, path) for entry in entries)


def right_passage(question: Question, passages: Sequence[Any]) -> bool | None:
    """Whether one of the passages the answer rested on is the expected one; None where none was expected. A passage is
    an id or an object whose values hold id, document and heading."""
    if question.passage is None:
        return None
    return any(_names(passage, question.passage) for passage in passages)


def named(passage: Any) -> str:
    """A passage in a line for people."""
    if isinstance(passage, dict):
        parts = [str(passage[key]) for key in ("document", "heading") if passage.get(key)]
        return " / ".join(parts) or str(passage.get("id", ""))
    return str(passage)


def _names(passage: Any, wanted: str) -> bool:
    texts = passage.values() if isinstance(passage, dict) else (passage,)
    return any(_plain(wanted) in _plain(text) for text in texts if isinstance(text, str | int))


def _plain(text: object) -> str:
    return " ".join(str(text).casefold().split())


def _entries(text: str, path: Path) -> list[Any]:
    if text.lstrip().startswith("["):
        try:
            whole = json.loads(text)
        except json.JSONDecodeError as error:
            raise BadQuestions(f"{path} is no JSON list: {error}") from error
        return list(whole)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [_parsed(line, path) if line.startswith("{") else line for line in lines]


def _parsed(line: str, path: Path) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise BadQuestions(f"{path}: {line[:60]!r} is no JSON object: {error}") from error


def _question(entry: Any, path: Path) -> Question:
    given = {"question": entry} if isinstance(entry, str) else entry
    text = given.get("question") if isinstance(given, dict) else None
    passage = given.get("passage") if isinstance(given, dict) else None
    if not isinstance(text, str) or not 0 < len(text.strip()) <= LONGEST_QUESTION:
        raise BadQuestions(f'{path}: {str(entry)[:60]!r} is neither a question nor {{"question", "passage"}}')
    if passage is not None and not (isinstance(passage, str) and passage.strip()):
        raise BadQuestions(f"{path}: the passage of {text[:60]!r} is no text")
    return Question(text=text.strip(), passage=passage)
