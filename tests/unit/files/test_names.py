"""Names that others gave, as names that every file system takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.files import safe_name, unique_names


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("..", "_"),
        ("a/b", "a_b"),
        ("", "_"),
        ("x\x00y", "x_y"),
        (".git", "_.git"),
        ("end. . ", "end"),
        ("NUL.txt", "_NUL.txt"),
        ("C:\\x", "C__x"),
        ("rtl\u202egnp", "rtl_gnp"),
        ("caf\udce9", "caf_"),
        ("日本", "日本"),
        ("é" * 150, "é" * 100),
    ],
    ids=ascii,
)
def test_safe_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_unique_names_keep_the_honest_ones_and_never_collide() -> None:
    names = ["a/b", "a_b", "A_B", "a_b-2", "a:b", ""]
    assert unique_names([(name, "") for name in names]) == ["a_b-3", "a_b", "A_B-4", "a_b-2", "a_b-5", "_"]
    got = unique_names([(name, "") for name in names], taken=["_"])
    assert got[1] == "a_b" and len({name.casefold() for name in got}) == len(names) and "_" not in got
    many = unique_names([("same", ".png")] * 3000)
    assert len(set(many)) == 3000 and all(name.endswith(".png") for name in many)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(max_size=12), unique=True, max_size=12))
def test_safe_names_are_single_unique_path_parts(names):
    safe = unique_names([(name, "") for name in names], taken=["truth.parquet"])
    assert len({name.casefold() for name in safe}) == len(names) and "truth.parquet" not in safe
    for name in safe:
        assert Path(name).name == name and name not in (".", "..")
        name.encode("utf-8")
