"""What is said without a model: small talk, and the honest answer to what the bot is. Tables; pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.conversation.dismissal import without_names
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
    text = without_names(said, [name])
    if not 0 < len(text.split()) <= MAX_WORDS:
        return None
    for pattern, reply in REPLIES:
        rest = re.sub(rf"\b({pattern})\b", " ", text)
        if rest != text and len(rest.split()) <= 1:
            return reply.format(name=name, about=about).strip()
    return None


_MOST_WORDS = 18  # a longer question is about more than what we are
_LIKE = (
    r"(an? |the )?(real |actual |living |live |genuine |mere |simple |talking |virtual |digital |kind of |sort of "
    r"|some |one of (those|these) |computer |human )*"
)
_AI = r"(ai|a i|artificial intelligence|robot|bot|chat ?bot|machine|computer|language model|llm|chat ?gpt|gpt|deepfake)"
_HUMAN = r"(human|human being|person|man|woman|guy|girl|boy|lady|agent|operator|representative|employee)"
_THING = r"(program|programme|software|algorithm|avatar|recording|animation|cartoon|puppet|simulation)"
_QUALITY = (
    r"(artificial|real|for real|fake|alive|sentient|conscious|synthetic|virtual|generated|computer generated"
    r"|ai generated|automated|pre ?recorded|made of flesh|flesh and blood|one of us)"
)
_SOMEBODY = r"(someone|somebody|anyone|anybody|people)"
_KIND = rf"{_LIKE}({_AI}|{_HUMAN}|{_THING}|{_QUALITY}|{_SOMEBODY})"
_SUCH = "( assistant| person| being| voice| program| agent| bot| model| system| tool| thing| things| character)?"
_REALLY = (
    r"(really |actually |truly |just |even |in fact |by any chance |not |perhaps |maybe |possibly |honestly |like "
    r"|sure )*(you're |you are )?"
)
_ENDS = (
    r"(?= or\b| and\b| not\b| at all\b| then\b| right\b| aren't\b| isn't\b| are you\b| too\b| here\b| by\b| behind\b|$)"
)
_DOES = (
    r"(controlling|typing|steering|answering|talking|speaking|writing|operating|behind|there|on the other (end|side)"
    r"|reading)"
)
_BEING: tuple[str, ...] = (
    rf"\b(are|aren't|were) you {_REALLY}{_KIND}{_SUCH}{_ENDS}",
    rf"\b(could|might|can) you {_REALLY}be {_KIND}{_SUCH}{_ENDS}",
    rf"\b(are|aren't) you (powered|driven|run|built|made|created|trained|generated) (by|on|with) {_LIKE}"
    rf"({_AI}|open ?ai|google|anthropic|microsoft|meta)\b",
    r"^(which|what)( kind of| sort of| type of)?( ai| a i| language)*( model| ai) (are you|is this|do you use)\b",
    rf"\b(you're|you are|you're not|you aren't) {_REALLY}{_KIND}{_SUCH}{_ENDS}",
    rf"\b(am i|are we|i'm|we're|do i|do we) {_REALLY}(talk|speak|chatt?)(ing)? (to|with) {_KIND}",
    rf"\b(is|isn't) this {_REALLY}{_LIKE}({_AI}|{_HUMAN}|a {_THING}|some {_THING})( person| being| voice)?"
    rf"( talking| speaking| behind\b.*| i'm\b.*)?{_ENDS}",
    rf"^(this is|that's|it's) {_REALLY}{_LIKE}({_AI}|{_HUMAN})( voice)? (right|isn't it|not|talking|speaking)\b",
    rf"\b(is|isn't) (there|it|that) {_REALLY}{_LIKE}({_AI}|{_HUMAN}|{_SOMEBODY}) {_DOES}",
    rf"\bis (an?|some|any) {_LIKE}({_AI}|{_HUMAN}) {_DOES}",
    r"\bis (someone|somebody) (really )?(controlling|typing|steering|operating|behind) (you|this|it|that)\b",
    rf"\b(is|are) (anybody|anyone) (here |there )?{_LIKE}(real|human)\b",
    rf"\byou (sound|look|talk|act|seem) (just |a lot |more |a bit )?(like|as) {_LIKE}({_AI}|{_HUMAN}|{_THING}){_ENDS}",
    rf"\b(is|isn't) (that |this )?your (face|voice|picture|body) {_REALLY}{_KIND}{_ENDS}",
    r"\bis (that|this) (really |actually )?your (real|actual|own|true) (face|voice|picture|body)",
    r"\b(do you have|have you got) (a )?(real )?(body|brain|feelings|consciousness|a human)",
    rf"^(who|what)( exactly| the hell)? are you( really| actually| exactly| then)?( {_KIND})?$",
    r"^what (kind|sort|type) of (thing|being|person|creature|program|machine) are you$",
)
_NOTED = r"(transcripts?|records?|recordings?|minutes|notes|logs?|protocol)"
_MEETING = r"(call|meeting|conversation|voice|voices|words|audio|sound|session|chat|video)"
_WHAT_IS_SAID = (
    r"( (this|that|it|us|me|everything|all|now|too|all of this|the whole thing|((this|the|our|my) )?"
    rf"{_MEETING}|(what|everything|anything|all) (i|we|you)( all|'re)? "
    r"(say|said|saying|hear)|of (this|that|it|us|the meeting|everything)|by any chance|right now|of what (is|we) "
    r"(said|say)|in here|here|down))*$"
)
_RECORDING: tuple[str, ...] = (
    rf"\b(are|aren't|were) you (still |also |really |now |actually |not )*(recording|transcribing|listening in"
    rf"|spying( on)?|going to (record|transcribe)){_WHAT_IS_SAID}",
    rf"\b(are|aren't|were) you (still |also |really |now )*(taking|keeping|making|writing) (an? |any "
    rf"|the )?{_NOTED}{_WHAT_IS_SAID}",
    rf"\b(are|aren't) you (writing|noting|taking|storing|saving|keeping|logging) (this|that|it|everything|all"
    rf"|what|our|my|us|me)\b( down| voices?| {_MEETING})?{_WHAT_IS_SAID}",
    rf"\b(do|did|will|don't) you (also |really )*(record|transcribe|log|store|save)( (this|that|it|us|me"
    rf"|what)\b)?{_WHAT_IS_SAID}",
    rf"\b(do|did|will|don't) you (also |really )*(keep|take|make|write) (an? |any |the )?{_NOTED}{_WHAT_IS_SAID}",
    rf"\b(am i|are we|(is|was|has|will|does) (this|it|everything|anything|((this|the|our|my) )?{_MEETING})) (all )?"
    rf"(being |been |be |get |going to be )*(recorded|transcribed|logged|stored|saved){_WHAT_IS_SAID}",
    rf"\b(is|isn't) (someone|somebody|anyone|anybody) (recording|transcribing){_WHAT_IS_SAID}",
    rf"\b(are we|am i|is this) on (the )?record{_WHAT_IS_SAID}",
    rf"\bis there an? {_NOTED}( being (made|kept|taken))?{_WHAT_IS_SAID}",
)
_NO_RECORDING: tuple[str, ...] = (
    rf"^((can|could|will|would) you )?(please )?(stop|don't|do not|quit) (the )?(record|transcrib)(e|ing)?"
    rf"{_WHAT_IS_SAID.removesuffix('$')}( please)?$",
    r"\bi (don't|do not) want (to be|you to|any of this) (record|transcribe)",
)
_ASIDE = re.compile(r"^(so|and|but|wait|hey|hi|hello|ok|okay|um|uh|well|sorry|please|tell me|honestly|seriously|just) ")
_KEEPS = "I'm {name}, an AI assistant. I keep a transcript of what is said and written here, but no sound."
_WHOSE = "Those who sent me here keep it and decide who may read it and for how long; please ask them."
_KEPT = rf"((the|this|that|our|my|your) ({_MEETING} )?(transcripts?|recordings?|data)|(our|my) (words|voices?))"
_KEEPING: tuple[str, ...] = (
    rf"\bwhere (does|do|is|are|will) {_KEPT} (be |being )?(go|going|end up|kept|stored|saved|sent|live)\b",
    rf"\b(what happens|what will happen|what do you do|what are you doing) (to|with) {_KEPT}$",
    rf"\bwho ((can|will|may|gets to|is able to|is allowed to) (see|read|hear|get|access|listen to)|has access to"
    rf"|(sees|reads|hears|gets)) {_KEPT}$",
    rf"\bhow long (do you (keep|store|save) {_KEPT}$|(is|are|will) {_KEPT} (be |being )?(kept|stored|saved)\b)",
)
HONEST: tuple[tuple[tuple[str, ...], str], ...] = (
    (_NO_RECORDING, f"{_KEEPS} I can't stop that while I'm here; ask me to leave, and I go."),
    (_KEEPING, f"{_KEEPS} {_WHOSE}"),
    (_RECORDING, _KEEPS),
    (_BEING, "I'm {name}, an AI assistant, not a human. {about}"),
)


def what_am_i(said: str, *, names: Sequence[str], about: str = "") -> str | None:
    """The honest answer to "are you an AI, a robot, human, real?" and "are you recording?" in their usual phrasings,
    whatever the persona says."""
    calls = [call for call in sorted((" ".join(words_of(name)) for name in names), key=len, reverse=True) if call]
    text = " ".join(words_of(said))
    asks = [text, *(_to_you(text, call) for call in calls)]
    for ask in (_bare(ask, names) for ask in asks):
        for patterns, answer in HONEST if 0 < len(ask.split()) <= _MOST_WORDS else ():
            if any(re.search(pattern, ask) for pattern in patterns):
                return answer.format(name=names[0], about=about).strip()
    return None


def _to_you(text: str, call: str) -> str:
    """ "Is Iris real" as "are you real", "does Iris record" as "do you record"."""
    text = re.sub(rf"\b(is|isn't) {re.escape(call)}\b", "are you", text)
    text = re.sub(rf"\b(does|did|will) {re.escape(call)}\b", "do you", text)
    return re.sub(rf"^{re.escape(call)} is\b(?=.*\b(right|isn't)\b)", "you are", text)


def _bare(ask: str, names: Sequence[str]) -> str:
    """Without our names, and what one says before a question."""
    ask = without_names(ask, names)
    while (shorter := _ASIDE.sub("", ask)) != ask:
        ask = shorter
    return ask
