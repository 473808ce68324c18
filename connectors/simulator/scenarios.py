"""What a scripted meeting does by itself, by the name a link carries: http://HOST/teams/abc-defg-hij?scenario=removed.

A refusal's code is a scenario too. `after` in the link says how many seconds pass. A link plays the same each time:
what happens by itself happens to each page for itself, whoever else is there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from connectors.base import Refusal
from connectors.simulator.screens import LANGUAGES, PLATFORMS, Skin, can_be_shown

AFTER_S = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """How a scripted meeting treats those who come. Times count for each page, from the lobby or the call on; None:
    never."""

    lobby: bool = True
    refuse: Refusal | None = None  # everyone sees this screen instead of the call
    capacity: int = 50
    lobby_timeout_s: float = 600.0  # then the page says that nobody answered
    admit_after_s: float | None = None
    deny_after_s: float | None = None
    remove_after_s: float | None = None
    end_after_s: float | None = None  # for everyone, and for good
    over_after_s: float | None = None  # as that page alone is told
    cut_after_s: float | None = None  # the network, of that page


WAITS = ("admit_after_s", "deny_after_s", "remove_after_s", "end_after_s", "over_after_s", "cut_after_s")
SCENARIOS: dict[str, Callable[[float], Policy]] = {
    "open": lambda after_s: Policy(lobby=False),
    "lobby": lambda after_s: Policy(),
    "admitted": lambda after_s: Policy(admit_after_s=after_s),
    "denied": lambda after_s: Policy(deny_after_s=after_s),
    "unanswered": lambda after_s: Policy(lobby_timeout_s=after_s),
    "removed": lambda after_s: Policy(lobby=False, remove_after_s=after_s),
    "ended": lambda after_s: Policy(lobby=False, over_after_s=after_s),
    "cut": lambda after_s: Policy(lobby=False, cut_after_s=after_s),
}


def scenario(name: str, after_s: float = AFTER_S) -> Policy | None:
    """None: there is none of that name."""
    if name in SCENARIOS:
        return SCENARIOS[name](after_s)
    refusal = next((one for one in can_be_shown() if one.value == name), None)
    return None if refusal is None else replace(Policy(), refuse=refusal)


def skin_of(platform: str, query: Mapping[str, str]) -> Skin:
    """The page a link asks for; what is not known of it is the plain English one."""
    language = query.get("lang", "en")
    return Skin(
        platform=platform if platform in PLATFORMS else "meet",
        language=language if language in LANGUAGES else "en",
        variants=frozenset(filter(None, query.get("variant", "").split("."))),
    )


def seconds(text: str) -> float:
    """Of a link's `after`, 0 to 600; the default for what is no number."""
    try:
        given = float(text)
    except ValueError:
        return AFTER_S
    return given if 0.0 <= given <= 600.0 else AFTER_S
