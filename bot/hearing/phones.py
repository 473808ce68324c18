"""IPA, as espeak-ng writes American English, in the 39 phones of the CMU dictionary: a table and a longest match."""

from __future__ import annotations

PHONES: dict[str, tuple[str, ...]] = {
    "tʃ": ("CH",), "dʒ": ("JH",), "eɪ": ("EY",), "aɪ": ("AY",), "ɔɪ": ("OY",), "aʊ": ("AW",), "oʊ": ("OW",),
    "əʊ": ("OW",), "ɑːɹ": ("AA", "R"), "ɔːɹ": ("AO", "R"), "oːɹ": ("AO", "R"), "ɛɹ": ("EH", "R"), "ɪɹ": ("IH", "R"),
    "ʊɹ": ("UH", "R"), "ɜː": ("ER",), "ɚ": ("ER",), "iː": ("IY",), "uː": ("UW",), "ɑː": ("AA",), "ɔː": ("AO",),
    "oː": ("AO",), "əl": ("AH", "L"), "iə": ("IY", "AH"), "i": ("IY",), "ɪ": ("IH",), "ᵻ": ("IH",), "e": ("EH",),
    "ɛ": ("EH",), "æ": ("AE",), "a": ("AE",), "ɑ": ("AA",), "ɒ": ("AA",), "ɔ": ("AO",), "o": ("OW",), "ʊ": ("UH",),
    "u": ("UW",), "ʌ": ("AH",), "ə": ("AH",), "ɐ": ("AH",), "p": ("P",), "b": ("B",), "t": ("T",), "d": ("D",),
    "k": ("K",), "ɡ": ("G",), "g": ("G",), "f": ("F",), "v": ("V",), "θ": ("TH",), "ð": ("DH",), "s": ("S",),
    "z": ("Z",), "ʃ": ("SH",), "ʒ": ("ZH",), "h": ("HH",), "m": ("M",), "n": ("N",), "ŋ": ("NG",), "l": ("L",),
    "ɹ": ("R",), "r": ("R",), "j": ("Y",), "w": ("W",), "ɾ": ("T",), "ʔ": ("T",), "x": ("K",),
}  # fmt: skip
_LONGEST = max(map(len, PHONES))


def cmu_phones(ipa: str) -> list[str]:
    """Symbols without a phone (stress, length, separators) are passed over."""
    phones: list[str] = []
    at = 0
    while at < len(ipa):
        size = next((n for n in range(_LONGEST, 0, -1) if ipa[at : at + n] in PHONES), 0)
        phones += PHONES[ipa[at : at + size]] if size else ()
        at += size or 1
    return phones
