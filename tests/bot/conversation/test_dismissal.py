"""Farewells, being asked to leave, stops and nods: whole sentences and never a word in one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.conversation.addressing import wants_the_floor
from bot.conversation.dismissal import asks_to_leave, is_backchannel, says_goodbye, says_stop, says_thanks
from tests.bot.conversation.sentences import parted, without_marks

NAMES = ("Iris", "Miss Iris")
LEAVING = """
Iris, please leave, thanks | Iris, please leave, thank you | Iris, please leave right now
Iris, please leave immediately | Iris, please leave for now | please leave the meeting right now
please leave the conversation | please leave the chat | please leave our meeting | please leave us alone
please leave. We want to talk privately. | please leave we want to talk privately
we want to be alone, please leave | we'd like you to leave | I want you to leave | you need to leave
would you leave | will you leave please | please go | you can go now | please disconnect | please hang up | get out
please exit the meeting | Iris, would you please leave the meeting | Iris, would you mind leaving | Iris, leave
Iris leave now | Iris, go away | Iris, we don't need you anymore, please leave
Iris, I'd like you to leave this meeting please | Iris, you have to leave
Iris, please leave so we can talk in private | Iris, would you leave us | Iris, I think you should leave
Iris, please leave the zoom | Bye Iris, see you tomorrow | Thanks Iris, bye | can we ask you to leave
Goodbye, Iris! | bye bye | okay thanks good bye | see you later Iris | please leave | you can leave now
could you iris please leave | we're done here iris please leave | can and you iris goodbye
thank you for your help goodbye | that was very helpful goodbye | goodbye. thank you. | we are done you can go now
this part is confidential would you please leave us | Thank you, Iris. Goodbye. | bye bye bye bye
iris please leave the meeting please | okay iris you may leave | Goodbye Iris and thanks for all the help
we won't need you please leave | iris you may go now thank you | Iris, please leave because this is confidential
good night Iris | thanks for your time see you next week | Iris, thanks for your help, you can leave now
Iris, you're excused | okay Iris that's everything, you can drop | Iris can you leave the meeting for a few minutes
Alright Iris, time for you to go | Iris please remove yourself from the meeting | You're dismissed, Iris
we don't need you any more iris you can leave | Iris, would it be okay for you to leave now | Iris I said leave
Iris, please end the call | thanks for all your help please leave | thank you for coming you may go now
"""
STAYING = """
Iris, please don't leave | don't leave the meeting | you should not leave | please ask Bob to leave
could you tell Anna to leave? | can Bob leave? | should the gardener leave? | may everyone leave now
Can the snails leave? | must my guests leave now | never leave the meeting | you can't leave now
Tell me how to say goodbye in French | Explain the phrase see you later | I said goodbye to him yesterday
write a farewell email to Bob | The song is called goodbye | Please add farewell to the agenda | Bye Bob
Iris, draft a farewell speech | plan the farewell party | remind me to say bye | say bye to Anna
Who sang Goodbye Yellow Brick Road | Iris, what may the cat leave? | Iris, can people leave | the plane could leave
Please tell everybody when they can leave | please leave the rest of it | please leave this here
leave the roots in | you can leave it in the ground | the plants you can leave | i told him to please leave
we hope they please leave | please leave as much as you can | you can go first | you go now | please go on
please go ahead | did Iris leave | make iris leave | can you leave the bulbs in the ground | would you leave them in
you should leave a gap | so you can leave early | leave us the recipe | please leave us a note
we need everyone please leave | how do you say good night | get out the seeds | get off the bus | log out how
goodbye what does it mean | Goodbye. How do you say it in French? | How do you say it? Goodbye? | can we leave now
i have to leave now | will you leave if i ask | are you going to leave | do you have to go
Iris, you do not have to leave | we do not want you to leave | say goodnight to the team | so long as it is dry
Please stay. Do not leave. | Bob said Iris, please leave | What happens when I say Iris, please leave?
just type Iris, please leave | I won't say Iris, please leave | is it time for us to go | is it okay to leave now
thanks for the leaves you can leave them here | would it be possible for you to leave it in
"""
STOPPING = """
stop | Iris stop | stop stop | okay stop | no stop | wait wait | wait wait wait | hold on a second | hang on
hang on a second | stop it now | Iris, stop talking please | that's enough thanks | shut up Iris | be quiet please
okay enough | stop speaking | can you stop | please stop talking now | never mind | that's enough, Iris
just a second | one second | one sec | wait a second | sorry wait | Iris, quiet | cancel | okay thank you stop
stop thank you | nevermind | Iris, shush | shh | hush | Iris, be silent | whoa stop | pause please | can you pause
let me stop you there | okay let me interrupt you | Iris, forget it | skip it | okay Iris, you can stop now
you can stop
I've heard enough | stop answering | give me a second | never mind that | cut it out
Never mind, I found it. | oh never mind, it's on page two | okay Iris, forget it, we have it here | skip that, I know it
"""
NO_STOPS = """
stop the pump how | wait for the rain before I sow | how do i stop slugs | enough water for a week | wait what | okay
stop sign ahead | one second after that it rained | thanks | hold on to the rope | never mind the weather
pause the video bob | forget it grows there | give me a second option | you can stop the pump
let me stop you from buying
never mind that, how deep | never mind, I meant roses | forget about it, I wanted to ask of lawns | never mind the rain
"""
NODS = """
uh-huh | uh huh | mm-hmm | Mm-hmm, I see, okay | mm | mmm | mmhmm | mhm | hmmm | yup | ya | oh okay i see
got it | yes
yeah yeah yeah yeah | makes sense | of course | exactly | absolutely | gotcha | alright | all right
right right | true
interesting | ok cool | oh wow | sure sure | Okay, great | huh | aha okay | oh really wow
that makes sense | of | got
haha | ha ha ha | no way | no kidding | good to know | oh that's cool | i understand | i agree | oh my god
lol | sure thing
"""
NO_NODS = """
no | thanks | okay and roses | i think | of all things | great what about roses | got a minute | okay stop
yes please
right iris | makes sense to me | that is wrong | yes no maybe | okay great wonderful lovely and
no way to water it | i understand nothing | good to know what about roses | hand | shed | she
"""


def wrong(sentences: str, judge: Callable[[str], bool], *, expected: bool) -> list[str]:
    """As written, and as recognised: without marks."""
    written = parted(sentences)
    return [one for one in [*written, *map(without_marks, written)] if judge(one) is not expected]


def test_the_bot_goes_when_it_is_sent_away_or_taken_leave_of() -> None:
    assert wrong(LEAVING, lambda said: says_goodbye(said, NAMES), expected=True) == []


def test_the_bot_stays_when_leaving_is_denied_spoken_of_or_somebody_elses() -> None:
    assert wrong(STAYING, lambda said: says_goodbye(said, NAMES), expected=False) == []


def test_being_asked_to_leave_is_told_from_a_farewell() -> None:
    assert asks_to_leave("Iris, please leave the meeting", NAMES) and not asks_to_leave("goodbye", NAMES)


def test_a_stop_is_one_when_it_ends_and_while_it_is_said() -> None:
    assert wrong(STOPPING, lambda said: says_stop(said, NAMES), expected=True) == []
    assert wrong(STOPPING, lambda said: wants_the_floor(said, NAMES, others=3), expected=True) == []


def test_a_sentence_that_begins_like_a_stop_is_none() -> None:
    assert wrong(NO_STOPS, lambda said: says_stop(said, NAMES), expected=False) == []


def test_thanks_alone_are_told_from_thanks_and_more() -> None:
    thanks = "okay thanks | thank you very much Iris | great, thanks for that, got it | thanks | all right thank you"
    more = "thanks and how deep | thanks to the rain | okay | great | thank Bob | thanks, that is wrong"
    assert wrong(thanks, lambda said: says_thanks(said, NAMES), expected=True) == []
    assert wrong(more, lambda said: says_thanks(said, NAMES), expected=False) == []


def test_a_nod_is_one_and_with_something_to_say_it_is_none() -> None:
    assert wrong(NODS, is_backchannel, expected=True) == []
    assert wrong(NO_NODS, is_backchannel, expected=False) == []
    assert not is_backchannel("")


@pytest.mark.slow
@pytest.mark.parallel
@pytest.mark.parametrize("word", ["okay", "bye", "thanks a lot", "stop it", "mm hm", "don't have to", "we", "iris"])
@pytest.mark.parametrize("gap", [" ", ""])
def test_however_long_it_is_it_is_judged(word: str, gap: str) -> None:
    said = f"{word}{gap}" * 3000 + " x"
    assert not says_goodbye(said, NAMES) and not says_stop(said, NAMES) and not is_backchannel(said)
