"""Alarms in words: a title, and what happened with what to do. The actions are alarms.py's."""

from __future__ import annotations

from collections.abc import Callable

from rollbook import clock
from rollbook.console import run_words, words
from rollbook.people.alarms import Alarm
from rollbook.people.record import User


def _mass_archive(alarm: Alarm, _: User | None) -> tuple[str, str]:
    people, of = alarm.detail["count"], alarm.detail["of"]
    title = f"Okta archived {words.count(people, 'person', 'people')} within an hour"
    return title, (
        f"That is {people:,} of {of:,}, and they are out already. If it was meant, leave them archived. If a group or "
        "an assignment was removed by mistake, undo that in Okta and restore them all."
    )


def _address_held(alarm: Alarm, user: User | None) -> tuple[str, str]:
    if user is None or user.confirmed_email is None:
        return f"Okta changed the user name of {_name(user)}", (
            f"The {_role(user)} is {_user_name(user)} to Okta now. Sign-in links still go to "
            f"{alarm.detail['links_go_to']}. If the change is wrong, correct it in Okta first."
        )
    return f"Okta changed the e-mail of {_name(user)}", (
        f"The {user.role}'s address is {user.email} now. Sign-in links keep going to {user.confirmed_email} until you "
        "confirm the new one. If it is wrong, correct it in Okta; if nobody changed it there, revoke the SCIM key."
    )


def _privileged_deleted(_: Alarm, user: User | None) -> tuple[str, str]:
    return f"Okta deleted {_name(user)}, {_role(user)}", (
        f"The account is archived. The user name {_user_name(user)} and its e-mail stay taken until you free them, so "
        "that nobody steps into a privileged account's place unseen."
    )


def _privileged_restored(_: Alarm, user: User | None) -> tuple[str, str]:
    return f"Okta restored {_name(user)}, {_role(user)}", (
        "The role came back with the account. If that was not meant, change the role or archive the person."
    )


def _last_admin(alarm: Alarm, user: User | None) -> tuple[str, str]:
    gone = alarm.detail.get("cause") != "role"
    title = (
        f"{_name(user)}, the last administrator, was archived"
        if gone
        else f"{_name(user)}, the last administrator, was given another role"
    )
    return title, (
        "For a while nobody could sign in to settle anything. Give two people the role, so that one leaver does not "
        "lock everybody out."
    )


def _flapping(alarm: Alarm, user: User | None) -> tuple[str, str]:
    seconds = (clock.moment(alarm.detail["archived_at"]) - clock.moment(alarm.detail["restored_at"])).total_seconds()
    title = f"Okta restored {_name(user)} and archived them again {words.count(int(seconds), 'second')} later"
    if user is not None and user.active:
        return title, "By now they are active again, so nothing is to be done; leave it as it is."
    if alarm.detail.get("okta") == "active":
        return title, (
            f"Okta says that the person is active. The {_role(user)} is still archived, since a person must restore "
            "them: the role is privileged, or somebody active has the e-mail by now."
        )
    return title, (
        "Okta is known to send a late deactivation after a reactivation, so it may not be meant. It was honoured. See "
        "in Okta whether the person is active: if so, restore them; if they left, leave it as it is."
    )


def _okta_held(alarm: Alarm, _: User | None) -> tuple[str, str]:
    comes_to = run_words.comes_to(alarm.detail["counts"])
    plan = f" Its plan: {comes_to}." if comes_to else ""
    return "A run of the standard integration waits for your yes", f"{alarm.detail['reason']}{plan}"


def _okta_attention(alarm: Alarm, _: User | None) -> tuple[str, str]:
    return "The standard integration cannot read Okta", (
        f"{alarm.detail['reason']} Nobody was changed or archived for it; the first run that reads everything settles "
        "this by itself."
    )


WORDS: dict[str, Callable[[Alarm, User | None], tuple[str, str]]] = {
    "mass_archive": _mass_archive,
    "address_held": _address_held,
    "privileged_deleted": _privileged_deleted,
    "privileged_restored": _privileged_restored,
    "last_admin_archived": _last_admin,
    "flapping": _flapping,
    "okta_held": _okta_held,
    "okta_attention": _okta_attention,
}


def _name(user: User | None) -> str:
    return words.isolate(words.shorten(user.display_name)) if user is not None else "somebody unknown"


def _user_name(user: User | None) -> str:
    return words.shorten(user.user_name) if user is not None else "unknown"


def _role(user: User | None) -> str:
    return user.role if user is not None else "account"
