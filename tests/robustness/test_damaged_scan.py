"""A finished scan whose files were damaged: what is read afterwards is what was written, or it is computed again and said."""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

import pytest

from core.cli.program import main
from core.errors import UserError
from core.files import read_json, write_json
from core.scans.options import ScanOptions
from core.scans.pipeline import folder_of, inspection_of, is_finished, newest_scan, scan, usable_scan
from core.workspace import Workspace
from tests.support.core_toys import CPU, image_folder, quick_gradients, scan_files

# the options say how a scan was asked for (on which device), not what came out
ASKED_ONLY = {"options.json", "begun.files.json"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """(images, workspace, key) of a finished scan."""
    folder = tmp_path_factory.mktemp("whole")
    images = image_folder(folder / "set", size=10)
    with quick_gradients():
        key = scan(str(images), CPU, Workspace(folder / "home"))
    return images, folder / "home", key


@pytest.fixture
def copied(whole: tuple[Path, Path, str], tmp_path: Path) -> tuple[Path, Workspace, str]:
    shutil.copytree(whole[1], tmp_path / "home")
    return whole[0], Workspace(tmp_path / "home"), whole[2]


def results_of(files: dict[str, str]) -> dict[str, str]:
    return {name: digest for name, digest in files.items() if name not in ASKED_ONLY}


def results(home: Workspace, key: str) -> dict[str, str]:
    return results_of(scan_files(home, key))


def flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) * 2 // 3] ^= 0x10
    file.write_bytes(content)


DAMAGE = {
    "flipped": flipped,
    "halved": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "deleted": lambda file: file.unlink(),
}


@pytest.mark.parametrize("how", list(DAMAGE))
def test_no_damage_becomes_another_result(copied: tuple[Path, Workspace, str], how: str) -> None:
    images, home, key = copied
    kept = scan_files(home, key)
    assert len(kept) >= 25
    with quick_gradients():
        for name in kept:
            DAMAGE[how](home.scan_dir(key) / name)
            assert not is_finished(home, key), name
            assert usable_scan(home, str(images)) == key
            assert results(home, key) == results_of(kept), f"after {name} was {how}"


def test_what_is_computed_again_is_said(copied: tuple[Path, Workspace, str], caplog: pytest.LogCaptureFixture) -> None:
    images, home, key = copied
    flipped(home.scan_dir(key) / "vectors.npy")
    with caplog.at_level(logging.WARNING), quick_gradients():
        usable_scan(home, str(images))
    assert any("vectors.npy is damaged" in line and "computed again" in line for line in caplog.messages)
    assert "vectors.npy" in (home.scan_dir(key) / "scan.log").read_text()


