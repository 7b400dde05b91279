"""Takes the pictures of docs/pictures: a realistic company on a throw-away server, seen by a real browser.

    python scripts/picture.py [--every-alarm] [--dark] [--to DIRECTORY]

What happens in the company is picture_story.py's. Needs Chromium; where it is, CHROMIUM may say.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, FloatRect, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from rollbook import settings  # noqa: E402
from rollbook.database import Collision  # noqa: E402
from rollbook.errors import RollbookError  # noqa: E402
from rollbook.installation import open_installation  # noqa: E402
from scripts.picture_story import LEO, LEOS_NAME, Story, begin, go_on, train  # noqa: E402
from tests.servers import ThreadServer, environment  # noqa: E402

CHROMIUM = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
PUBLIC = "https://learning.acme.example"
# Width, and how many lines of the log are seen.
PICTURES = {"provisioning.png": (1280, 6), "provisioning-390.png": (390, 2)}
LEARNERS_PAGE = "assignments-390.png"


@contextmanager
def browser() -> Iterator[Browser]:
    """Chromium, until the pictures are taken."""
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=list(CHROMIUM))
        yield chromium
        chromium.close()


def take_learners_page(link: str, directory: Path, *, dark: bool) -> None:
    """Signs in as Leo would, on a telephone."""
    with browser() as chromium:
        page = chromium.new_page(color_scheme="dark" if dark else "light", viewport={"width": 390, "height": 780})
        page.goto(link)
        page.get_by_role("button", name="Sign in").click()
        page.goto(f"{link.split('/sign-in/')[0]}/assignments")
        page.screenshot(path=directory / LEARNERS_PAGE, full_page=True)


def take(link: str, directory: Path, *, dark: bool, whole: bool) -> None:
    """Signs in as Ada would and takes the pictures."""
    with browser() as chromium:
        page = chromium.new_page(color_scheme="dark" if dark else "light")
        page.goto(link)
        page.get_by_role("button", name="Sign in").click()
        for name, (width, lines) in PICTURES.items():
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(f"{link.split('/sign-in/')[0]}/provisioning")
            last = page.locator(".line").nth(lines - 1).bounding_box()
            assert last is not None  # it is on the page, so it has a place
            clip: FloatRect = {"x": 0, "y": 0, "width": width, "height": int(last["y"] + last["height"])}
            page.screenshot(path=directory / name, full_page=True, clip=None if whole else clip)


def tell(directory: Path, *, bad_week: bool, dark: bool, whole: bool) -> None:
    """A server, the story, the pictures; nothing is left behind but those."""
    with tempfile.TemporaryDirectory() as data:
        variables = environment(Path(data), ROLLBOOK_PUBLIC_URL=PUBLIC)
        installation = open_installation(settings.read(variables))
        server = ThreadServer(installation)
        try:
            story = Story(server, variables, installation.database, bad_week=bad_week)
            begin(story)
            go_on(story)
            story.remember_use()
            link = story.invite("Ada", "Lovage", "admin")
            take(link.replace(PUBLIC, server.url), directory, dark=dark, whole=whole)
            train(story)
            link = story.operator("user", "invite", "acme", LEO, *LEOS_NAME, "--role", "learner")["sign_in_url"]
            take_learners_page(link.replace(PUBLIC, server.url), directory, dark=dark)
        finally:
            server.stop()
            installation.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="Take the pictures of the docs.")
    parser.add_argument("--every-alarm", action="store_true", help="a bad week: one alarm of every kind")
    parser.add_argument("--dark", action="store_true", help="as somebody sees it who reads in the dark")
    parser.add_argument("--whole", action="store_true", help="the whole page, however long")
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "pictures", help="where the pictures go")
    arguments = parser.parse_args()
    arguments.to.mkdir(parents=True, exist_ok=True)
    try:
        tell(arguments.to, bad_week=arguments.every_alarm, dark=arguments.dark, whole=arguments.whole)
    except (RollbookError, Collision) as error:
        sys.exit(f"picture: {error}")


if __name__ == "__main__":
    main()
