"""Names for people beside WordNet ids: each right, for a wrong one is worse than none."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from core.types import class_title
from core.types.class_names import _TITLES
from ui.words import class_titles

IMAGENETTE = [
    "n01440764",
    "n02102040",
    "n02979186",
    "n03000684",
    "n03028079",
    "n03394916",
    "n03417042",
    "n03425413",
    "n03445777",
    "n03888257",
]
IMAGEWOOF = [
    "n02086240",
    "n02087394",
    "n02088364",
    "n02089973",
    "n02093754",
    "n02096294",
    "n02099601",
    "n02105641",
    "n02111889",
    "n02115641",
]


def test_a_known_id_is_told_by_its_name_and_anything_else_by_itself():
    assert class_title("n02979186") == "cassette player (n02979186)"
    for name in ("", "n", "cat", "n00000000", "02979186", "N02979186", "n02979186 ", "n029791866", "<b>n02979186"):
        assert class_title(name) == name


def test_the_small_imagenets_are_all_there():
    assert all(class_title(name) != name for name in (*IMAGENETTE, *IMAGEWOOF))


def test_every_name_is_one_of_wordnets_for_that_id():
    """Against the lists that come with timm, where this install has them."""
    timm = importlib.util.find_spec("timm")
    folder = Path(timm.origin).parent / "data" / "_info" if timm and timm.origin else Path()
    if not (folder / "imagenet_synset_to_lemma.txt").is_file():
        pytest.skip("this timm brings no list of names")
    names = dict(line.split("\t") for line in (folder / "imagenet_synset_to_lemma.txt").read_text("utf-8").splitlines())
    thousand = set((folder / "imagenet_synsets.txt").read_text("utf-8").split())
    for number, title in _TITLES.items():
        assert f"n{number}" in thousand
        assert title.lower() in [name.strip().lower() for name in names[f"n{number}"].split(",")]


def test_a_widget_is_told_only_what_differs():
    assert class_titles(("cat", "n02979186", "__proto__")) == {"n02979186": "cassette player (n02979186)"}