def test_the_command_line_says_it_too(copied: tuple[Path, Workspace, str], capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    images, home, key = copied
    flipped(home.scan_dir(key) / "xy.npy")
    with quick_gradients():
        assert main(["export", str(images), "--to", "csv", "--out", str(tmp_path / "t.csv"), "--workspace", str(home.root)]) == 0
    assert "xy.npy is damaged" in capfd.readouterr().err


def test_a_page_sees_only_what_verifies(copied: tuple[Path, Workspace, str]) -> None:
    _, home, key = copied
    flipped(home.scan_dir(key) / "fused.json")
    found = inspection_of(home, key)
    # what content alone says stands, and so does the map; the verdict by patterns does not
    assert found is not None and found.suspicion is not None and found.xy is not None and found.content is None
    flipped(home.scan_dir(key) / "rows.json")
    assert inspection_of(home, key) is None


def test_an_older_scan_never_stands_in_for_a_damaged_one(copied: tuple[Path, Workspace, str]) -> None:
    images, home, _ = copied
    with quick_gradients():
        newer = scan(str(images), ScanOptions(device="cpu", k=9), home)
        kept = scan_files(home, newer)
        for damaged in ("recipe.json", "options.json", "scores.npy", "map.files.json"):
            flipped(home.scan_dir(newer) / damaged)
            assert usable_scan(home, str(images)) == newer
            assert results(home, newer) == results_of(kept)


def test_a_damaged_scan_of_a_changed_source_is_one_line(copied: tuple[Path, Workspace, str], tmp_path: Path) -> None:
    images, home, key = copied
    mine = tmp_path / "set"
    shutil.copytree(images, mine)
    with quick_gradients():
        key = scan(str(mine), CPU, home)
        next(mine.rglob("*.png")).unlink()
        flipped(home.scan_dir(key) / "suspicion.npy")
        with pytest.raises(UserError, match="damaged") as caught:
            usable_scan(home, str(mine))
    assert "\n" not in str(caught.value)


def test_features_that_were_damaged_are_made_again(copied: tuple[Path, Workspace, str], caplog: pytest.LogCaptureFixture) -> None:
    images, home, key = copied
    kept = scan_files(home, key)
    for file in (home.root / "features").rglob("*.features.npy"):
        flipped(file)
    shutil.rmtree(home.scan_dir(key))
    with caplog.at_level(logging.WARNING), quick_gradients():
        assert scan(str(images), CPU, home) == key
    assert scan_files(home, key) == kept and any("embedded again" in line for line in caplog.messages)


def test_the_list_of_a_sources_scans_survives_damage(copied: tuple[Path, Workspace, str]) -> None:
    images, home, key = copied
    (listed,) = (home.root / "sources").glob("*.json")
    flipped(listed)
    assert newest_scan(home, str(images)) == key and [s["identity"] for s in home.recent_sources()] == [str(images)]
    flipped(listed.with_suffix(".copy"))
    with pytest.raises(UserError, match="damaged"):
        newest_scan(home, str(images))


def test_a_scan_without_records_is_read_as_it_is(copied: tuple[Path, Workspace, str]) -> None:
    _, home, key = copied
    for record in home.scan_dir(key).glob("*.files.json"):
        record.unlink()
    found = inspection_of(home, key)
    assert is_finished(home, key) and found is not None and found.xy is not None and "cannot be verified" in found.notes[0]
    (home.scan_dir(key) / "rows.json").write_text("{}")
    with pytest.raises(UserError, match="is damaged"):
        inspection_of(home, key)


def test_few_descriptors_are_enough(tmp_path: Path) -> None:
    """Hundreds of shards, read with room for few open files."""
    import resource

    import numpy as np

    from core.scans.features import DIGEST, FeatureStore

    store = FeatureStore(tmp_path / "features")
    rng = np.random.default_rng(0)
    digests = np.frombuffer(rng.bytes(16 * 300), dtype=DIGEST)
    for row in range(300):
        store.add(digests[row : row + 1], np.full((1, 3), row, np.float16), {})
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 24, hard))
    try:
        again = FeatureStore(tmp_path / "features")
        assert len(again.missing(digests)) == 0
        np.testing.assert_array_equal(again.gather(digests)[:, 0], np.arange(300, dtype=np.float16))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_source_that_vanishes_stops_the_scan_which_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.scans.stages import Stages

    images, home = image_folder(tmp_path / "set", size=10), Workspace(tmp_path / "home")
    score = Stages.score
    away = tmp_path / "away"

    def vanish(stages: Stages) -> None:
        score(stages)
        if not away.exists():
            images.rename(away)

    monkeypatch.setattr(Stages, "score", vanish)
    with quick_gradients():
        with pytest.raises(UserError, match="cannot be read any more") as caught:
            scan(str(images), CPU, home)
        assert "30 of 30" in str(caught.value) or "of" in caught.value.what
        away.rename(images)
        (tmp_path / "away").mkdir()
        key = scan(str(images), CPU, home)
    assert is_finished(home, key)


def test_one_image_in_many_that_vanishes_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from core.scans.stages import Stages

    images, home = image_folder(tmp_path / "set", size=40), Workspace(tmp_path / "home")
    gone = sorted(images.rglob("*.png"))[7]
    score = Stages.score
    monkeypatch.setattr(Stages, "score", lambda stages: (score(stages), gone.unlink()))
    with quick_gradients():
        found = inspection_of(home, scan(str(images), CPU, home))
    assert found is not None and any(gone.relative_to(images).as_posix() in note for note in found.notes)


@pytest.mark.parametrize("place", ["a\0b", "x" * 5000, "/proc/self/home"])
def test_a_workspace_in_an_impossible_place_is_one_line(place: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--workspace", place]) in (0, 2)
    assert main(["scan", "demo", "--workspace", place]) == 2
    err = capfd.readouterr().err
    assert "Traceback" not in err and "cannot be made" in err


def test_a_fifo_in_place_of_the_lock_does_not_hang(copied: tuple[Path, Workspace, str]) -> None:
    images, home, key = copied
    lock = home.scan_dir(key) / "lock"
    lock.unlink(missing_ok=True)
    os.mkfifo(lock)
    flipped(home.scan_dir(key) / "xy.npy")
    with quick_gradients(), pytest.raises(UserError, match="no regular file"):
        scan(str(images), CPU, home)


def test_a_fifo_in_place_of_a_scans_file_does_not_hang(copied: tuple[Path, Workspace, str]) -> None:
    _, home, key = copied
    for name in ("rows.json", "progress.json"):
        file = home.scan_dir(key) / name
        file.unlink()
        os.mkfifo(file)
    assert folder_of(home, key).progress() is None and not is_finished(home, key)


def test_json_nested_too_deep_reads_as_damaged(tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text("[" * 100_000)
    assert read_json(tmp_path / "deep.json") is None
    write_json(tmp_path / "plain.json", {"a": 1})
    assert read_json(tmp_path / "plain.json") == {"a": 1}
