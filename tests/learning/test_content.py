"""Content: lessons and paths are written, published, archived and restored; only what is published is assigned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rollbook import clock
from rollbook.activity.events import Actor
from rollbook.errors import Conflict, InvalidValue, NotFound
from rollbook.learning import content, content_record, lessons, paths
from rollbook.people import companies, users
from tests.cast import CLEO, LEO
from tests.learning.school import School


def test_a_lesson_begins_as_a_draft_and_is_published(school: School) -> None:
    lesson = school.lesson(publish=False)
    assert (lesson.kind, lesson.state, lesson.version, lesson.published_at) == ("lesson", "draft", 1, None)
    published = school.do(content.publish, lesson)
    assert school.do(content.publish, lesson) == published == school.content(lesson)
    assert (published.state, published.version) == ("published", 2)
    assert school.told(lesson) == [
        ("LessonCreated", {"title": [None, "Food safety"], "description": [None, None], "body": [None, "(not shown)"]}),
        ("LessonPublished", {"state": ["draft", "published"], "published_at": [None, published.published_at]}),
    ]


def test_a_change_is_told_without_whole_bodies_and_only_where_something_changes(school: School) -> None:
    lesson = school.lesson()
    changed = school.do(lessons.change, lesson, title=" Hygiene ", body="# Wash\r\nhands")
    assert (changed.title, changed.body, changed.version) == ("Hygiene", "# Wash\nhands", 3)
    assert school.do(lessons.change, lesson, title="Hygiene", body="# Wash\nhands") == changed == school.content(lesson)
    assert school.told(lesson)[2:] == [
        ("LessonChanged", {"title": ["Food safety", "Hygiene"], "body": ["(not shown)", "(not shown)"]})
    ]
    assert school.ask(content_record.named, school.id, "HYGIENE") == changed
    with pytest.raises(NotFound):
        school.ask(content_record.named, school.id, "Food safety")


@pytest.mark.parametrize(
    ("texts", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": " \t"}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "two\nlines"}, "title"),
        ({"title": "a\x00"}, "title"),
        ({"description": "x" * 2_001}, "description"),
        ({"description": "a\x00"}, "description"),
        ({"body": "x" * 200_001}, "body"),
        ({"body": "a\x00b"}, "body"),
        ({"body": "\ud800"}, "body"),
        ({"body": "\x1b[31m"}, "body"),
    ],
)
def test_a_text_that_cannot_be_kept_is_refused_and_nothing_is_written(
    school: School, texts: dict[str, str], field: str
) -> None:
    given: dict[str, Any] = {"title": "Food safety", "body": "", "description": ""} | texts
    with pytest.raises(InvalidValue) as refused:
        school.do(lessons.create, school.id, given["title"], given["body"], description=given["description"])
    assert refused.value.field == field
    lesson = school.lesson()
    with pytest.raises(InvalidValue):
        school.do(lessons.change, lesson, **texts)
    assert school.ask(content_record.search, school.id) == [_without_body(lesson)]
    assert school.content(lesson) == lesson


def test_the_longest_texts_are_kept_whole(school: School) -> None:
    lesson = school.do(lessons.create, school.id, "ß" * 200, "😀" * 200_000, description="d\n\t" + "é" * 1_997)
    assert school.content(lesson) == lesson
    assert len(lesson.body or "") == 200_000


def test_the_author_is_whoever_is_signed_in_and_their_content_outlives_them(school: School) -> None:
    cleo = school.hire(CLEO, "creator")
    lesson = school.do(lessons.create, school.id, "Cakes", "", publish=True, actor=Actor("user", cleo.id))
    assert lesson.author_id == cleo.id
    assert school.do(lessons.create, school.id, "Pies", "", actor=Actor("api", "key")).author_id is None
    assert school.do(lessons.create, school.id, "Tarts", "", author_id=cleo.id).author_id == cleo.id
    with pytest.raises(NotFound):
        school.do(lessons.create, school.id, "Rolls", "", author_id="nobody")
    school.do(users.archive, cleo)
    assert school.content(lesson) == lesson
    assert [one.title for one in school.ask(content_record.search, school.id, author_id=cleo.id)] == ["Cakes", "Tarts"]
    assert school.assign(school.hire(), lesson).state == "incomplete"


def test_content_is_found_by_kind_state_and_part_of_the_title_in_pages(school: School) -> None:
    safety, fire = school.lesson("Food safety"), school.lesson("Fire 100%_safe", publish=False)
    path = school.path(safety, title="Safe from the first day")
    search = lambda **how: [one.id for one in school.ask(content_record.search, school.id, **how)]  # noqa: E731
    assert search() == [safety.id, fire.id, path.id]
    assert search(kind="path") == [path.id]
    assert search(state="draft") == [fire.id]
    assert search(text="SAFE") == [safety.id, fire.id, path.id]
    assert search(text="100%_") == [fire.id]
    assert search(text="%") == [fire.id]
    assert search(limit=2) == [safety.id, fire.id]
    assert search(after=fire.id) == [path.id]


def test_two_of_one_title_are_named_by_their_ids_and_the_living_one_goes_first(school: School) -> None:
    old, new = school.lesson(), school.lesson()
    with pytest.raises(Conflict, match="More than one lesson is titled") as refused:
        school.ask(content_record.named, school.id, "food SAFETY", kind="lesson")
    assert old.id in refused.value.message
    assert new.id in refused.value.message
    assert school.ask(content_record.named, school.id, old.id) == old
    old = school.do(content.archive, old)
    assert school.ask(content_record.named, school.id, "Food safety") == new
    school.do(content.archive, new)
    school.path(school.lesson("Knives"), title="Food safety")
    assert school.ask(content_record.named, school.id, "Food safety").kind == "path"
    with pytest.raises(NotFound, match="There is no path"):
        school.ask(content_record.named, school.id, old.id, kind="path")


def test_another_company_s_content_is_none(school: School) -> None:
    lesson = school.lesson()
    other = school.do(companies.create, f"umbra-{clock.new_id()[:18]}", "Umbra")
    assert school.ask(content_record.find, other.id, lesson.id) is None
    assert school.ask(content_record.search, other.id) == []
    with pytest.raises(NotFound):
        school.ask(content_record.named, other.id, "Food safety")
    with pytest.raises(InvalidValue, match="no lesson of this company"):
        school.do(paths.create, other.id, "First week", [lesson])


def test_a_path_has_its_lessons_in_order(school: School) -> None:
    one, two, three = (school.lesson(title) for title in ("One", "Two", "Three"))
    path = school.path(two, one, enforced_order=True, certification=True)
    assert (path.kind, path.body, path.enforced_order, path.certification) == ("path", None, True, True)
    assert school.ask(paths.lessons_of, path) == [two, one]
    changed = school.do(paths.change, path, lessons=[one, two, three], enforced_order=False)
    assert school.ask(paths.lessons_of, path) == [one, two, three]
    assert school.do(paths.change, path, lessons=[one, two, three], enforced_order=False) == changed
    assert school.content(path) == changed
    assert school.told(path)[-1] == (
        "PathChanged",
        {"lessons": [[two.id, one.id], [one.id, two.id, three.id]], "enforced_order": [True, False]},
    )


def test_a_path_of_nothing_of_too_much_or_of_the_same_is_refused(school: School) -> None:
    one = school.lesson("One")
    path = school.path(one)
    for lessons_ in ([], [one, one], [path], [one] * 101):
        with pytest.raises(InvalidValue) as refused:
            school.path(*lessons_)
        assert refused.value.field == "lessons"


def test_a_path_is_published_after_its_lessons(school: School) -> None:
    one, draft = school.lesson("One"), school.lesson("Two", publish=False)
    path = school.path(one, draft, publish=False)
    with pytest.raises(Conflict, match="The lesson Two of this path is a draft; publish it first"):
        school.do(content.publish, path)
    with pytest.raises(Conflict, match="The lesson Two"):
        school.path(draft)
    assert [found.id for found in school.ask(content_record.search, school.id, kind="path")] == [path.id]
    school.do(content.publish, draft)
    assert school.do(content.publish, path).state == "published"
    with pytest.raises(Conflict, match="is a draft"):
        school.do(paths.change, path, lessons=[one, draft, school.lesson("Three", publish=False)])


def test_a_lesson_of_a_published_path_is_not_archived_under_it(school: School) -> None:
    one = school.lesson("One")
    path = school.path(one, title="First week")
    with pytest.raises(Conflict, match="is a lesson of the path First week"):
        school.do(content.archive, one)
    school.do(content.archive, path)
    school.do(content.archive, one)
    with pytest.raises(Conflict, match="One of this path is archived; restore it first"):
        school.do(content.restore, path)
    school.do(content.restore, one)
    assert school.do(content.restore, path).state == "published"


def test_a_lesson_is_taken_out_of_a_path_only_while_nobody_is_at_work_on_it(school: School) -> None:
    one, two, leo = school.lesson("One"), school.lesson("Two"), school.hire(LEO)
    path = school.path(one, two)
    school.assign(leo, path)
    school.complete(leo, one)
    with pytest.raises(Conflict, match="1 person is at work on the path First week"):
        school.do(paths.change, path, lessons=[one])
    school.complete(leo, two)
    school.do(paths.change, path, lessons=[one])
    assert [lesson.id for lesson in school.ask(paths.lessons_of, path)] == [one.id]


@pytest.mark.parametrize("make", [lambda school: school.lesson(), lambda school: school.path(school.lesson("One"))])
def test_archived_content_takes_nothing_new_and_comes_back_as_it_was(
    school: School, make: Callable[[School], content_record.Content]
) -> None:
    thing, leo = make(school), school.hire()
    assigned = school.assign(leo, thing)
    archived = school.do(content.archive, thing)
    assert school.do(content.archive, thing) == archived
    assert (archived.state, archived.published_at) == ("archived", thing.published_at)
    change = lessons.change if thing.kind == "lesson" else paths.change
    for refused in (
        lambda: school.do(content.publish, thing),
        lambda: school.do(change, thing, title="Other"),
        lambda: school.assign(leo, archived),
    ):
        with pytest.raises(Conflict, match="archived; restore it first"):
            refused()
    assert school.of(leo) == [assigned]
    assert school.do(content.restore, thing).state == "published"
    assert school.do(content.restore, thing).version == thing.version + 2
    kind = thing.kind.title()
    assert school.kinds(thing)[-2:] == [f"{kind}Archived", f"{kind}Restored"]


def test_an_archived_draft_comes_back_as_a_draft(school: School) -> None:
    draft = school.do(content.archive, school.lesson(publish=False))
    assert school.do(content.restore, draft).state == "draft"
    with pytest.raises(Conflict, match="is a draft; publish it before it is assigned"):
        school.assign(school.hire(), school.content(draft))


def test_a_lesson_is_no_path_and_a_path_no_lesson(school: School) -> None:
    lesson = school.lesson()
    path = school.path(lesson)
    with pytest.raises(InvalidValue, match="is a path"):
        school.do(lessons.change, path, title="Other")
    with pytest.raises(InvalidValue, match="is a lesson"):
        school.do(paths.change, lesson, title="Other")


def _without_body(lesson: content_record.Content) -> content_record.Content:
    import dataclasses

    return dataclasses.replace(lesson, body=None)
