"""Whether a list of Okta's ends: one whose pages lead back to where it was is read no further."""

from __future__ import annotations

from rollbook.okta.failures import OktaFailure

MOST_LAPS = 3  # through a list that leads back to where it was
MOST_PAGES = 100_000  # of one list

_CIRCLE = "Okta's list leads round in a circle and does not end. The next run begins anew."


class Circles:
    """The cursors that one list was read at."""

    def __init__(self) -> None:
        self._met: set[str] = set()
        self._laps = self._pages = 0

    def watch(self, following: str | None) -> None:
        """Takes the cursor of the next page. Raises OktaFailure where the list does not end."""
        self._pages += 1
        if following in self._met:
            self._met.clear()
            self._laps += 1
        if following is not None:
            self._met.add(following)
        if self._laps > MOST_LAPS or self._pages > MOST_PAGES:
            raise OktaFailure("unreadable", _CIRCLE)

    def begin_again(self) -> None:
        """The same list is read from its beginning."""
        self._met.clear()
