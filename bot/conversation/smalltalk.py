"""What is said without a model: small talk, and the honest answer to what the bot is. Tables; pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.conversation.terms import words_of

MAX_WORDS = 8
REPLIES: tuple[tuple[str, str], ...] = (
    (r"(can|do) you hear (me|us)", "Yes, I can hear you."),
    (r"(who|what) are you|are you (a|an) (ai|robot|human|person|machine|bot)", "I'm {name}, an AI assistant. {about}"),
    (r"what can you do|what do you know|how can you help", "{about}"),
    (r"(nice|good|pleased) to meet you", "Nice to meet you, too."),
    (r"how are you( doing)?( today)?", "I'm well, thank you. What would you like to know?"),
    (r"(thank you|thanks)( very much| so much| a lot)?", "You're welcome."),
    (r"(hello|hi|hey|good (morning|afternoon|evening|day))( there| everyone)?", "Hello! What would you like to know?"),
)


def small_talk(said: str, *, name: str, about: str) -> str | None:
    """The reply where what was said is small talk and nothing else."""
    words = [word for word in words_of(said) if word != name.lower()]
    text = " ".join(words)
    if not words or len(words) > MAX_WORDS:
        return None
    for pattern, reply in REPLIES:
        rest = re.sub(rf"\b({pattern})\b", " ", text)
        if rest != text and len(rest.split()) <= 1:
            return reply.format(name=name, about=about).strip()
    return None


_MOST_WORDS = 18  # a longer question is about more than what we are
_KIND = (
    r"(an? |the )?(real |actual |living |live |genuine |mere |simple |talking |virtual |kind of |sort of )*"
    r"(ai|a i|artificial intelligence|artificial|robot|bot|chat ?bot|machine|computer|program|programme|software|"
    r"language model|llm|chat ?gpt|gpt|algorithm|avatar|deepfake|human|human being|person|real|man|woman|guy|someone|"
    r"somebody|people|recording|alive|sentient)"
)
_REALLY = (
    r"(really |actually |truly |just |even |in fact |by any chance |not |perhaps |maybe |possibly |honestly |like )*"
)
_ENDS = r"(?= or\b| and\b| not\b| at all\b| then\b| right\b| aren't\b| are you\b| too\b| here\b| by\b| behind\b|$)"
_BEING: tuple[str, ...] = (
    rf"\b(are|aren't|were) you {_REALLY}{_KIND}( assistant| person| being| voice)?{_ENDS}",
    rf"\b(you're|you are|you're not|you aren't) {_REALLY}{_KIND}( assistant| person| being)?{_ENDS}",
    rf"\b(am i|are we|i'm|we're) {_REALLY}(talking|speaking|chatting) (to|with) {_KIND}",
    rf"\b(is|isn't) (this|that|it|there) {_REALLY}{_KIND}( person| being| voice)? ?(talking|speaking|behind|i'm|$)",
    r"\b(are|aren't) you (made of flesh|flesh and blood|computer generated|ai generated|generated|automated|one of us)",
    r"\b(do you have|have you got) (a )?(real )?(body|brain|feelings|consciousness|a human)",
    r"^(who|what)( exactly| the hell)? are you( really| actually| exactly| then)?$",
    r"^what (kind|sort|type) of (thing|being|person|creature|program|machine) are you$",
    r"\bis (a|some) (real |actual )?(human|person|someone) (controlling|typing|behind|speaking for|steering)\b",
)
_ASIDE = re.compile(r"^(so|and|but|wait|hey|hi|hello|ok|okay|um|uh|well|sorry|please|tell me|honestly|seriously|just) ")


def what_am_i(said: str, *, names: Sequence[str], about: str = "") -> str | None:
    """The honest answer to "are you an AI, a robot, human, real?" in its usual phrasings, whatever the persona says."""
    text = " ".join(words_of(said))
    calls = sorted((" ".join(words_of(name)) for name in names), key=len, reverse=True)
    asks = [text, *(re.sub(rf"\b(is|isn't) {re.escape(call)}\b", "are you", text) for call in calls if call)]
    for ask in asks:
        for call in calls:
            ask = re.sub(rf"\b{re.escape(call)}\b", " ", ask) if call else ask
        ask = " ".join(ask.split())
        while (shorter := _ASIDE.sub("", ask)) != ask:
            ask = shorter
        if 0 < len(ask.split()) <= _MOST_WORDS and any(re.search(pattern, ask) for pattern in _BEING):
            return f"I'm {names[0]}, an AI assistant, not a human. {about}".strip()
    return None
