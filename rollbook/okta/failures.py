"""What can go wrong between us and Okta, each as one sentence of ours that says what to do.

None holds anything Okta wrote, a token or a person's data. Which of them are tried again is conversation.py's to
know.
"""

from __future__ import annotations

from typing import Literal

from rollbook.errors import RollbookError

# refused: 401 or 403. gone: Okta knows no such group, app or person. cursor: the list must be read from its beginning.
# unreachable: no answer, or a broken one. unreadable: an answer that says nothing. limited: the rate limit is spent.
Kind = Literal["refused", "gone", "cursor", "unreachable", "unreadable", "limited"]


class OktaFailure(RollbookError):
    """Okta did not answer what was asked; `kind` says what that means, the message what to do."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind: Kind = kind


class RecordRefused(OktaFailure):
    """One person's record cannot be read, which says nothing of the others; `status` is Okta's word, where it could."""

    def __init__(self, message: str, status: str | None) -> None:
        super().__init__("unreadable", message)
        self.status = status


def refused(status: int) -> OktaFailure:
    """The token is no longer good, or may not read this."""
    if status == 401:
        return OktaFailure(
            "refused",
            "Okta does not accept the API token (401): it was revoked, has expired, or its owner was deactivated. "
            "Make a new one as a read-only administrator (Security, API, Tokens) and give it with: "
            "rollbook okta configure.",
        )
    return OktaFailure(
        "refused",
        f"Okta does not let the API token read this ({status}). Give its owner the role Read-only Administrator, and "
        "see that the token may be used from Rollbook's network (Security, API, Tokens).",
    )


def gone(what: str) -> OktaFailure:
    """`what` was asked for by its id: `the group 00g…`."""
    return OktaFailure("gone", f"Okta has no {what.removeprefix('the ')} (404). Choose another one, or correct its id.")


def cursor() -> OktaFailure:
    """The place where a list was left is not known (any more)."""
    return OktaFailure("cursor", "Okta no longer knows where the list was left; it is read from its beginning.")


def unreachable(why: str) -> OktaFailure:
    """`why` is a clause of ours: `it did not answer within 30 seconds`."""
    return OktaFailure(
        "unreachable",
        f"Okta cannot be reached: {why}. See whether Okta is up (status.okta.com) and Rollbook's network lets it out "
        "there.",
    )


def unreadable(why: str) -> OktaFailure:
    """`why` is a clause of ours: `it is not JSON`."""
    return OktaFailure(
        "unreadable",
        f"Okta's answer cannot be used: {why}. See that the org address is right, and that nothing answers in Okta's "
        "place.",
    )


def limited() -> OktaFailure:
    """Okta goes on saying 429."""
    return OktaFailure(
        "limited",
        "Okta's rate limit is spent and stays so (429). See in Okta (Reports, Rate Limits) what else asks so often.",
    )
