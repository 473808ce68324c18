"""The passcode an invitation tells beside its link, in the words it is labelled with. A telephone's PIN is none."""

from __future__ import annotations

import re

AFTER_CHARACTERS, BEFORE_CHARACTERS = 1500, 300

# As the platforms' own invitations say it in English, German, French, Spanish, Portuguese, Italian, Dutch, Japanese and
# Chinese.
LABELS = (
    *("passcode", "pass code", "password", "kenncode", "passwort", "code secret", "code d'accès", "mot de passe"),
    *("código de acceso", "contraseña", "senha de acesso", "senha", "código de acesso", "codice di accesso"),
    *("codice d'accesso", "wachtwoord", "toegangscode", "パスコード", "パスワード", "密码", "密碼"),
)
_LABEL = re.compile("|".join(sorted(LABELS, key=len, reverse=True)), re.IGNORECASE)
_SPACE = r"[ \t\u00a0]*"
_VALUE = re.compile(
    rf"{_SPACE}(?:\([^()\n]{{0,40}}\))?{_SPACE}[:：=]{_SPACE}(?:([!-~]{{1,40}})|\s{{1,10}}([!-~]{{1,40}}))"
)
_ANOTHERS = re.compile(r"(?:phone|dial-?in|numeric|host|audio|telefon|teléfono|h\.?323)[ \t-]{1,3}$", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")


def passcode_near(text: str, begin: int, end: int, *, until: int) -> str | None:
    """Behind the link that stands from `begin` to `end`, before `until`; else close before the link."""
    return _passcode(text[end:until]) or _passcode(text[max(0, begin - BEFORE_CHARACTERS) : begin])


def _passcode(text: str) -> str | None:
    text = _TAG.sub(" ", text).replace("\u2019", "'")
    for label in _LABEL.finditer(text):
        if text[: label.start()][-1:].isalpha() and label[0][0].isascii():
            continue
        said = _VALUE.match(text, label.end())
        if said is None or _ANOTHERS.search(text[max(0, label.start() - 12) : label.start()]):
            continue
        value = said[1] or said[2]
        value = value.rstrip(".,;)>")
        on_another_line = said[1] is None and not re.search("[0-9]", value)
        if value and not on_another_line and "://" not in value:
            return value
    return None
