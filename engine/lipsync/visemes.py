"""Which mouth each speech sound makes: IPA symbols to visemes, visemes to seven numbers. Knows no time.

The targets follow the usual viseme groups of MPEG-4 facial animation, split by what a viewer sees: lips closed, lip
under teeth, tongue behind teeth, rounded, spread, open.
"""

from __future__ import annotations

from types import MappingProxyType

from engine.lipsync.mouth import Mouth

TARGETS = MappingProxyType(
    {
        "silence": Mouth(),
        "closed": Mouth(wide=-0.02, press=0.8),  # p b m
        "lip_teeth": Mouth(open=0.075, wide=0.02, upper=0.03, tuck=0.05),  # f v
        "between": Mouth(open=0.12, wide=0.03, upper=0.01, tongue=0.6),  # th
        "ridge": Mouth(open=0.13, wide=0.04, tongue=0.5),  # t d n l
        "back": Mouth(open=0.16, wide=0.02),  # k g ng h
        "hush": Mouth(open=0.12, wide=-0.22, pucker=0.55, upper=0.03),  # sh ch
        "hiss": Mouth(open=0.085, wide=0.10, upper=0.025, tongue=0.1),  # s z
        "r": Mouth(open=0.14, wide=-0.18, pucker=0.35, tongue=0.1),
        "open": Mouth(open=0.36),  # a
        "mid": Mouth(open=0.24, wide=0.10, upper=0.01),  # e
        "spread": Mouth(open=0.15, wide=0.20, upper=0.015, tongue=0.1),  # i
        "round": Mouth(open=0.26, wide=-0.28, pucker=0.55),  # o
        "tight": Mouth(open=0.12, wide=-0.42, pucker=0.9),  # u w
        "neutral": Mouth(open=0.18),  # schwa
    }
)

# How strongly a viseme holds against its neighbours (Cohen and Massaro, 1993).
DOMINANCE = MappingProxyType(
    {"closed": 2.4, "lip_teeth": 2.0, "hush": 1.4, "tight": 1.3, "hiss": 1.2, "silence": 0.9, "between": 0.8,
     "neutral": 0.6, "ridge": 0.55, "back": 0.4}
)  # fmt: skip

_DIPHTHONGS = MappingProxyType(
    {
        "aɪ": ("open", "spread"),
        "aʊ": ("open", "tight"),
        "eɪ": ("mid", "spread"),
        "ɛɪ": ("mid", "spread"),
        "ɔɪ": ("round", "spread"),
        "oɪ": ("round", "spread"),
        "oʊ": ("round", "tight"),
        "əʊ": ("neutral", "tight"),
        "ɪə": ("spread", "neutral"),
        "eə": ("mid", "neutral"),
        "ʊə": ("tight", "neutral"),
    }
)

_SOUNDS = MappingProxyType(
    {
        "closed": "p b m ɱ",
        "lip_teeth": "f v ʋ ɸ β",
        "between": "θ ð",
        "ridge": "t d n l ɫ ɾ ɲ ɳ ɭ ʈ ɖ ʎ",
        "back": "k g ɡ ŋ h x ɣ ʔ χ ʁ q ɦ ħ",
        "hush": "ʃ ʒ tʃ dʒ ʂ ʐ ɕ ʑ",
        "hiss": "s z ts dz ç",
        "r": "ɹ r ɻ ɝ ɚ ɜ",
        "open": "a ɑ æ ɐ ʌ ɒ",
        "mid": "e ɛ",
        "spread": "i ɪ j ɨ ᵻ ʝ",
        "round": "o ɔ ɤ œ ø",
        "tight": "u ʊ w ɯ ʍ ʉ y ʏ ɥ",
        "neutral": "ə ɘ ɵ",
        "silence": "_ | ‖ . , : ;",
    }
)
_VISEME_OF = MappingProxyType({sound: name for name, sounds in _SOUNDS.items() for sound in sounds.split()})
_MARKS = str.maketrans("", "", "ˈˌːˑ'ʰʲʷ̩̃̆͡ˤ- \u200d")


def visemes_of(symbol: str) -> tuple[tuple[str, float], ...]:
    """Visemes of one IPA symbol with their shares of its time; an unknown sound is the neutral vowel."""
    plain = symbol.translate(_MARKS)
    if not plain:
        return (("silence", 1.0),)
    for diphthong, (first, second) in _DIPHTHONGS.items():
        if plain.startswith(diphthong):
            return ((first, 0.6), (second, 0.4))
    for length in (2, 1):
        if plain[:length] in _VISEME_OF:
            return ((_VISEME_OF[plain[:length]], 1.0),)
    return (("neutral", 1.0),)
