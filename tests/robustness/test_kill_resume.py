"""A scan that is stopped, at any moment and in any way, goes on to the same bytes as one that was not."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.errors import Cancelled
from core.files.atomic import read_json
from core.scans import features, stages
from core.scans import folder as scan_folder
from core.scans.pipeline import inspection_of, is_finished, newest_scan, scan
from core.workspace.progress import State, read_progress
from core.workspace.workspace import Workspace
from tests.support.core_toys import CPU, image_folder, quick_gradients, scan_files

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def quick_model() -> Iterator[None]:
    with quick_gradients():
        yield


@pytest.fixture
def home(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "home")


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, dict[str, str]]:
    """A folder with a broken image, the key of its scan, and the files that an uninterrupted scan leaves."""
    folder = tmp_path_factory.mktemp("straight")
    images = image_folder(folder / "set", size=12)
    (images / "ant" / "000.png").write_bytes(b"broken")
    home = Workspace(folder / "home")
    with quick_gradients():
        key = scan(str(images), CPU, home)
    return images, key, scan_files(home, key)


@pytest.mark.usefixtures("quick_model")
@pytest.mark.parametrize("error", [Cancelled, RuntimeError, KeyboardInterrupt], ids=lambda e: e.__name__)
@pytest.mark.parametrize("stage", ["embed", "neighbours", "score", "patterns", "map"])
def test_a_scan_interrupted_before_a_stage_goes_on_to_the_same_bytes(
    straight: tuple[Path, str, dict[str, str]], home: Workspace, stage: str, error: type[BaseException]
) -> None:
    images, key, files = straight

    def stop(scan: object) -> None:
        raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages.Stages, stage, stop)
        with pytest.raises(error):
            scan(str(images), CPU, home)
    assert not is_finished(home, key) and newest_scan(home, str(images)) is None
    assert newest_scan(home, str(images), finished=False) == key
    assert (inspection_of(home, key) is None) == (stage == "embed")
    ends = {"Cancelled": "cancelled", "RuntimeError": "failed", "KeyboardInterrupt": "cancelled"}
    assert read_json(home.scan_dir(key) / "progress.json")["state"] == ends[error.__name__]
    assert scan(str(images), CPU, home) == key
    assert scan_files(home, key) == files


@pytest.mark.usefixtures("quick_model")
def test_a_scan_interrupted_at_any_write_goes_on_to_the_same_bytes(
    straight: tuple[Path, str, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, key, files = straight
    at, stops, done = 0, 0, 0
    write = {
        (module, name): getattr(module, name)
        for module in (features, scan_folder)
        for name in ("write_array", "write_json", "write_sealed")
    }

    def counted(original: Callable[[Path, object], None]) -> Callable[[Path, object], None]:
        def call(path: Path, value: object) -> None:
            nonlocal done
            done += 1
            if done == at:
                raise RuntimeError("stopped here")
            original(path, value)

        return call

    for (module, name), original in write.items():
        monkeypatch.setattr(module, name, counted(original))
    while True:
        at, done = at + 1, 0
        home = Workspace(tmp_path / f"home{at}")
        try:
            scan(str(images), CPU, home)
        except RuntimeError:
            stops += 1
        else:
            break
        done = -1000  # the second run writes undisturbed
        assert scan(str(images), CPU, home) == key
        assert scan_files(home, key) == files, f"after a stop at write {at}"
    assert stops >= 15, "each stage writes several files"


@pytest.mark.usefixtures("quick_model")
def test_what_a_killed_scan_left_half_written_is_swept(straight: tuple[Path, str, dict[str, str]], home: Workspace) -> None:
    images, key, files = straight
    home.scan_dir(key).mkdir(parents=True)
    (home.scan_dir(key) / ".taster-half").write_bytes(b"half of a file")
    scan(str(images), CPU, home)
    assert scan_files(home, key) == files


@pytest.mark.usefixtures("quick_model")
def test_an_inspection_grows_stage_by_stage(straight: tuple[Path, str, dict[str, str]], home: Workspace) -> None:
    images, key, _ = straight
    seen: dict[str, tuple[bool, ...]] = {}

    def look(state: State) -> None:
        if state.state != "running" or state.stage in seen or state.stage == "read":
            return
        found = inspection_of(home, key)
        parts = () if found is None else (found.evidence is not None, bool(found.scores), found.xy is not None)
        if found is not None:
            found.dataset.load(0)
        seen[state.stage] = parts

    scan(str(images), CPU, home, listener=look)
    assert seen == {
        "embed": (),
        "neighbours": (False, False, False),
        "scores": (True, False, False),
        **dict.fromkeys(("pixels", "halftone", "patterns", "probe", "map"), (True, True, False)),
    }


# ---- a real process, really killed -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """420 images."""
    return image_folder(tmp_path_factory.mktemp("large") / "set", size=140)


def start(images: Path, home: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "core", "scan", str(images), "--device", "cpu", "--workspace", str(home), "--json"]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def undisturbed(large: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, str]]:
    """The key and the files of a scan that was left alone.

    By a process like those that are stopped: rounding depends on the number of threads, which other tests of this process change.
    """
    home = Workspace(tmp_path_factory.mktemp("undisturbed"))
    out, err = start(large, home.root).communicate(timeout=240)
    assert out, err
    key = json.loads(out)["key"]
    return key, scan_files(home, key)


def stop_when(process: subprocess.Popen[str], reached: Callable[[], bool], number: int) -> bool:
    """Send the signal once `reached()`; False where the process ended before."""
    deadline = time.monotonic() + 240
    while not reached():
        assert time.monotonic() < deadline, "the moment never came"
        if process.poll() is not None:
            return False
        time.sleep(0.002)
    process.send_signal(number)
    return True


def stage_is(folder: Path, name: str, done: int = 0) -> Callable[[], bool]:
    def reached() -> bool:
        found = read_json(folder / "progress.json")
        return bool(found) and found["stage"] == name and found["done"] >= done

    return reached


@pytest.mark.slow
def test_stopped_again_and_again_it_ends_with_the_same_bytes(large: Path, undisturbed: tuple[str, dict[str, str]], tmp_path: Path) -> None:
    """One workspace: told to stop while embedding, killed after the neighbours and in the map, then left alone."""
    key, files = undisturbed
    home = Workspace(tmp_path)
    folder = home.scan_dir(key)
    process = start(large, home.root)
    assert stop_when(process, stage_is(folder, "embed"), signal.SIGTERM)
    check_cancelled(process, folder)
    killed = 0
    for moment in ((folder / "neighbours.npy").exists, stage_is(folder, "map", done=5)):
        process = start(large, home.root)
        killed += stop_when(process, moment, signal.SIGKILL)
        process.communicate()
        state = read_progress(folder / "progress.json")
        assert state is not None and state.state in ("stopped", "done")
    assert killed >= 1
    process = start(large, home.root)
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert json.loads(out)["key"] == key
    assert scan_files(home, key) == files


def check_cancelled(process: subprocess.Popen[str], folder: Path) -> None:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2 and out == ""
    said = [line for line in err.replace("\r", "").splitlines() if line.startswith("taster:")]
    assert said == ["taster: cancelled; what is finished is kept, the same command goes on from there"]
    assert "Traceback" not in err
    state = read_progress(folder / "progress.json")
    assert state is not None and (state.state, state.stage) == ("cancelled", "embed")
