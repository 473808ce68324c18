"""What the bot says of itself: on joining, in chat, on leaving. Being an AI is declared by voice, in the chat, in the
name and in the picture."""

from __future__ import annotations

import re

_DECLARES = re.compile(r"\bI(?:'m|’m| am)\b[^.!?]*\ban AI\b[^.!?]*", re.IGNORECASE)
_DENIES = re.compile(r"\b(?:not|no|never|hardly|isn't|ain't)\b", re.IGNORECASE)


def spoken_greeting(name: str, greeting: str = "") -> str:
    """The character's own greeting where it says "I am ... an AI", else that before it: no persona leaves it out."""
    declared = _DECLARES.search(greeting)
    if declared and not _DENIES.search(declared.group()):
        return greeting
    return f"Hello, I'm {name}, an AI assistant. {greeting}".strip()


def chat_notice(name: str) -> str:
    return (
        f"{name} is an AI assistant. It listens to this meeting to answer when spoken to, and keeps a transcript of "
        f'what is said. Say "{name}, please leave" at any time and it leaves.'
    )


def spoken_goodbye(name: str = "") -> str:
    return "Goodbye, and thank you for having me."


STOPPED = "I'll stop."
