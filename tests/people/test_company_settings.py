"""What an administrator sets for a company holds nobody up."""

from __future__ import annotations

import threading

import pytest

from rollbook import clock
from rollbook.database import Tx
from rollbook.people import company_settings, users
from tests.cast import LEO
from tests.conftest import OPERATOR, House


def test_who_is_hired_does_not_wait_for_a_setting_that_is_being_changed(
    house: House, company_id: str, engine: str
) -> None:
    if engine == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    set_, hired = threading.Event(), threading.Event()
    waited_for: list[bool] = []

    def change(tx: Tx) -> None:
        company_settings.put(tx, company_id, "language", "de", actor=OPERATOR, now=clock.now())
        set_.set()
        waited_for.append(hired.wait(10))

    administrator = threading.Thread(target=house.write, args=(change,))
    administrator.start()
    assert set_.wait(20)
    house.write(lambda tx: users.create(tx, company_id, LEO, actor=OPERATOR, now=clock.now()))
    hired.set()
    administrator.join(30)
    assert waited_for == [True]
