"""Does it go on with what we just answered? Where several people are, who was answered speaks to the others next as
often as to us, and only what looks like a question about the answer, or like an order to us, is a reply. Pure; English.
It knows no subject: "is the room free" is as good a question as "is the soil good", so where words of meetings and
offices stand alone (`meeting_words.txt`) it takes them for talk among people, and the name brings the bot back.
"""

from __future__ import annotations

import re

from bot.conversation.phrases import eaten, one_of
from bot.conversation.terms import lines, words_of

_FRAGMENT_WORDS = 6  # "and in a pot"
_ANSWER_WORDS = 8  # "sandy I think but I'm not sure"
_OF_US = re.compile(r"\b(?:we|we're|we've|we'll|us|our|you guys|he|she|him|her)\b")
_ASIDE = eaten(
    "okay | ok | oh | ah | um | uh | er | hm+ | mm+ | well | so | right | alright | all right | great | good",
    "nice | cool | fine | perfect | interesting | wow | thanks | thank you | yes | yeah | yep | sorry | excuse me",
    "please | hey | i see | got it | then | now | really | sure | wait | but | and | or | also | very much | so much",
    "a lot | makes sense | no(?! (?:more|less|need))",
)
# How a meeting is led, and idioms: no question about an answer has them.
_LEADS = one_of(
    "let's | lets | let us | shall we | moving on | move on | back to | (?:a|the) break | where were we",
    "should we (?:take|move|start|go|stop|break|get|continue|do|have|meet) | why don't we | (?:who's|what's) next",
    "next (?:item|topic|point|one|question|slide|step) | raise your hand | you guys | you all | of you | stop here",
    "who (?:wants|else|has next|is next) | (?:any|every|some)(?:one|body) | (?:any|some) (?:questions|comments)",
    "anything else (?:from|for|on|before) | you (?:go|start) (?:first|ahead|next) | you were saying | over to you",
    "your turn | (?:hear|see) (?:me|us) | for (?:all|you|the record) | go next | on the other hand | in my opinion",
    "not for me | every (?:single )?time | that was that | okay if (?:we|i) | did you do | would you like",
    "no problem | no worries | my pleasure",
    "(?:un)?muted? | just me | need to (?:talk|discuss|decide|meet)",
)
_LEADING = re.compile(rf"\b{_LEADS}\b")
_I_GO_ON = re.compile(
    r"(?:can|could|may|should|shall) i (?:just|quickly|jump|share|say|interrupt|present|show|send|call|have the"
    r"|go first)\b"
)
_ABOUT_WORK = frozenset(word for line in lines("meeting_words.txt") for word in line)
_GOES_ON = re.compile(r"(?:\w+ )*?(?:and|what about|how about)\b")  # with a word of work it still is a reply

