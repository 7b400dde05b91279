"""What bodies and answers are made of: strict members, closed objects. Pages of lists are paging.py's."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from rollbook import clock

# No control character or line separator: what the rooms refuse too, said where a client can read it.
_CONTROL = r"\u0000-\u001f\u007f-\u009f\u2028\u2029"
_CLEAN = f"^[^{_CONTROL}]*$"
_SAYING = rf"^[^{_CONTROL}]*[^{_CONTROL}\s][^{_CONTROL}]*$"  # and something else than spaces
_EMAIL = r'^[^\s@<>(),;:\\"\[\]\u0000-\u001f\u007f-\u009f]+@[^\s@<>(),;:\\"\[\]\u0000-\u001f\u007f-\u009f]+$'
Text = Annotated[str, StringConstraints(pattern=_CLEAN, max_length=1024)]
Required = Annotated[str, StringConstraints(pattern=_SAYING, min_length=1, max_length=1024)]
Name = Annotated[str, StringConstraints(pattern=_SAYING, min_length=1, max_length=200)]
Email = Annotated[str, StringConstraints(pattern=_EMAIL, max_length=254), Field(examples=["leo@acme.example"])]
Date = Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$", examples=["2026-11-02"])]
Id = Annotated[
    str,
    StringConstraints(pattern=f"^{clock.ID.pattern}$"),
    Field(description="An opaque id, made by Rollbook.", examples=["0199c0de-1e00-7000-8000-000000000001"]),
]
Instant = Annotated[
    str, Field(description="An instant in UTC, with microseconds.", examples=["2026-11-24T06:00:00.000000Z"])
]


def left_out(**about: Any) -> Any:
    """A member of a change that may be left out, and is not null when it is there: `model_fields_set` says which."""
    return Field(default_factory=str, **about)


class Body(BaseModel):
    """What a client sends: an unknown member is refused, and nothing is made of another type."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Shape(BaseModel):
    """What Rollbook answers."""

    @classmethod
    def show(cls, record: object, **more: Any) -> Self:
        """A record of the rooms as the API shows it: the members that this shape has, `more` before the record's."""
        return cls(**{name: more[name] if name in more else getattr(record, name) for name in cls.model_fields})
