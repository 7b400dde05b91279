"""/rule-previews: whom a rule would mean, and who would come and go, before it is saved."""

from __future__ import annotations

from pydantic import Field

from rollbook.api.call import TheCall
from rollbook.api.groups import Rule
from rollbook.api.operation import router
from rollbook.api.shapes import Body, Id, Shape
from rollbook.database import Tx
from rollbook.errors import InvalidValue
from rollbook.people import groups, rule_previews
from rollbook.people.authorization import Who
from rollbook.people.rule_previews import Found

routes = router("rule-previews")


class RuleToTry(Body):
    """A rule that is not saved."""

    rule: Rule
    group_id: Id | None = Field(None, description="The smart group that would get the rule; else it is a new one.")


class Person(Shape):
    """Somebody whom the rule means."""

    id: Id
    name: str = Field(examples=["Leo Linden"])


class People(Shape):
    """How many, and who the first are."""

    count: int = Field(examples=[12])
    first: list[Person] = Field(description="At most twenty, in the order in which they were made.")


class Preview(Shape):
    """Who would be in, who would come and who would leave."""

    members: People
    joining: People
    leaving: People


@routes.post("", operation_id="preview_rule", summary="Try a rule")
async def preview(call: TheCall, body: RuleToTry) -> Preview:
    """Nothing is saved. Everybody is looked at, a thousand at a time, so it takes its time in a large company."""

    def begin(tx: Tx, who: Who) -> rule_previews.Preview:
        group = groups.find(tx, who.company_id, body.group_id) if body.group_id is not None else None
        if body.group_id is not None and group is None:
            raise InvalidValue("There is no group of this id in this company.", field="group_id")
        return rule_previews.begin(tx, who.company_id, body.rule, group)

    seen = await call.read("see_groups", begin)
    while not seen.done:
        seen = await call.read("see_groups", lambda tx, _, so_far=seen: rule_previews.look(tx, so_far))  # type: ignore[misc]  # a lambda with a default
    return Preview(members=_people(seen.members), joining=_people(seen.joining), leaving=_people(seen.leaving))


def _people(found: Found) -> People:
    return People(count=found.count, first=[Person(id=id_, name=name) for id_, name in found.first])
