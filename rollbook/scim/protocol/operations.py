"""The PATCH message (RFC 7644 section 3.5.2): its bytes are read by `body.py`, here it becomes operations.

What operations do to a resource is in `patch.py`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from rollbook.scim.protocol.errors import InvalidPath, InvalidSyntax, InvalidValue, TooMany

MAX_OPERATIONS = 1000

_MESSAGES = "urn:ietf:params:scim:api:messages:2.0:"
_PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:patchop"


class Operation(msgspec.Struct, frozen=True):
    """One operation: `op` is add, replace or remove; `path` None means the whole resource; a value that was
    not sent is None, like null."""

    op: str
    path: str | None
    value: Any


def parse_operations(document: Any) -> list[Operation]:
    """The operations of a PATCH message; names and `op` fold case, an empty list does nothing.

    `schemas` may be missing or foreign, but not that of another SCIM message. Raises InvalidSyntax for what
    is no PATCH message, InvalidPath for a path that is no text, TooMany beyond 1,000 operations.
    """
    given = document if type(document) is list else _operations_of(document)
    if type(given) is dict:
        given = [given]
    if type(given) is not list:
        raise InvalidSyntax('"Operations" must be an array. Send {"Operations": [{"op": "replace", …}]}.')
    if len(given) > MAX_OPERATIONS:
        raise TooMany(
            f"The request holds {len(given)} operations; at most {MAX_OPERATIONS} are done in one go, "
            "and none was. Split it into several requests."
        )
    return [_operation(item) for item in given]


def _operations_of(document: Any) -> Any:
    if type(document) is not dict:
        raise InvalidSyntax('The body is no PATCH message. Send {"Operations": [{"op": "replace", …}]}.')
    members = {key.lower(): value for key, value in document.items()}
    schemas = members.get("schemas")
    for urn in schemas if type(schemas) is list else [schemas]:
        if type(urn) is str and urn.lower().startswith(_MESSAGES.lower()) and urn.lower() != _PATCH_OP:
            raise InvalidSyntax(f"A PATCH request was sent the message {urn[:120]}. Send {_MESSAGES}PatchOp.")
    if "operations" not in members:
        raise InvalidSyntax('The PATCH message has no "Operations". Send {"Operations": [{"op": "replace", …}]}.')
    operations = members["operations"]
    return [] if operations is None else operations


def _operation(item: Any) -> Operation:
    if type(item) is not dict:
        raise InvalidSyntax('Each operation must be an object, such as {"op": "replace", "path": "title", …}.')
    members = item if "op" in item else {key.lower(): value for key, value in item.items()}
    op, path, value = members.get("op"), members.get("path"), members.get("value")
    if members is item and len(item) > (path is not None) + (value is not None) + 1:
        members = {key.lower(): member for key, member in item.items()}
        path, value = members.get("path"), members.get("value")
    name = op.lower() if type(op) is str else ""
    if name not in ("add", "replace", "remove"):
        raise InvalidSyntax(
            f'An operation has the op "{str(op)[:40]}"; it must be add, replace or remove (in any case).'
        )
    if path is not None and type(path) is not str:
        raise InvalidPath('The "path" of an operation must be text, such as "name.givenName".')
    if name != "remove" and not path and value is None:
        raise InvalidValue(f'An operation "{name}" has neither a path nor a value, so nothing can be done.')
    return Operation(name, path or None, value)
