"""Phrases that end things, as patterns to be matched from where one stands: each eats a phrase and the space after it.
English; said without marks, in lower case. What they mean together is `dismissal.py`'s."""

from __future__ import annotations

import re


def one_of(*phrases: str) -> str:
    """Each string is a phrase or several, parted by " | "."""
    return "(?:" + "|".join(one for some in phrases for one in some.split(" | ")) + ")"


def eaten(*phrases: str) -> re.Pattern[str]:
    return re.compile(one_of(*phrases) + r"(?: |$)")


_MUCH = "(?: very much| so much| a lot| again| all| both)*"
_THANKS = f"thanks{_MUCH} | thank you{_MUCH}"
_SAYS_MORE = r"(?:bye|good\w*|see|please|you|we|i|that's|leave|now)\b"
_THANKS_FOR = (
    "(?:thanks|thank you)(?: so much| a lot)? for (?:coming|everything|that"
    rf"|(?:your|the|all|being)(?: (?!{_SAYS_MORE})\w+){{1,3}})"
)
_ENOUGH = (
    r"that(?: is|'s| was| will be|'ll be) (?:all|it|enough|everything)"
    r"(?: (?:for|from) (?:now|me|us|today)| (?:that )?(?:i|we) (?:need|needed|wanted|have|had))?"
)
_FILLERS = (
    "okay | ok | so | well | and | but | now | then | oh | um | uh | er | hey | hi | hello | yes | no | yeah",
    "right | all right | alright | great | good | cool | perfect | fine | lovely | please | sorry | excuse me",
    f"i'm sorry | actually | just | got it | i see | i said | {_THANKS_FOR} | {_THANKS}",
)
FILLER = eaten(_ENOUGH, *_FILLERS)

# Being asked to leave. The one who leaves is the bot: an order, or "you" after what makes it one.
_ROOM = "(?:meeting|call|room|chat|conversation|session|discussion|channel|zoom)"
_PLACE = (
    rf"(?:(?:the|this|our|your|my)(?: \w+)? {_ROOM}|(?:us|me)(?: all)?(?: alone| in peace| in private| to it)?|here)"
)
_LEAVE = (
    rf"leave(?: {_PLACE})? | (?:exit|quit)(?: {_PLACE})? | (?:drop|hop|step|log|get) (?:off|out)(?: of)?(?: {_PLACE})?",
    "sign (?:off|out) | go away | go home | disconnect(?: yourself)? | hang up | be gone",
    rf"remove yourself(?: from {_PLACE})? | end (?:the|this) {_ROOM}",
)
_GOING = rf"(?:leaving(?: {_PLACE})?|going(?: away)?|hanging up|disconnecting)"
_SOFTLY = "(?:(?:please|now|just|kindly|also|really|maybe|perhaps|better|then) )*"
_WE_WANT = (
    "(?:(?:we|i) (?:(?:would|do|really|have to|must|need to) )*(?:like|want|need|ask|prefer)"
    "|(?:we'd|i'd|we'll have to|i'll have to) (?:really |rather )*(?:like|love|prefer|ask)"
    "|(?:can|could|may|must) (?:we|i) (?:please )?ask)(?: for)? you to"
)
_YOU_MUST = "you (?:can|could|may|might|must|should|shall|need to|have to|had better|better|ought to|are free to)"
_DO_YOU = "(?:can|could|will|would|may|might|must|won't) you"
_WE_THINK = "(?:i|we) (?:think|guess|suggest|believe) (?:that )?(?:you should|you'd better|it's time for you to)"
_YOU_MAY = (
    "(?:(?:it's|it is) )?time for you to | you'd better | feel free to",
    "(?:would|is) it(?: be)? (?:okay|ok|alright|all right|possible) for you to",
)
_FOR_YOU = one_of(_DO_YOU, _WE_WANT, _YOU_MUST, _WE_THINK, *_YOU_MAY)
LEAVE = eaten(rf"{_SOFTLY}{one_of(*_LEAVE)}")
PLEASE_GO = eaten(rf"{_SOFTLY}go")  # "go" alone is said to whoever is next
YOU_LEAVE = eaten(
    rf"{_FOR_YOU} {_SOFTLY}{one_of(*_LEAVE, 'go', 'drop')} | would you mind {_GOING}",
    "(?:you're|you are) (?:now )?(?:excused|dismissed)",
)
PLEASE_LEAVE = eaten(
    rf"please {_SOFTLY}{one_of(*_LEAVE, 'go')} | {one_of(_DO_YOU, _WE_WANT)} {_SOFTLY}{one_of(*_LEAVE)}"
)
_A_WHILE = r"(?:\w+ ){1,3}(?:moments?|minutes?|while|bit)"
BESIDE_LEAVE = eaten(
    "please | now | right now | right away | straight away | immediately | at once | for now | for today",
    "today | already | then | okay | ok | sorry | again | quietly | as well | and | bye | goodbye | if you don't mind",
    f"if you would | (?:would|will|could|can) you | for {_A_WHILE} | {_THANKS}",
)
WHY = re.compile(
    r"(?:because|cause|so (?:that )?(?:we|i)|since (?:we|i|this)|as (?:we|i)|while (?:we|i)|otherwise|this is"
    r"|this part is|(?:it's|it is) (?:private|confidential)|(?:we|i)(?:'\w+)?)\b"
)
# Recognised speech has no marks: before the order, "we" may have said what is wanted or that it is over.
BEFORE_LEAVE = re.compile(r"(?:we|we're|we've|we'd|i|i'm|i'd|this|that|that's|it|it's|the|our|from here)\b")
WE_ARE_DONE = re.compile(
    r"(?:(?:we|i)(?:'re|'m| are| am) \w+(?: \w+)?|(?:we|i) don't need you(?: \w+){0,2}|that(?:'s| is) (?:all|it)) $"
)
NOT_OURS = re.compile(  # somebody else's leaving is spoken of, or it is denied
    r"\b(?:tell|told|asks?|asked|says?|said|lets?|made?|make|if|whether|when|how|who|why|hope|thought)\b"
    r"|\b(?:to|not|never|don't|and|or|he|she|they|it|i|we|everyone|everybody|all|people|guys|should|can|could|will) $"
)
QUOTES = re.compile(r"\b(?:says?|said|saying|types?|typed|typing|writes?|wrote|writing|shout(?:s|ed)?|called)$")
STAY = re.compile(
    r"\b(?:don't|do not|never|not|can't|cannot|couldn't|shouldn't|mustn't|won't|needn't)"
    r"(?: (?:need|have|want)(?: you)? to)?(?: (?:please|you|ever|just|yet))*"
    r" (?:leave|go|exit|quit|disconnect|hang up)\b"
    r"|\b(?:please|you can|you may) stay\b"
)

