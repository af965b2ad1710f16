"""Checks of what a browser sends, each refused with a status and one plain line."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from starlette.requests import Request

from core.types import ACTIONS, Inspection, Int64
from ui.api.sprites import registered_rows

# a decision on 300,000 images, each with its own action and class
MOST_BODY_BYTES = 8 * 2**20
MOST_REVIEWER = 80
MOST_SESSION = 64
MOST_CORNERS = 4000
MOST_COORDINATE = 10**6
_HEX = re.compile(r"[0-9a-f]{8,128}")
_DIGITS = re.compile(r"[0-9]{1,15}")
_TRIGGER = re.compile(r"[ts][0-9]{1,6}")


class Refusal(Exception):
    """A request that is not served: HTTP status and one plain line that says why."""

    def __init__(self, status: int, line: str) -> None:
        self.status, self.line = status, line
        super().__init__(line)


async def json_body(request: Request) -> dict[str, Any]:
    """The JSON object that `request` carries, read no further than is allowed."""
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MOST_BODY_BYTES:
            raise Refusal(413, f"too much at once; send at most {MOST_BODY_BYTES} bytes")
    try:
        body = json.loads(raw)
    # a body nested a thousand deep raises RecursionError
    except (ValueError, RecursionError) as error:
        raise Refusal(400, "the body is not JSON") from error
    if not isinstance(body, dict):
        raise Refusal(400, "the body is not a JSON object")
    return body


def hex_name(value: Any, name: str) -> str:
    """`value` where it is a key, token or version."""
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise Refusal(400, f"{name} is not valid; it has 8 to 128 hex digits")
    return value


def whole_number(text: str, name: str, least: int, most: int) -> int:
    """The number that `text` says, from `least` to `most`."""
    if not _DIGITS.fullmatch(text) or not least <= int(text) <= most:
        raise Refusal(400, f"{name} is not valid; it is a whole number from {least} to {most}")
    return int(text)


def row_number(text: str, n: int) -> int:
    """The row that `text` says, of a data set of `n`."""
    if not _DIGITS.fullmatch(text) or int(text) >= n:
        raise Refusal(404, f"there is no such row; the data set has {n}")
    return int(text)


def token_rows(token: Any) -> tuple[str, Int64]:
    """(key, rows) that `token` names."""
    found = registered_rows(hex_name(token, "token"))
    if found is None:
        raise Refusal(410, "the server has forgotten this list of images; reload the page")
    return found


def posted_rows(body: dict[str, Any], inspection: Inspection) -> list[int]:
    """The rows of `inspection` that `body` names, by number or by token, each once."""
    n = len(inspection.dataset)
    if ("rows" in body) == ("token" in body):
        raise Refusal(400, "send either rows or token")
    if "token" in body:
        key, held = token_rows(body["token"])
        if key != inspection.key:
            raise Refusal(400, "this token belongs to another data set; reload the page")
        return [int(row) for row in np.unique(held)]
    rows = body["rows"]
    # bool is an int in Python, and true is no row
    if not isinstance(rows, list) or not rows or not all(type(r) is int and 0 <= r < n for r in rows):
        raise Refusal(400, f"rows must be whole numbers from 0 to {n - 1}, one or more")
    return list(dict.fromkeys(rows))


def posted_polygon(body: dict[str, Any]) -> list[list[float]]:
    """The corners (x, y) of the polygon that `body` carries."""
    corners = body.get("polygon")
    # bool is an int in Python, and JSON as Python reads it knows NaN (which no comparison holds for) and Infinity
    if (
        not isinstance(corners, list)
        or not 3 <= len(corners) <= MOST_CORNERS
        or not all(
            isinstance(c, list) and len(c) == 2 and all(type(v) in (int, float) and abs(v) <= MOST_COORDINATE for v in c) for c in corners
        )
    ):
        raise Refusal(400, f"polygon must be 3 to {MOST_CORNERS} corners, each two numbers of at most {MOST_COORDINATE}")
    return corners


@dataclass(frozen=True)
class PostedDecision:
    """action: of all images, or one of each.  label: the class of all.  labels: one of each, "" where it takes none."""

    action: str | list[str]
    label: str
    labels: list[str]

    def of(self, ids: list[str]) -> dict[str, tuple[str, str]]:
        """What is wanted of each image: (action, class name)."""
        actions = [self.action] * len(ids) if isinstance(self.action, str) else self.action
        return dict(zip(ids, zip(actions, self.labels or [self.label] * len(ids), strict=True), strict=True))


def posted_decision(body: dict[str, Any], rows: list[int], inspection: Inspection) -> PostedDecision:
    """What `body` says is to become of its rows: `action` (and `label`, or `labels` by number), or `actions` one for each
    row with `labels` that are null where no class is taken."""
    each = "actions" in body
    actions = body["actions"] if each else [body.get("action")]
    # a list or an object cannot be looked up
    if not isinstance(actions, list) or not all(isinstance(a, str) and a in ACTIONS for a in actions):
        raise Refusal(400, f"this action is not known; choose one of: {', '.join(ACTIONS)}")
    if each and (len(actions) != len(rows) or "action" in body or "label" in body):
        raise Refusal(400, "actions must be one for each row, and each row once, without action and label")
    label, labels = body.get("label", ""), _posted_labels(body, rows, inspection, none=each)
    named = label != ""
    unknown = named and label not in inspection.dataset.classes
    fits = (
        [bool(name) for name in labels] == [a == "relabel" for a in actions] if each else (actions[0] == "relabel") == bool(named or labels)
    )
    if (named and labels) or not fits or unknown:
        raise Refusal(
            400, "label must be a class of this data set for relabel (or labels one for each row), and empty for any other action"
        )
    return PostedDecision(actions if each else actions[0], label, labels)


def _posted_labels(body: dict[str, Any], rows: list[int], inspection: Inspection, *, none: bool) -> list[str]:
    """Class names that `body` gives each of its rows by the class's number; [] where it gives none."""
    numbers, classes = body.get("labels", []), inspection.dataset.classes
    fit = isinstance(numbers, list) and all((none and c is None) or (type(c) is int and 0 <= c < len(classes)) for c in numbers)
    if not fit or ((numbers or none) and (len(numbers) != len(rows) or len(rows) != len(body.get("rows", ())))):
        raise Refusal(400, f"labels must be whole numbers from 0 to {len(classes) - 1}, one for each row, and each row once")
    return ["" if c is None else classes[c] for c in numbers]


def trigger_name(value: str) -> str:
    """`value` where it may be the id of a finding."""
    if not _TRIGGER.fullmatch(value):
        raise Refusal(400, "the pattern's name is not valid; it is t or s and a number")
    return value


def text(body: dict[str, Any], name: str, most: int, *, needed: bool = True) -> str:
    """The text `name` of `body`, of at most `most` characters."""
    value = body.get(name, "")
    if not isinstance(value, str) or len(value) > most or (needed and not value.strip()):
        raise Refusal(400, f"{name} is not valid; it is a text of {int(needed)} to {most} characters")
    return value


def sender(body: dict[str, Any]) -> dict[str, Any]:
    """Who sends `body`, and its number: reviewer, session, session_seq."""
    seq = body.get("seq")
    if type(seq) is not int or not 0 <= seq < 2**53:
        raise Refusal(400, "seq is not valid; it is a whole number from 0")
    reviewer = text(body, "reviewer", MOST_REVIEWER)
    return {"reviewer": reviewer, "session": text(body, "session", MOST_SESSION), "session_seq": seq}
