"""Who may do what: a scope is one kind of deed, a role a set of scopes. Tables; knows no key, no person, no route."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Role(StrEnum):
    """Least first: each may do what the one before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


ADDS: Mapping[Role, tuple[str, ...]] = {  # to what the role before it may do
    Role.VIEWER: ("bots:read", "calendars:read", "characters:read", "knowledge:read", "transcripts:read"),
    Role.OPERATOR: ("bots:write", "calendars:write", "knowledge:write"),
    Role.ADMIN: (
        "audit:read",
        "characters:write",  # a face is somebody's, or said to be nobody's
        "data:erase",
        "keys:read",
        "keys:write",
        "webhooks:read",  # their addresses often are secrets
        "webhooks:write",
    ),
}
ALL_SCOPES = tuple(sorted(scope for scopes in ADDS.values() for scope in scopes))


def _upto(role: Role) -> frozenset[str]:
    roles = tuple(Role)
    return frozenset(scope for one in roles[: roles.index(role) + 1] for scope in ADDS[one])


SCOPES: Mapping[Role, frozenset[str]] = {role: _upto(role) for role in Role}


def named(name: str | None) -> Role | None:
    """The role of this name; None: there is none in this version."""
    return next((role for role in Role if role == name), None)


def least(scope: str) -> Role:
    """The role that is needed for it: the first that has it. Raises KeyError for what is no scope."""
    for role in Role:
        if scope in SCOPES[role]:
            return role
    raise KeyError(scope)
