"""`/assignments`: what somebody is to learn and what they have learnt; and each of these with its text and its button.

Everybody sees their own here and nobody else's, administrators too.
"""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup
from starlette.responses import Response

from rollbook.console import rendering
from rollbook.console.visit import Visit
from rollbook.database import Tx
from rollbook.errors import NotFound
from rollbook.learning import completion, content_record, markdown, shelf
from rollbook.learning.shelf import Entry, Step
from rollbook.people import companies, users
from rollbook.people.sign_in import SignedIn


async def show(visit: Visit) -> Response:
    """Everything that is assigned to the visitor: what is late first, what is done last."""
    today = visit.now.date()

    def look(tx: Tx, who: SignedIn) -> tuple[SignedIn, str, list[Entry]]:
        company = companies.by_id(tx, who.company_id)
        return who, company.name, shelf.of_person(tx, who.company_id, who.user_id, today=today)

    who, company, entries = await visit.read(look)
    done = sorted((e for e in entries if e.status == "completed"), key=lambda e: e.completed_at or "", reverse=True)
    return visit.page(
        "assignments.html",
        who,
        company=company,
        today=today,
        overdue=[entry for entry in entries if entry.status == "overdue"],
        to_do=[entry for entry in entries if entry.status == "incomplete"],
        returned=[entry for entry in entries if entry.status == "returned"],
        done=done,
        finished=visit.request.query_params.get("finished") == "yes",
    )


@dataclass(frozen=True, slots=True)
class Sheet:
    """What stands on the page of an assignment: the whole, its lessons where it is a path, the lesson that is open."""

    entry: Entry
    steps: list[Step]
    lesson: Step | None
    text: Markup

    @property
    def address(self) -> str:
        """Of the page: a lesson of a path has one of its own."""
        whole = f"/assignments/{self.entry.id}"
        return f"{whole}/lessons/{self.lesson.lesson_id}" if self.entry.kind == "path" and self.lesson else whole

    @property
    def following(self) -> Step | None:
        """The next lesson of the path that is still to be done."""
        if self.lesson is None or self.entry.kind != "path":
            return None
        place = self.steps.index(self.lesson)
        waiting = [step for step in (*self.steps[place + 1 :], *self.steps[:place]) if step.completed_at is None]
        return waiting[0] if waiting else None


async def read(visit: Visit) -> Response:
    """The page of one assignment, or of one lesson of an assigned path."""
    parameters = visit.request.path_params
    assignment_id, lesson_id = str(parameters["assignment"]), parameters.get("lesson")

    def look(tx: Tx, who: SignedIn) -> tuple[SignedIn, Sheet]:
        return who, _sheet(tx, who, assignment_id, str(lesson_id) if lesson_id else None, visit)

    who, sheet = await visit.read(look)
    just_done = visit.request.query_params.get("completed") == "yes"
    return visit.page("assignment.html", who, sheet=sheet, today=visit.now.date(), just_done=just_done)


async def complete(visit: Visit) -> Response:
    """The learner says that they have done a lesson; then what comes next is shown."""
    parameters = visit.request.path_params
    assignment_id, lesson_id = str(parameters["assignment"]), parameters.get("lesson")

    def work(tx: Tx, who: SignedIn) -> Sheet:
        user = users.get(tx, who.company_id, who.user_id, lock=True)
        sheet = _sheet(tx, who, assignment_id, str(lesson_id) if lesson_id else None, visit)
        if sheet.lesson is None:
            raise NotFound("A path is completed lesson by lesson; open one of them.")
        lesson = content_record.get(tx, who.company_id, sheet.lesson.lesson_id)
        completion.complete(tx, user, lesson, actor=visit.actor(who), now=visit.now)
        return _sheet(tx, who, assignment_id, sheet.lesson.lesson_id if lesson_id else None, visit)

    sheet = await visit.write(work)
    if sheet.entry.status == "completed":
        return rendering.redirect("/assignments?finished=yes")
    return rendering.redirect(f"{sheet.address}?completed=yes")


def _sheet(tx: Tx, who: SignedIn, assignment_id: str, lesson_id: str | None, visit: Visit) -> Sheet:
    entry = shelf.get(tx, who.company_id, who.user_id, assignment_id, today=visit.now.date())
    if entry.kind == "lesson":
        if lesson_id is not None:
            raise NotFound("This lesson has no lessons of its own; its page is the assignment's.")
        lesson = Step(entry.content_id, entry.title, entry.description, entry.completed_at, True)
        return Sheet(entry, [], lesson, _prose(tx, who, entry.content_id))
    steps = shelf.steps(tx, who.company_id, entry)
    if lesson_id is None:
        return Sheet(entry, steps, None, Markup())
    found = next((step for step in steps if step.lesson_id == lesson_id), None)
    if found is None:
        raise NotFound("This lesson is not part of the path, or no longer.")
    return Sheet(entry, steps, found, _prose(tx, who, lesson_id) if found.open else Markup())


def _prose(tx: Tx, who: SignedIn, lesson_id: str) -> Markup:
    return Markup(markdown.html(shelf.body(tx, who.company_id, lesson_id)))  # noqa: S704 - it lets no HTML through
