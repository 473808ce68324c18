"""What people type, made safe to keep: the same words, without what no store or log can take. Pure."""

from __future__ import annotations

import unicodedata

NAME_CHARACTERS = 200
TEXT_CHARACTERS = 10_000


def plain(text: str, limit: int = TEXT_CHARACTERS) -> str:
    """At most `limit` characters of `text`. Half a surrogate pair (what cutting an emoji in two leaves) becomes U+FFFD,
    control characters but line breaks and tabs are left out."""
    whole = text[:limit].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return "".join(c for c in whole if c in "\n\t" or unicodedata.category(c) != "Cc")
