"""What a mind without a model says to a greeting or a thank-you, before it looks into its knowledge. A table; pure."""

from __future__ import annotations

import re

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
