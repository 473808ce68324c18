"""How long the longest look for a meeting's link takes: texts of 100 KB made to be slow, and invitations as they come.

`./understudy bench links`; `over_limit` names the texts that took longer than 50 ms in the best of their runs. Counted
is this thread's time on a core: it waits for nothing but its neighbours on the machine.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from functools import reduce
from html import escape
from urllib.parse import quote

from connectors.urls import find_meeting
from tests.benchmarks._report import percentiles, report
from tests.connectors.link_spellings import PLAIN, TEXTS, safe_link

SIZE = 100_000
LIMIT_MS = 50.0
RUNS = 7
WRAPPER = "https://nam02.safelinks.protection.outlook.com/?url="
COORDINATES = "https://teams.microsoft.com/light-meetings/launch?coords="

# A text is its piece over and over. First what links are made of, then what a walk over them could stumble on.
REPEATED = (
    *("a", "a ", "a.", "a.a.a. ", "-", "/", "\0", "\ud800", "日", "İ", "&", "=", "?", "?=", "<", "{", "(", "\r\n "),
    *("https:", "https: ", "https://", "https://a.", "http://127.", "127.", "[::1]", "[::1]/", "localhost/", "zoom.us"),
    *(
        "zoom.us/",
        "zoom.us/ ",
        "zoom.us/,",
        "https://zoom.us/ ",
        ",https://zoom.us/x",
        ";https://zoom.us/j/1",
        "日zoom.us/j/",
    ),
    *(
        "https://zoom.us/rec ",
        "https://a.b.c.d.zoom.us/j/1 ",
        "https://meet.google.com/new\n",
        "https://meet.jit.si/static/ ",
    ),
    *("zoommtg:", "zoommtg: ", "zoommtg://zoom.us/join?confno=1 ", "msteams:", "msteams:/ ", ",msteams:"),
    *("%", "%25", "%2525", "%25252F", "https%3A%2F%2Fzoom.us%2F", "https%3A%2F%2Fzoom.us%2F ", "\\", "\\n", "\\u0026"),
    *(
        "&amp;",
        "&amp;amp;amp;",
        "&#38;",
        "&#x26;#38;",
        "&lt;",
        "&;",
        "&a",
        "<!--",
        "<!-- ",
        "<!---->",
        "-->",
        '<a href="',
    ),
    *("<a href=https://zoom.us/", "<div><p>", "BEGIN:V\n ", "DESCRIPTION:\r\n ", "X-GOOGLE-CONFERENCE:\n"),
    *(
        "meet",
        "meet: ",
        "google meet ",
        "meeting code abc-defg-hi ",
        "abc-defg-",
        "abc-defg-hij ",
        "Passcode: ",
        "パスコード:",
    ),
    *(
        WRAPPER,
        f"{WRAPPER} ",
        f"{WRAPPER}%25",
        "https://www.google.com/url?q=https%3A%2F%2F",
        "https://urldefense.com/v3/__",
    ),
    *(
        "https://urldefense.com/v3/__ ",
        "https://urldefense.com/v3/__**A__;AAAA!! ",
        "https://urldefense.com/v2/url?u=-25 ",
    ),
    *(
        "https://teams.microsoft.com/l/meetup-join/19:a@thread.v2/0?context={",
        "context={",
        f"{COORDINATES}eyJ9 ",
        "coords=",
    ),
)


# At each place links are read in several ways: whole, up to a comma, up to the first letter beyond ASCII.
AMBIGUOUS = "x,é_ "
MANY_WAYS = {
    "wrapped 8 times, read in many ways": "google.com/url?q=" * 8 + AMBIGUOUS,
    "wrapped 8 times, stars": "google.com/url?q=" * 8 + "é*_,\n",
    "wrapped 7 times, read in many ways": "google.com/url?q=" * 7 + AMBIGUOUS,
    "Proofpoint 2 in itself": "urldefense.com/v2/url?u=" * 8 + AMBIGUOUS,
    "Proofpoint 3 and Google": "urldefense.com/v3/__google.com/url?q=" * 4 + AMBIGUOUS,
    "Safe Links in themselves": "a.safelinks.protection.outlook.com/?url=" * 4 + AMBIGUOUS,
    "fields, wrapped": "google.com/url?a&a&a&a&a&a&q=" * 5 + AMBIGUOUS,
    "escaped fields of a wrapper": f"google.com/url?{'%61&' * 98}q={AMBIGUOUS}",
    "escaped fields of Zoom's": f"zoom.us/j/1?{'%61&' * 98}q={AMBIGUOUS}",
    "brackets before a link": f"https://a.b/{'(' * 380}https://zoom.us/j/1 ",
    "links in brackets": "https://a.b/(https://zoom.us/x(" * 10 + " ",
    "quotes and brackets": "'https://a.b/()'" * 20 + "(https://zoom.us/x ",
    "links in many quotes": "'h://a/'" * 20 + "(zoom.us/x" * 20 + " ",
}

# What is escaped is decoded at every place, in every way it is read, as often as it was escaped.
ESCAPED = {
    "an app's link, escaped": "msteams:" + "%2541" * 120 + "é, ",
    "an app's link, escaped three times": "msteams:" + "%25252541" * 20 + "é, ",
    "an app's link of a cloud": "msteams:dod" + "%25252541" * 20 + "é, ",
    "an app's link, escaped and long": "msteams:" + "%25252541" * 800 + "é, ",
    "escaped names of fields": f"https://zoom.us/j/?{'%41=%41&' * 31},é ",
    "escaped names of a meeting's fields": f"https://zoom.us/j/123456789?{'%41=%41&' * 31},é ",
    "escaped names of a longer number's fields": f"https://zoom.us/j/1234567890123?{'%2541=%2541&' * 31},é ",
    "Proofpoint 2, escaped": f"urldefense.com/v2/url?u={'-252541' * 300},é ",
    "escaped paths": f"https://zoom.us/j/{'%25252541' * 100},é_ ",
    "escaped context": f"https://teams.microsoft.com/l/meetup-join/19:a@thread.v2/0?context={'%25252541' * 100},é ",
    "escaped ways of a launcher": f"https://teams.microsoft.com/dl/launcher/launcher.html?url={'%25252541' * 100},é ",
}


def nested(depth: int, url: str) -> str:
    return reduce(lambda inner, _: safe_link(inner), range(depth), url)


def single() -> dict[str, str]:
    """Links that are long themselves; each then over and over."""
    deep = base64.b64encode(b'{"a":' * 800).decode()
    return {
        "wrapped 5 times": nested(5, "https://evil.com/") + " ",
        "wrapped 5 times in HTML": escape(nested(5, "https://evil.com/")) + "<br>",
        "8 KB of escapes": f"{WRAPPER}{'%41' * 2600} ",
        "8 KB of escaped escapes": f"{WRAPPER}{'%2525' * 1500} ",
        "8 KB of fields": f"https://zoom.us/j/1?{'a=b&' * 2000} ",
        "8 KB of stars": f"https://urldefense.com/v3/__{'**_' * 2600}__;AAAA!! ",
        "8 KB of braces in coordinates": f"{COORDINATES}{deep} ",
        "9 KB": f"https://zoom.us/j/123456789{'0' * 9000} ",
        **MANY_WAYS,
        **ESCAPED,
        "one word": f"https://zoom.us/rec/{'a' * SIZE}",
        "one wrapper": f"{WRAPPER}{'%25' * (SIZE // 3)}",
    }


def whole() -> dict[str, str]:
    """Texts in which a meeting is found, and what follows it is long."""
    link = "https://zoom.us/j/123456789 "
    return {
        "passcodes behind": link + "Passcode: " * (SIZE // 10),
        "labels behind": link + "Passcode" * (SIZE // 8),
        "links behind": link + "https://zoom.us/rec " * (SIZE // 20),
        "wrappers behind": link + MANY_WAYS["wrapped 8 times, stars"] * (SIZE // 140),
        "wrappers that are numbered": "".join(f"{'google.com/url?q=' * 8}{number},é_ " for number in range(700)),
        "labels behind another link": link + "https://a.b/c Meeting passcode: " * (SIZE // 30),
        "numbers behind another link": link + "https://a.b/c\n" + "id 1-1-1-1-1-1-1 passcode: " * (SIZE // 27),
        "links before": "https://a.b/c " * (SIZE // 14 - 3) + link,
        "links cut by lines behind": (link.strip() + "?pwd=%41\n" + "a" * 290 + "\n") * (SIZE // 330),
        "links cut by lines": "https://zoom.us/j/12345678\n9\nMeeting ID: 999 999 9990\n" * (SIZE // 55),
        "escaped links cut by lines": f"https://zoom.us/j/1?{'%41' * 60}1\n9\nMeeting ID: 999 999 9990\n"
        * (SIZE // 240),
        "links of the meeting behind": f"{link.strip()}?{'%41=%41&' * 31},é " * (SIZE // 280),
        "numbers and labels behind": link + "Meeting ID: 812 3456 7890 Passcode: " * (SIZE // 36),
        "spaces behind": link + "\u00a0 \u3000<p>\u00a0" * (SIZE // 7),
        "quoted-printable": link + "=3D=\n=C3" * (SIZE // 9),
        "words behind": link + "the zoom meeting " * (SIZE // 17) + "passcode: 1",
        "tags behind": link + "<" * SIZE,
        "link at the end": "lunch " * ((SIZE - len(link)) // 6) + link,
        "every link that is none": "".join(f"https://evil.com/?u={quote(url)} " for url in PLAIN) * (SIZE // 10_000),
        "every text of the table": "\n".join(text for text in TEXTS if find_meeting(text) is None),
    }


def texts() -> dict[str, str]:
    pieces = {repr(piece): piece for piece in REPEATED} | single()
    made = {name: piece * (SIZE // len(piece) + 1) for name, piece in pieces.items()} | whole()
    return {name: text[:SIZE] for name, text in made.items()}


def took_ms(run: Callable[[], object]) -> float:
    began_s = time.thread_time()
    run()
    return 1000 * (time.thread_time() - began_s)


def best_ms(text: str) -> float:
    """Of several runs, for only the text is to be slow, not the machine."""
    return min(took_ms(lambda: find_meeting(text)) for _ in range(RUNS))


def main() -> int:
    slow = {name: best_ms(text) for name, text in texts().items()}
    over = sorted(name for name, best in slow.items() if best > LIMIT_MS)
    slowest = dict(sorted(slow.items(), key=lambda one: -one[1])[:10])
    figures = {
        "adversarial_ms": percentiles(list(slow.values())),
        "slowest_ms": {name: round(best, 1) for name, best in slowest.items()},
        "table_ms": percentiles([best_ms(text) for text in TEXTS]),
        "over_limit": over,
    }
    report("links", {"characters": SIZE, "texts": len(slow), "runs": RUNS, "limit_ms": LIMIT_MS}, figures)
    return 1 if over else 0


if __name__ == "__main__":
    raise SystemExit(main())
