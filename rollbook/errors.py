"""What the rooms raise. Doors turn each into the answer of their protocol; nobody else catches them.

Every message is one sentence for the person who asked: what happened, to whom, and what to do. None holds a secret.
"""

from __future__ import annotations


class RollbookError(Exception):
    """A refusal that its reader can act on; the message may be shown as it is."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotFound(RollbookError):
    """There is no such thing in this company (another company's thing is no different from an unknown one)."""


class Conflict(RollbookError):
    """The wanted state belongs to somebody else.

    `field` names the attribute in people's words, `holder_id` whose it is, where one holder is known.
    """

    def __init__(self, message: str, *, field: str, holder_id: str | None = None) -> None:
        super().__init__(message)
        self.field = field
        self.holder_id = holder_id


class InvalidValue(RollbookError):
    """A value that the named field cannot hold."""

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


class Forbidden(RollbookError):
    """The actor may not do this."""


class Unauthorized(RollbookError):
    """The credential is missing, wrong, expired or revoked; the message is the same for all of them."""


class Unavailable(RollbookError):
    """The database did not take the work; nothing was changed and the same request may be sent again."""


class Misconfigured(RollbookError):
    """A setting is missing or wrong; the message names it and says what to write."""
