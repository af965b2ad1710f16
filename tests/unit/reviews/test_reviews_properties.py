"""Reviews by Hypothesis: any sequence of deciding, undoing and reopening agrees with a naive model."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.reviews.log import Reviews, fold
from core.types import ACTIONS

REVIEWERS = ("ann", "bob", "cleo")
DATASETS = ("first", "second")
IMAGES = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4)
reviewer_names, dataset_names = st.sampled_from(REVIEWERS), st.sampled_from(DATASETS)


class Log(RuleBasedStateMachine):
    """The model keeps whole events in a list and strikes them out, so it shares no idea with the fold by line."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.events: list[dict[str, object]] = []
        self.lines = 0
        self.sent: list[tuple[str, int, list[object]]] = []

    @initialize()
    def open(self) -> None:
        self.reviews = Reviews(self.folder / "r.db")

    def expected(self, dataset: str) -> dict[str, tuple[object, ...]]:
        found: dict[str, tuple[object, ...]] = {}
        for event in self.events:
            if event["dataset"] == dataset and not event["struck"]:
                for image in event["images"]:  # type: ignore[attr-defined]
                    found[image] = (event["reviewer"], event["action"], event["label"])
        return found

    @rule(
        dataset=dataset_names,
        images=IMAGES,
        action=st.sampled_from(ACTIONS),
        reviewer=reviewer_names,
        name=st.text(min_size=1),
    )
    def decide(self, dataset: str, images: list[str], action: str, reviewer: str, name: str) -> None:
        label = name if action == "relabel" else ""
        session, number = reviewer, len(self.sent)
        lines = self.reviews.decide(dataset, images, action, reviewer=reviewer, label=label, note=name, session=session, session_seq=number)
        assert [d.image_id for d in lines] == list(dict.fromkeys(images))
        assert [d.seq for d in lines] == list(range(self.lines + 1, self.lines + 1 + len(lines)))
        self.lines += len(lines)
        self.sent.append((session, number, list(lines)))
        self.events.append(
            {"dataset": dataset, "images": images, "action": action, "reviewer": reviewer, "label": label}
            | {"struck": False, "event": lines[0].event}
        )

    @rule(dataset=dataset_names, reviewer=reviewer_names)
    def undo(self, dataset: str, reviewer: str) -> None:
        lines = self.reviews.undo(dataset, reviewer=reviewer, session=reviewer, session_seq=len(self.sent))
        self.sent.append((reviewer, len(self.sent), list(lines)))
        mine = [e for e in self.events if (e["dataset"], e["reviewer"], e["struck"]) == (dataset, reviewer, False)]
        assert bool(lines) == bool(mine)
        if mine:
            mine[-1]["struck"] = True
        self.lines += len(lines)

    @rule(dataset=dataset_names, images=IMAGES, reviewer=reviewer_names)
    def deciding_and_undoing_changes_nothing(self, dataset: str, images: list[str], reviewer: str) -> None:
        before = fold(self.reviews.log(dataset))
        event = self.reviews.decide(dataset, images, "exclude", reviewer=reviewer)[0].event
        assert fold(self.reviews.log(dataset)) != before
        undone = self.reviews.undo(dataset, reviewer=reviewer)
        assert fold(self.reviews.log(dataset)) == before
        assert self.reviews.undo(dataset, reviewer=reviewer, event=event) == []
        self.lines += 2 * len(undone)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        session, number, lines = data.draw(st.sampled_from(self.sent))
        assert self.reviews.decide("first", ["z"], "keep", reviewer="dan", session=session, session_seq=number) == lines
        assert self.reviews.undo("first", reviewer="dan", session=session, session_seq=number) == lines

    @rule()
    def reopen(self) -> None:
        before = self.reviews.log(DATASETS)
        self.reviews.close()
        self.reviews = Reviews(self.folder / "r.db")
        assert self.reviews.log(DATASETS) == before

    @invariant()
    def agrees_with_the_model(self) -> None:
        for dataset in DATASETS:
            state = fold(self.reviews.log(dataset))
            assert {i: (d.reviewer, d.action, d.label) for i, d in state.items()} == self.expected(dataset)
        assert self.reviews.head(DATASETS) == self.lines == len(self.reviews.log(DATASETS))

    def teardown(self) -> None:
        self.reviews.close()
        shutil.rmtree(self.folder)


Log.TestCase.settings = settings(max_examples=25, stateful_step_count=20, deadline=None)
TestLog = Log.TestCase


@settings(max_examples=20, deadline=None)
@given(steps=st.lists(st.tuples(reviewer_names, IMAGES, st.booleans()), max_size=12))
def test_every_earlier_state_can_be_folded_again(steps: list[tuple[str, list[str], bool]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        reviews = Reviews(Path(folder) / "r.db")
        states = {0: fold(reviews.log("first"))}
        for reviewer, images, undo in steps:
            if undo:
                reviews.undo("first", reviewer=reviewer)
            else:
                reviews.decide("first", images, "exclude", reviewer=reviewer)
            states[reviews.head("first")] = fold(reviews.log("first"))
        log = reviews.log("first")
        for seq, state in states.items():
            assert fold(d for d in log if d.seq <= seq) == state == fold(reviews.log("first", upto=seq))
        reviews.close()
