"""What the review log refuses before it writes: bad names, actions and classes, each in one line."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import UserError
from ..types import ACTIONS

REVIEWER_CHARACTERS = 80
LARGEST_INTEGER = 2**63 - 1
# image id, seq that the line takes back, class of this image alone, action of this image alone
Line = tuple[str, int | None, str | None, str | None]


def checked_reviewer(reviewer: str, session: str, session_seq: int | None) -> str:
    """The reviewer's name without spaces around it; raises UserError for a bad name or session number."""
    name = reviewer.strip()
    if not name or len(name) > REVIEWER_CHARACTERS:
        raise UserError(
            "a decision needs the name of its reviewer" if not name else "the reviewer's name is too long",
            f"1 to {REVIEWER_CHARACTERS} characters",
        )
    if session_seq is not None and not (session and 0 <= session_seq <= LARGEST_INTEGER):
        raise UserError(f"session number {session_seq} is not valid", "a number from 0, with the name of its session")
    return name


def checked_lines(dataset: str, image_ids: Sequence[str], action: str | Sequence[str], label: str, labels: Sequence[str]) -> list[Line]:
    """The lines of one event, repeats collapsed; raises UserError where actions, classes and images do not fit."""
    _check_actions([action] if isinstance(action, str) else list(action), label, labels, alike=isinstance(action, str))
    if isinstance(image_ids, str) or not dataset:
        raise UserError("a decision needs a data set and a list of image ids", "a digest, and one id or more")
    images = list(dict.fromkeys(image_ids))
    if not images:
        raise UserError("there is no image to decide on", "one image id or more", "select an image first")
    alone = not isinstance(action, str)
    if alone and not len(images) == len(image_ids) == len(action) == len(labels):
        raise UserError("the actions do not fit the images", "one action and one class name for each image, and each image once")
    fit = len(images) == len(image_ids) == len(labels) and not isinstance(labels, str) and (alone or all(labels))
    if labels and (label or not fit):
        raise UserError("the new classes do not fit the images", "one class name for each image, and each image once")
    own: Sequence[str | None] = labels or [None] * len(images)
    what: Sequence[str | None] = list(action) if alone else [None] * len(images)
    return [(image, None, name, done) for image, name, done in zip(images, own, what, strict=True)]


def _check_actions(actions: list[str], label: str, labels: Sequence[str], *, alike: bool) -> None:
    for action in actions:
        if action not in ACTIONS:
            raise UserError(f"action '{action}' is not known", f"choose one of: {', '.join(ACTIONS)}")
    # one action for all goes with a class or with many; many actions go with one each, "" where none is taken
    pairs = [(actions[0], bool(label or labels))] if alike else list(zip(actions, map(bool, labels), strict=False))
    for action, named in pairs:
        if (action == "relabel") != named:
            wrong = "relabel needs the new class" if action == "relabel" else f"{action} takes no class, got '{label or labels[0]}'"
            raise UserError(wrong, "a class name for relabel, none for any other action")


def checked_digests(dataset: str | Sequence[str]) -> tuple[str, ...]:
    """One digest, or several, as a tuple; raises UserError for none."""
    digests = (dataset,) if isinstance(dataset, str) else tuple(dataset)
    if not all(digests) or not digests:
        raise UserError("the data set is not named", "one digest or more")
    return digests
