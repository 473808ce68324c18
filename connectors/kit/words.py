"""What people type, and pages say, made safe to keep: the same words, without what no store or log can take. Pure."""

from __future__ import annotations

import unicodedata

NAME_CHARACTERS = 200
TEXT_CHARACTERS = 10_000


def plain(text: str, limit: int = TEXT_CHARACTERS) -> str:
    """At most `limit` characters of `text`, `whole`; control characters but line breaks and tabs are left out."""
    return "".join(c for c in whole(text[:limit]) if c in "\n\t" or unicodedata.category(c) != "Cc")


def whole(text: str) -> str:
    """All of it, as any encoding takes it: half a surrogate pair (what cutting an emoji in two leaves) becomes
    U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