_ASKS = "(?:what|what's|how|how's|why|when|where|where's|which|who|who's|whose|whom)"
_AUXILIARY = (
    "(?:(?:is|are|was|were|do|does|did|has|have|had|could|would|should)(?:n't)?|can|can't|will|won't|must|might|may)"
)
_ITS = (
    "(?:it|that|this|they|these|those|there|its|their|i|he|she|the|an?|any|some|such|one|my|both|all|most|many|every"
    "|each)"
)
_ITS_OBJECT = "(?:it|that|them|there|this|those|these|ones?|need|use|have to)"
_TELL = one_of(
    "explain | say | tell | repeat | give | describe | elaborate | summari[sz]e | recommend | suggest | list",
    "name | help",
    "translate | spell | go (?:on|over|into) | expand | clarify | compare | define | remember | find | look",
    "check | read",
    "continue | know | think | mean | shorten | rephrase | be more | speak | answer | quote | remind",
)
_SOFTLY = "(?:(?:please|also|maybe|perhaps|just|briefly|quickly) )*"
_MATTERS = "(?:matter|help|okay|ok|enough|bad|normal|work|too|hurt|mean|good|right)"
# Matched from the start, without asides.
FOLLOW_UPS: tuple[str, ...] = (
    # questions of what was said
    rf"(?!\w+ (?:are|were|did|do|about) (?:we|our)\b)(?:(?:in|for|at|to|since|by|with|from|until) )?{_ASKS}\b",
    r"(?:how|where|when) (?:do|did|are|can|could|should|would) we\b.*\b(?:it|that|them|there|those)\b",
    rf"{_AUXILIARY} {_ITS}\b",
    rf"{_AUXILIARY} we\b.*\b{_ITS_OBJECT}\b",
    r"(?:does|is|are|do|can|will|would|should) (?!you\b|we\b|us\b)[\w']+(?: [\w']+){1,6}$",
    rf"(?:i|my|mine|it|they|if)\b.*\b(?:what (?:should|do|can|could) i|(?:does|is|will) (?:that|it) {_MATTERS}"
    rf"|how (?:do|can) i)\b",
    r"(?:anything|something|what) else i\b",
    # to "you", as one asks who knows
    rf"{_AUXILIARY} you {_SOFTLY}{_TELL}\b",
    r"(?:are|aren't|were) you (?:sure|certain|serious|real|an?|human|not|still|saying|able|allowed|aware|programmed)\b",
    r"(?:do|don't|did|would|have|can) you (?:have (?:an?|any|more|another|other)|agree|like|got|prefer|use|say)\b",
    r"you (?:mean|meant|said|say|think|mentioned|are|aren't|didn't|don't|haven't|sound|told me)\b",
    r"you're (?!next|up|right|on|in|welcome|late)",
    # orders
    r"(?:tell|give|show|remind) (?:me|us) (?!a (?:second|minute|moment|sec|hand|break|call))",
    rf"(?!give|tell|remind|know|think|mean|look|check|find){_TELL} (?:it|that|this|those|them|again|more|the|an?|how"
    rf"|what|why|in)\b",
    r"(?:go on|say more|more|repeat|continue|elaborate|again|once more|one more time|pardon|come again|another one"
    r"|shorter"
    r"|slower|louder|try again)(?: (?:please|about it|about that|details?))*$",
    r"in (?:short|brief|english|other words|one (?:word|sentence)|a nutshell)\b",
    # it was not understood, or not what was asked
    r"(?:i|we)(?: still)? (?:don't|didn't|do not|did not|couldn't|can't)(?: really| quite)? (?:understand|get|catch"
    r"|follow)\b",
    r"(?:i|we) (?:meant|was asking|asked|mean)\b",
    r"that(?:'s| is| was)(?: still)? not (?:what|the|an?|quite|right|true|correct|my)\b",
    r"that (?:doesn't (?:answer|sound|make|seem)|can't be|isn't|wasn't)\b|not (?:the|in|for|that|my|an?)\b",
    r"(?:i have |i've got |i had )?(?:another|one more|an?) (?:follow up )?question\b",
    r"i (?:want|wanted|would like|need) to know\b|i(?: was| am|'m)? wonder(?:ing)? (?:if|whether|how|what|why|when"
    r"|which)\b",
)
_FOLLOWS = re.compile(one_of(*FOLLOW_UPS))
_JOINS = re.compile(
    r"(?:(?:okay|ok|oh|so|right|thanks|thank you|great|well|sorry) )*(?:and|or|but|even|only|also|not|like|in|for"
    r"|with|without|per"
    r"|on|at|every|as|if|because|than|from|under|during|after|before|by|so|no|the)\b"
)
_TELLING = re.compile(
    r"\b(?:i|we|he|she|they|you)(?:'\w+)?\b|\b(?:our|me|us|your|was|were|is|are|said|had|went|did|has|have|will"
    r"|that's|it's)\b"
)


def follows_up(text: str) -> bool:
    said = " ".join(words_of(text))
    asked = said
    while aside := _ASIDE.match(asked):
        asked = asked[aside.end() :]
    if _LEADING.search(said) or _I_GO_ON.match(asked):
        return False
    if _ABOUT_WORK.intersection(said.split()) and not _GOES_ON.match(said):
        return False
    return _FOLLOWS.match(asked) is not None or _is_fragment(asked, said)


def answers(text: str) -> bool:
    """Could it answer a question of ours: a few words, and none by which people lead or speak of "us"."""
    said = " ".join(words_of(text))
    among_people = _ABOUT_WORK.intersection(said.split()) or _LEADING.search(said) or _OF_US.search(said)
    return not among_people and len(said.split()) <= _ANSWER_WORDS


def _is_fragment(asked: str, said: str) -> bool:
    """A few words that join and tell nothing: "and bark", "even in winter"."""
    joins = bool(asked) and _JOINS.match(said) is not None
    return joins and len(said.split()) <= _FRAGMENT_WORDS and not _TELLING.search(asked)
