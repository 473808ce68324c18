"""Does it go on with what we just answered? Where several people are, who was answered speaks to the others next as
often as to us, and only what looks like a question about the answer, or like an order to us, is a reply. Pure; English.
"""

from __future__ import annotations

import re

from bot.conversation.phrases import eaten, one_of
from bot.conversation.terms import words_of

_FRAGMENT_WORDS = 6  # "and in a pot"
_ASIDE = eaten(
    *("okay", "ok", "oh", "ah", "um", "uh", "er", "hm+", "mm+", "well", "so", "right", "alright", "all right", "great"),
    *(
        "good",
        "nice",
        "cool",
        "fine",
        "perfect",
        "interesting",
        "wow",
        "thanks",
        "thank you",
        "yes",
        "yeah",
        "yep",
        "no",
    ),
    *("sorry", "excuse me", "please", "hey", "i see", "got it", "then", "now", "really", "sure", "wait", "but", "and"),
    *("or", "also", "very much", "so much", "a lot", "makes sense"),
)
# How a meeting is led: said to the others whatever the rest looks like.
_LEADS = (
    *(
        "let's",
        "lets",
        "let us",
        "shall we",
        "moving on",
        "move on",
        "back to",
        "agenda",
        "lunch",
        "coffee",
        "minutes?",
    ),
    *(
        "next (?:item|topic|point|one|question|slide|step)",
        "(?:who's|what's) next",
        "(?:a|the) break",
        "(?:un)?mute[ds]?",
    ),
    "should we (?:take|move|start|go|stop|break|get|continue|do|have|meet)",
    *(
        "(?:your|my|the) (?:screen|slides?|camera|microphone|mic)",
        "raise your hand",
        "you guys",
        "(?:you all|all of you)",
    ),
    *("(?:any|every|some)(?:one|body)", "(?:any|some) (?:questions|comments|objections)", "anything else"),
    *(
        "who (?:wants|else|has next|is next)",
        "where were we",
        "you (?:go|start) (?:first|ahead|next)",
        "you were saying",
    ),
    *("over to you", "your turn", "(?:hear|see) (?:me|us)"),
)
_LEADING = re.compile(rf"\b{one_of(*_LEADS)}\b")
_I_GO_ON = re.compile(r"(?:can|could|may) i (?:just|quickly|jump|add|go|share|say|interrupt|present|show)\b")
_ASKS = r"(?:what|what's|how|how's|why|when|where|where's|which|who|who's|whose|whom)"
_AUXILIARY = (
    r"(?:(?:is|are|was|were|do|does|did|has|have|had|could|would|should)(?:n't)?|can|can't|will|won't|must|might|may)"
)
_ITS = "(?:it|that|this|they|these|those|there|its|their|i|he|she|the|an?|any|some|such|one|my|both|all|most|many|every|each)"
_TELL = (
    "(?:explain|say|tell|repeat|give|describe|elaborate|summari[sz]e|recommend|suggest|list|name|help|translate|spell"
    "|go (?:on|over|into)|expand|clarify|compare|define|remember|find|look|check|read|continue|know|think|mean|shorten"
    "|rephrase|be more|speak|answer|quote|remind)"
)
_WHAT = "(?:me|us|it|that|this|those|them|again|more|the|an?|some|another|two|three|five|one|in|once|everything|what|why|how)"
_SOFTLY = "(?:(?:please|also|maybe|perhaps|just|briefly|quickly) )*"
# Matched from the start, without asides.
FOLLOW_UPS: tuple[str, ...] = (
    # questions of what was said
    rf"(?!\w+ (?:are|were|did|do|about) (?:we|our)\b)(?:(?:in|for|at|to|since|by|with|from|until) )?{_ASKS}\b",
    rf"{_AUXILIARY} {_ITS}\b",
    rf"{_AUXILIARY} we\b.*\b(?:it|that|them|this|those|these|ones?)\b",
    r"(?:does|is|are|was|do|did|can|will|would|should) (?!you\b|we\b|us\b)[\w']+(?: [\w']+){1,6}$",
    # to "you", as one asks who knows
    rf"{_AUXILIARY} you {_SOFTLY}{_TELL}\b",
    r"(?:are|aren't|were) you (?:sure|certain|serious|real|an?|human|not|still|there|saying|able|allowed|aware|programmed)\b",
    r"(?:do|don't|did|would|have|can) you (?:have (?:an?|any|more|another|other)|agree|like|got|prefer|use)\b",
    r"you (?:mean|meant|said|say|think|mentioned|are|aren't|didn't|don't|haven't|sound|told me)\b",
    r"you're\b(?! (?:next|up|right))",
    # orders
    rf"(?:show|{_TELL}) {_WHAT}\b",
    r"(?:go on|say more|more|repeat|continue|elaborate|again|once more|one more time|pardon|come again|another one|in short"
    r"|shorter|slower|louder)(?: (?:please|about it|about that|details?))*$",
    # it was not understood, or not what was asked
    r"(?:i|we)(?: still)? (?:don't|didn't|do not|did not|couldn't|can't)(?: really| quite)? (?:understand|get|catch|follow)\b",
    r"(?:i|we) (?:meant|was asking|asked|mean)\b",
    r"that(?:'s| is| was)(?: still)? not (?:what|the|an?|quite|right|true|correct|my)\b",
    r"that (?:doesn't|can't|isn't|wasn't)\b|not (?:the|in|for|that|my|an?)\b",
    r"(?:another|one more|an?) (?:follow up )?question\b",
    r"i (?:want|wanted|would like|need) to know\b|i wonder\b|i was wondering\b|i'd like to know\b",
)
_FOLLOWS = re.compile(one_of(*FOLLOW_UPS))
_JOINS = re.compile(
    r"(?:(?:okay|ok|oh|so|right|thanks|thank you|great|well|sorry) )*(?:and|or|but|even|only|also|not|like|in|for|with|without"
    r"|on|at|every|as|if|because|than|from|under|during|after|before|so)\b"
)
_TELLING = re.compile(r"\b(?:i|we|he|she|they)(?:'\w+)?\b|\b(?:my|our|me|us|then)\b")


def follows_up(text: str) -> bool:
    said = " ".join(words_of(text))
    asked = said
    while aside := _ASIDE.match(asked):
        asked = asked[aside.end() :]
    if _LEADING.search(said) or _I_GO_ON.match(asked):
        return False
    return _FOLLOWS.match(asked) is not None or _is_fragment(asked, said)


def _is_fragment(asked: str, said: str) -> bool:
    """A few words that join and tell nothing: "and bark", "even in winter"."""
    joins = bool(asked) and _JOINS.match(said) is not None
    return joins and len(said.split()) <= _FRAGMENT_WORDS and not _TELLING.search(asked)
