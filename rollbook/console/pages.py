"""Every address of the console, on one screen."""

from __future__ import annotations

from starlette.routing import BaseRoute

from rollbook.installation import Installation


def routes(installation: Installation) -> list[BaseRoute]:
    """The console's routes over an opened installation."""
    return []
