"""What a story looks like on paper: sane without a terminal, honest in the summary."""

import io

from rich.console import Console

from rollbook.simulator.checks import Step
from rollbook.simulator.screen import Screen, console

GOOD = Step("Test", "a list comes back", True, "7 users", 12.4)
BAD = Step("Hires", "created", False, "Conflict [red]for Leo[/red]", 3.0)


def screen_of(encoding: str = "utf-8") -> tuple[Screen, io.TextIOWrapper]:
    paper = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    return Screen(console=Console(file=paper, width=100, highlight=False)), paper


def text_of(paper: io.TextIOWrapper) -> str:
    paper.flush()
    buffer = paper.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode(paper.encoding)


def test_a_step_is_a_line_with_its_check_its_finding_and_its_time() -> None:
    screen, paper = screen_of()
    assert screen.show(GOOD)
    assert " ".join(text_of(paper).split()) == "✓ Test a list comes back → 7 users 12 ms"


def test_without_a_terminal_there_is_no_colour_and_no_line_beyond_a_hundred_columns() -> None:
    screen, paper = screen_of()
    screen.chapter("Hires")
    screen.play([GOOD, Step("Long", "x" * 90, True, "y" * 150, 1.0)])
    screen.summary()
    text = text_of(paper)
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 100


def test_a_screen_that_knows_only_ascii_gets_words_for_marks() -> None:
    screen, paper = screen_of("ascii")
    screen.play([GOOD, BAD])
    text = text_of(paper)
    assert "ok" in text
    assert "FAIL" in text


def test_brackets_in_a_servers_text_are_text() -> None:
    screen, paper = screen_of()
    screen.show(BAD)
    assert "Conflict [red]for Leo[/red]" in text_of(paper)


def test_one_failed_step_fails_the_summary_and_is_named_there() -> None:
    screen, paper = screen_of()
    screen.chapter("First")
    assert screen.play([GOOD])
    screen.chapter("Second")
    assert not screen.play([GOOD, BAD, GOOD])
    assert not screen.summary()
    summary = text_of(paper).split("Summary")[1]
    assert "Hires: Conflict [red]for Leo[/red]" in summary
    assert "1 of 4 steps did not hold." in summary


def test_all_steps_held_only_if_there_was_one() -> None:
    screen, _ = screen_of()
    assert not screen.summary()
    screen.show(GOOD)
    assert screen.summary()


def test_a_pipe_gets_a_hundred_columns() -> None:
    assert console().width == 100


def test_the_bar_moves_without_a_terminal_and_draws_nothing() -> None:
    screen, paper = screen_of()
    with screen.progress("Hires", 2) as tick:
        tick()
        tick()
    assert text_of(paper).strip() == ""


def test_a_long_address_is_not_broken() -> None:
    screen, paper = screen_of()
    url = "http://127.0.0.1:8000/sign-in/" + "x" * 200
    screen.address(url)
    assert url in text_of(paper)