# Farewells.
_DAY = r"(?:tomorrow|tonight|later|soon|around|then|again|next (?:time|week|month)|on \w+day|in a (?:bit|while|minute))"
FAREWELL = eaten(
    rf"bye | goodbye | good bye | good night | farewell | so long | ciao | see (?:you|ya)(?: all)?(?: {_DAY})*",
    rf"(?:talk|speak) to you(?: all)? {_DAY} | until next time | catch you later | take care",
    "have a (?:nice|good|great|lovely) (?:day|evening|weekend|one|night|afternoon|time|week)",
)
BESIDE_FAREWELL = eaten(
    f"{_ENOUGH} | {_THANKS_FOR} | everyone | everybody | all | guys | folks | there | for now | for today | from me",
    "(?:i|we)(?:'ve)? (?:have to|need to|must|gotta|got to|should) (?:go|leave|run)(?: now)? | gotta go | you too",
    "(?:i'm|we're|i am|we are) (?:off|done|finished|leaving|going)(?: here| for today| now| then)?",
    "(?:it|that|this) (?:was|has been) (?:(?:very|really|so) )*(?:nice|good|great|lovely|helpful|useful|fun)",
    "(?:very )?nice | (?:talking|speaking|chatting) (?:to|with) you | (?:to )?meet(?:ing)? you",
    *_FILLERS,
)

# Stops: whole, or the beginning of what is still being said.
_WHILE = "(?:a|one|just a|just one) (?:second|sec|moment|minute|bit|tick)"
STOP = eaten(
    "stop(?: (?:it|that|this|there|talking|speaking|answering|explaining|reading))*",
    f"wait(?: up)?(?: {_WHILE})? | (?:hold|hang) on(?: {_WHILE})?",
    "hold it | (?:be |keep )?quiet | silence | shut up | enough | that(?:'s| is| was| will be|'ll be) enough",
    f"{_WHILE} | never ?mind(?: that)? | cancel(?: that)? | (?:that'll|that will) do | s+h+(?: s+h+)* | hush | shush",
    f"be silent | shut it | cut it out | (?:skip|forget) (?:it|that) | pause(?: {_WHILE})? | give (?:me|us) {_WHILE}",
    "let me (?:stop|interrupt) you | (?:i've|we've|i have|we have) heard enough",
)
BESIDE_STOP = eaten(
    f"right (?:now|there) | for {_WHILE} | for now | i said | there | here | again | already",
    "(?:can|could|would|will) you | you (?:can|may|should) | whoa",
    *_FILLERS,
)

# A stop that says why: "never mind, I found it". What takes its place is a question and no stop.
CALLED_OFF = eaten("never ?mind(?: it| that)? | (?:forget|skip|cancel)(?: (?:it|that|about it|about that))")
SETTLED = re.compile(
    r"(?:i|we|he|she|they|it|that|this|there)(?:'\w+)?\b"
    r"(?!.*\b(?:mean|meant|want|wanted|need|asking|asked|wondering|question|how|what|when|where|which|who|why|you)\b)"
)
THANKS = eaten(_THANKS_FOR, _THANKS)

# Nods.
_NOD_WORDS = (
    "absolutely | aha | alright | amazing | awesome | brilliant | cool | correct | definitely | exactly",
    "excellent | fine | gotcha | good | great | huh | indeed | interesting | lovely | nice | ok | okay | perfect",
    "really | right | sure | totally | true | uhuh | understood | wonderful | wow | ya | yea | yeah | yep | yes | yup",
)
_NOD_PHRASES = (
    "all right | fair enough | for sure | fair point | good point | got it | got you | i see | i know | makes sense",
    "of course | sounds good | that makes sense | that's right | that's true | that's good | that's great",
    "that's nice | that's interesting | that's cool | that's amazing | that's awesome | very good | very nice",
    "very interesting | very cool | good to know | nice one | sure thing | i understand | i agree | oh my god",
)
_LAUGHED = "(?:ha)+h?(?: (?:ha)+h?)* | (?:he){2,} | lol | no way | no kidding"
_HUMMED = "(?:m+|h+m+|m+h+m*|u+h+|a+h+|o+h+)(?: (?:h*m+|hu+h|m+h+m+))*"
NOD = eaten(*_NOD_PHRASES, *_NOD_WORDS, _HUMMED, _LAUGHED)
BESIDE_THANKS = eaten(*_NOD_PHRASES, *_NOD_WORDS, *_FILLERS, _HUMMED, _ENOUGH)
_FIRST_WORDS = {one.rsplit(" ", 1)[0] for some in _NOD_PHRASES for one in some.split(" | ")} | {"that"}
BEGUN_NOD = re.compile(one_of(*sorted(_FIRST_WORDS)) + "$")
