"""Files that are there whole or not at all, keys that are no paths, and remembered digests."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from core.errors import Cancelled, UserError
from core.files.atomic import read_array, read_json, remove_temporaries, write_array, write_bytes, write_json
from core.files.digests import FileDigests
from core.workspace.workspace import Workspace


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def digest(value: int, rows: int = 1) -> np.ndarray:
    return np.full((rows, 16), value, dtype=np.uint8)


# ---- writing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_failed_write_keeps_the_old_file_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, code: int
) -> None:
    place = tmp_path / "file"
    write_bytes(place, b"old")

    def fail(*arguments: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(UserError) as caught:
        write_bytes(place, b"new")
    assert "\n" not in str(caught.value) and caught.value.allowed
    assert ("is full" in caught.value.what) == (code != errno.EROFS)
    assert place.read_bytes() == b"old" and names(tmp_path) == ["file"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_cancelled_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def cancel(*arguments: object) -> None:
        raise Cancelled

    monkeypatch.setattr(os, step, cancel)
    with pytest.raises(Cancelled):
        write_bytes(tmp_path / "file", b"new")
    assert names(tmp_path) == []


def test_a_file_is_flushed_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (steps.append("fsync"), fsync(handle)))
    monkeypatch.setattr(os, "replace", lambda a, b: (steps.append(f"rename {Path(a).read_bytes()!r}"), replace(a, b)))
    write_bytes(tmp_path / "deep" / "file", b"all of it")
    assert steps == ["fsync", "rename b'all of it'"]


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match="cannot be written"):
        write_bytes(tmp_path / "file" / "below", b"")
    with pytest.raises(UserError, match="cannot be made"):
        Workspace(tmp_path / "file" / "below")


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    for name in (".taster-abc", "vectors.npy", ".hidden"):
        (tmp_path / name).write_bytes(b"x")
    remove_temporaries(tmp_path)
    assert names(tmp_path) == [".hidden", "vectors.npy"]


@pytest.mark.parametrize("array", [np.arange(12.0).reshape(3, 4), np.empty((0, 16), np.uint8), np.arange(12).reshape(3, 4).T])
def test_arrays_come_back_read_only_and_the_same(tmp_path: Path, array: np.ndarray) -> None:
    for name in ("a.npy", "b.npy"):
        write_array(tmp_path / name, array)
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()
    found = read_array(tmp_path / "a.npy")
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype and not found.flags.writeable


def test_pickled_arrays_are_neither_written_nor_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        write_array(tmp_path / "a.npy", np.array([object()]))
    np.save(tmp_path / "b.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(ValueError):
        read_array(tmp_path / "b.npy")


def test_json_that_is_gone_or_damaged_reads_as_nothing(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"name": "\udcff é", "b": [1, None]})
    assert read_json(tmp_path / "a.json") == {"name": "\udcff é", "b": [1, None]}
    (tmp_path / "b.json").write_bytes(b'{"a": ')
    (tmp_path / "c.json").write_bytes(b"\xff\xfe\x00")
    assert [read_json(tmp_path / f"{name}.json") for name in "bcd"] == [None] * 3


# ---- the workspace -----------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "../x", "a/b", "..", "/etc", "A", "g", "a\x00", "a" * 65, "٣"])
def test_a_key_is_never_a_path(tmp_path: Path, key: str) -> None:
    with pytest.raises(UserError, match="hexadecimal"):
        Workspace(tmp_path).scan_dir(key)


def test_a_key_names_a_folder_of_the_workspace(tmp_path: Path) -> None:
    assert Workspace(tmp_path).scan_dir("0af9") == tmp_path / "scans" / "0af9"


def test_scans_of_a_source_are_kept_oldest_first_and_once(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    for key in ("a", "b", "a"):
        workspace.remember_scan("/some/where\udcff", "where", key, f"digest {key}")
    workspace.remember_scan("/else", "else", "c", "digest c")
    assert [entry["key"] for entry in workspace.scans_of("/some/where\udcff")] == ["b", "a"]
    assert workspace.scans_of("/unknown") == []
    assert {found["name"] for found in workspace.recent_sources()} == {"where", "else"}


def test_a_scan_is_locked_for_one_at_a_time(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    with workspace.locked("a") as first, workspace.locked("a", wait=False) as second, workspace.locked("b", wait=False) as other:
        assert (first, second, other) == (True, False, True)
    with workspace.locked("a", wait=False) as again:
        assert again


# ---- remembered digests ------------------------------------------------------------------------------


def test_digests_hold_while_size_and_time_of_change_stand(tmp_path: Path) -> None:
    one, other = tmp_path / "one.png", tmp_path / "many.parquet\udcff"
    one.write_bytes(b"abc")
    other.write_bytes(b"container")
    digests = FileDigests(tmp_path / "d.npz")
    assert digests.get(one) is None
    digests.put(one, digest(1))
    digests.put(other, digest(2, rows=5))
    digests.save()
    again = FileDigests(tmp_path / "d.npz")
    np.testing.assert_array_equal(again.get(one), digest(1))
    np.testing.assert_array_equal(again.get(other), digest(2, rows=5))
    assert not again.get(one).flags.writeable
    status = one.stat()
    os.utime(one, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert again.get(one) is None
    one.write_bytes(b"abcd")
    os.utime(one, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert again.get(one) is None
    one.unlink()
    assert again.get(one) is None


def test_two_writers_keep_what_both_found(tmp_path: Path) -> None:
    files = [tmp_path / f"{i}.png" for i in range(3)]
    for file in files:
        file.write_bytes(b"x")
    first, second = FileDigests(tmp_path / "d.npz"), FileDigests(tmp_path / "d.npz")
    first.put(files[0], digest(10))
    first.put(files[2], digest(12))
    second.put(files[1], digest(11))
    second.put(files[2], digest(22))
    first.save()
    second.save()
    merged = FileDigests(tmp_path / "d.npz")
    assert [int(merged.get(file)[0, 0]) for file in files] == [10, 11, 22]


def test_nothing_new_writes_nothing(tmp_path: Path) -> None:
    FileDigests(tmp_path / "d.npz").save()
    assert names(tmp_path) == []


@pytest.mark.parametrize("damage", [b"", b"PK", b"not an archive", b"\x80\x04."], ids=["empty", "stub", "text", "pickle"])
def test_a_damaged_file_is_forgotten(tmp_path: Path, damage: bytes) -> None:
    place = tmp_path / "d.npz"
    place.write_bytes(damage)
    check_fresh(tmp_path, place)


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.95])
def test_a_cut_or_scrambled_file_is_forgotten(tmp_path: Path, cut: float) -> None:
    image, place = tmp_path / "a.png", tmp_path / "d.npz"
    image.write_bytes(b"abc")
    digests = FileDigests(place)
    digests.put(image, digest(7, rows=400))
    digests.save()
    whole = place.read_bytes()
    place.write_bytes(whole[: int(len(whole) * cut)])
    check_fresh(tmp_path, place)
    at = whole.rindex(bytes(digest(7)))
    place.write_bytes(whole[:at] + b"\x08" + whole[at + 1 :])
    check_fresh(tmp_path, place)


def check_fresh(folder: Path, place: Path) -> None:
    image = folder / "a.png"
    image.write_bytes(b"abc")
    digests = FileDigests(place)
    assert digests.get(image) is None
    digests.put(image, digest(3))
    digests.save()
    np.testing.assert_array_equal(FileDigests(place).get(image), digest(3))
    image.unlink()
    image.write_bytes(b"abc")
