"""The token at rest: it opens with the operator's secret and for its own company, and in no other way."""

from __future__ import annotations

import base64

import pytest

from rollbook.errors import InvalidValue, Misconfigured
from rollbook.okta import sealing
from rollbook.okta.conversation import checked_token
from tests.okta_pull.org import TOKEN

SECRET, BEFORE, OTHER = (f"a secret of the tests, the {number}.".encode() for number in ("second", "first", "third"))
ACME, UMBRA = "01900000-0000-7000-8000-000000000001", "01900000-0000-7000-8000-000000000002"


def test_what_was_sealed_is_opened_again_and_shows_nothing() -> None:
    sealed = sealing.seal(SECRET, ACME, TOKEN)
    assert sealing.unseal([SECRET], ACME, sealed) == TOKEN
    assert TOKEN.encode() not in base64.urlsafe_b64decode(sealed.removeprefix("v1."))
    assert sealed.isascii()


def test_the_same_token_is_never_sealed_alike() -> None:
    assert len({sealing.seal(SECRET, ACME, TOKEN) for _ in range(100)}) == 100


def test_another_secret_or_another_company_opens_nothing() -> None:
    sealed = sealing.seal(SECRET, ACME, TOKEN)
    for secrets, company_id in (([OTHER, BEFORE], ACME), ([SECRET], UMBRA), ([], ACME), ([SECRET], "")):
        with pytest.raises(Misconfigured, match="ROLLBOOK_SECRET_PREVIOUS") as refusal:
            sealing.unseal(secrets, company_id, sealed)
        assert TOKEN not in str(refusal.value)


def test_a_secret_may_be_rotated() -> None:
    old = sealing.seal(BEFORE, ACME, TOKEN)
    assert sealing.unseal([SECRET, BEFORE], ACME, old) == TOKEN
    assert not sealing.is_sealed_under(SECRET, ACME, old)
    new = sealing.seal(SECRET, ACME, sealing.unseal([SECRET, BEFORE], ACME, old))
    assert sealing.is_sealed_under(SECRET, ACME, new)


def test_no_bit_of_it_may_be_changed() -> None:
    raw = base64.urlsafe_b64decode(sealing.seal(SECRET, ACME, TOKEN).removeprefix("v1."))
    for place in range(len(raw)):
        changed = raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]
        with pytest.raises(Misconfigured):
            sealing.unseal([SECRET], ACME, "v1." + base64.urlsafe_b64encode(changed).decode())


@pytest.mark.parametrize("text", ["", "v1.", "v1.!!!", "v1.AAAA", "v2.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", TOKEN, "v1.é"])
def test_what_was_never_sealed_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(Misconfigured):
        sealing.unseal([SECRET], ACME, text)


@pytest.mark.parametrize("text", ["", " ", "a b", "a\r\nX-Header: b", "a\x00", "tökèn", "a" * 501, "SSWS abc"])
def test_a_token_that_fits_in_no_header_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        checked_token(text)
    assert refusal.value.field == "token"


def test_blanks_around_a_pasted_token_are_no_part_of_it() -> None:
    assert checked_token(f" {TOKEN}\n") == TOKEN
