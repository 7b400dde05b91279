"""Plays a test file of the kind that Okta publishes for SCIM servers: requests, what they assert, what they save.

The files themselves are not ours and are not here (test_spec_file.py). Pauses are skipped and scripts are data.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx2

_VARIABLE = re.compile(r"\{\{(\w+)\}\}")
_STEP = re.compile(r"(\w+)|\[(\d+)\]")
_NOTHING: Any = object()


@dataclass
class Runner:
    """`variables` are what the file's `{{name}}` stand for; what steps save is added to them."""

    variables: dict[str, str]
    requests: int = 0
    assertions: int = 0
    failures: list[str] = field(default_factory=list)

    def play(self, steps: list[dict[str, Any]]) -> None:
        """Every request in order; what does not hold is gathered in `failures`."""
        with httpx2.Client(timeout=60) as client:
            for step in steps:
                if step["step_type"] == "request" and not step.get("skipped"):
                    self._request(client, step)

    def _request(self, client: httpx2.Client, step: dict[str, Any]) -> None:
        self.requests += 1
        headers = {name: self._filled(values[0]) for name, values in step["headers"].items()}
        body = step.get("body")
        started = time.perf_counter()
        response = client.request(
            step["method"],
            # The files hold raw spaces and quotes, which every real client encodes.
            quote(self._filled(step["url"]), safe=":/?&=%"),
            headers=headers,
            content=self._filled(body).encode() if body else None,
        )
        milliseconds = (time.perf_counter() - started) * 1000
        document = response.json() if response.content else None
        for assertion in step["assertions"]:
            self.assertions += 1
            source = assertion["source"]
            found = (
                response.status_code
                if source == "response_status"
                else milliseconds
                if source == "response_time"
                else value_at(document, assertion["property"])
            )
            wanted = assertion["value"]
            wanted = self._filled(wanted) if isinstance(wanted, str) else wanted
            if not holds(assertion["comparison"], found, wanted):
                what = assertion.get("property") or source
                self.failures.append(
                    f"request {self.requests}: {what} {assertion['comparison']} {wanted}, but it is {found!r}"
                )
        for variable in step.get("variables", ()):
            self.variables[variable["name"]] = str(value_at(document, variable["property"]))

    def _filled(self, text: str) -> str:
        return _VARIABLE.sub(lambda match: self.variables[match[1]], text)


def value_at(document: Any, path: str) -> Any:
    """The value at `Resources[0].name.givenName`; a value of its own kind where there is none."""
    value = document
    for name, index in _STEP.findall(path):
        if name and isinstance(value, dict) and name in value:
            value = value[name]
        elif index and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        else:
            return _NOTHING
    return value


def holds(comparison: str, found: Any, wanted: Any) -> bool:
    """Whether one assertion holds; raises ValueError for a comparison that is not known."""
    if found is _NOTHING:
        return False
    match comparison:
        case "equal_number":
            return not isinstance(found, bool) and float(found) == float(wanted)
        case "is_less_than":
            return float(found) < float(wanted)
        case "is_a_number":
            return isinstance(found, int | float) and not isinstance(found, bool)
        case "not_empty":
            return bool(found not in (None, "", [], {}, False))
        case "equal":
            return bool(_as_text(found) == wanted)
        case "has_value" | "contains":
            return bool(wanted in found if isinstance(found, list) else wanted in _as_text(found))
    raise ValueError(f"the comparison {comparison} is not known")


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
