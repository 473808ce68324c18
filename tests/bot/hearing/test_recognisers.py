"""The recognisers: the language model's arithmetic, phones, and real decoding in a real process."""

from __future__ import annotations

import math
import os
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from bot.hearing.base import RATE_HZ, HearingError, RecogniserSlow
from bot.hearing.ears import RecognisingEars
from bot.hearing.language_model import SPHINX_LOG, build, folder_name, unknown_words
from bot.hearing.phones import cmu_phones
from bot.hearing.pocketsphinx_recogniser import PocketsphinxRecogniser
from bot.hearing.registry import open_recogniser
from bot.hearing.whisper_recogniser import WeightsMissing, WhisperMissing, WhisperRecogniser
from bot.hearing.words import number_words, spoken_words
from tests.polling import eventually

pytest.importorskip("pocketsphinx", reason="the extra hearing-lite is not installed")
TEXTS = [
    "Potatoes. Early potatoes can be lifted when the plants flower, about 10 weeks after planting.",
    "Garlic. Garlic is planted in October.",
    "Hydrangeas. In acid earth hydrangeas bloom blue.",
]
QUESTION = "When are early potatoes lifted?"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the model of these texts is built once: every recogniser finds its folder by what it was built from."""
    return tmp_path_factory.mktemp("models")


def test_numbers_and_signs_are_spoken():
    said = " ".join(spoken_words("Keep 15-25 °C, i.e. 5%, 1250!"))
    assert said == "keep fifteen twenty five degrees i e five percent one thousand two hundred fifty"
    assert " ".join(number_words(906_015)) == "nine hundred six thousand fifteen"


def test_ipa_becomes_phones_of_the_dictionary():
    assert cmu_phones("haɪdɹˈeɪndʒə") == ["HH", "AY", "D", "R", "EY", "N", "JH", "AH"]
    assert cmu_phones("mˈʌltʃ") == ["M", "AH", "L", "CH"]


def test_only_words_without_a_pronunciation_are_unknown():
    assert unknown_words(TEXTS, ["Iris"]) == ["hydrangeas"]


def test_the_cache_is_named_by_content():
    assert folder_name(TEXTS, ["Iris"]) == folder_name(list(TEXTS), ["Iris"]) != folder_name(TEXTS, ["Rose"])


@pytest.mark.slow
@pytest.mark.parallel
def test_every_history_of_the_model_sums_to_one(tmp_path: Path):
    from pocketsphinx import NGramModel

    folder = tmp_path / "lm"
    build(folder, TEXTS, ["Iris"], {"hydrangeas": "haɪdɹˈeɪndʒəz"})
    model = NGramModel.readfile(str(folder / "model.arpa"))
    words = {line.split()[0].split("(")[0] for line in (folder / "words.dict").read_text().splitlines()} | {"</s>"}
    for history in (["the"], ["october"], ["should", "how"], ["early", "<s>"], ["often", "how"], ["is", "garlic"]):
        total = sum(math.exp(model.prob([word, *history]) * SPHINX_LOG) for word in words)
        assert math.isclose(total, 1.0, abs_tol=0.03), history
    assert "hydrangeas HH AY D R" in (folder / "words.dict").read_text()


@pytest.mark.slow
@pytest.mark.parallel
@pytest.mark.skipif(shutil.which("flite") is None or shutil.which("ffmpeg") is None, reason="needs flite and ffmpeg")
async def test_a_spoken_question_is_recognised_soon_after_its_end(cache: Path):
    from tests.benchmarks.hearing import spoken

    pcm = spoken(QUESTION, "rms")[RATE_HZ // 4 :]  # as the ears cut it: a short pre-roll, then voice
    async with PocketsphinxRecogniser(texts=TEXTS, names=["Iris"], cache=cache) as recogniser:
        for stream in ("ann", "ben"):
            await recogniser.start(stream, 1000)
            for at in range(0, len(pcm), 320):
                await recogniser.feed(stream, pcm[at : at + 320])
        await eventually(lambda: "potatoes" in recogniser.partial("ann"))
        heard = await recogniser.finish("ann")
        again = await recogniser.finish("ben")
        assert recogniser.partial("ann") == ""
    words, confidence = heard.words, heard.confidence
    assert heard.text == again.text and "early potatoes" in heard.text
    assert heard.alternatives and heard.text not in heard.alternatives
    assert 1000 <= words[0].start_sample < words[-1].end_sample <= 1000 + len(pcm)
    assert 0.0 < confidence <= 1.0
    assert words[0].end_sample - words[0].start_sample < RATE_HZ


@pytest.mark.slow
@pytest.mark.parallel
async def test_a_dead_recogniser_is_a_hearing_error(cache: Path):
    async with PocketsphinxRecogniser(texts=TEXTS, names=["Iris"], cache=cache) as recogniser:
        await recogniser.start("ann", 0)
        assert recogniser.pid is not None
        os.kill(recogniser.pid, signal.SIGKILL)
        began_s = time.monotonic()
        with pytest.raises(HearingError):
            await recogniser.finish("ann")
        assert time.monotonic() - began_s < 5


async def heard_at_last(recogniser: PocketsphinxRecogniser) -> str:
    """The words of an empty stretch, asked for until they come: a busy machine may be slow once more."""
    for _ in range(30):
        with suppress(RecogniserSlow):
            await recogniser.start("ann", 0)
            return (await recogniser.finish("ann")).text
    raise TimeoutError


@pytest.mark.slow
async def test_a_recogniser_that_is_held_up_is_slow_and_goes_on_later(cache: Path):
    recogniser = PocketsphinxRecogniser(texts=TEXTS, names=["Iris"], cache=cache, finish_timeout_s=0.3)
    async with recogniser:
        await recogniser.start("ann", 0)
        assert recogniser.pid is not None
        os.kill(recogniser.pid, signal.SIGSTOP)
        with pytest.raises(RecogniserSlow):
            await recogniser.finish("ann")
        os.kill(recogniser.pid, signal.SIGCONT)
        assert await heard_at_last(recogniser) == ""


@pytest.mark.slow
@pytest.mark.parallel
async def test_ears_whose_recogniser_died_say_so_before_anyone_speaks(cache: Path):
    recogniser = PocketsphinxRecogniser(texts=TEXTS, names=["Iris"], cache=cache)
    async with RecognisingEars(recogniser) as ears:
        assert recogniser.pid is not None
        os.kill(recogniser.pid, signal.SIGKILL)
        with pytest.raises(HearingError, match="ended"):
            _ = [event async for event in ears.events()]


async def test_whisper_without_weights_says_so(tmp_path: Path):
    with pytest.raises(WeightsMissing):
        async with WhisperRecogniser(tmp_path):
            pass
    assert open_recogniser(whisper_model=str(tmp_path), cache=tmp_path).grade == "production"


async def test_whisper_with_useless_weights_or_no_package_says_so(tmp_path: Path):
    (tmp_path / "model.bin").write_bytes(b"")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises((WeightsMissing, WhisperMissing)):
        async with WhisperRecogniser(tmp_path):
            pass
