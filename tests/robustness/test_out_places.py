"""--out where nothing can be written: exit code 2, one line, nothing left."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.cli.program import main
from core.errors import UserError
from core.files import checked_place, free_folder, written_folder
from tests.support.core_toys import image_folder


@pytest.fixture(autouse=True)
def kept_signal() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@contextmanager
def nobody() -> Iterator[None]:
    """As a user whom closed folders stop, where the tests run as one whom nothing stops."""
    mine = os.geteuid()
    if mine == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(mine)


@pytest.fixture
def out(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    return {
        "NUL": f"{tmp_path}/a\x00b",
        "5,000 characters": f"{tmp_path}/{'n' * 5000}",
        "deep": f"{tmp_path}{'/n' * 4000}",
        "below a file": f"{tmp_path}/file/x",
        "below a device": "/dev/null/x",
        "no file system for it": "/proc/taster/x",
        "a loop": f"{tmp_path}/loop/x",
        "no such user": "~nobody-of-that-name/x",
        "half a character": f"{tmp_path}/\ud800",
    }[request.param]


PLACES = (
    *("NUL", "5,000 characters", "deep", "below a file", "below a device", "no file system for it"),
    *("a loop", "no such user", "half a character"),
)


@pytest.mark.parametrize("out", PLACES, indirect=True)
def test_every_command_says_it_in_one_line(out: str, workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = image_folder(tmp_path / "set", size=4)
    before = sorted(str(path) for path in tmp_path.rglob("*") if "workspace" not in path.parts)
    home = ["--workspace", str(workspace)]
    for command in (
        ["export", "demo", "--to", "csv", *home],
        ["export", "demo", "--to", "folder", *home],
        ["cleanse", "demo", *home],
        ["poison", str(images), "--attack", "symmetric", "--rate", "0.5"],
    ):
        capsys.readouterr()
        code = main([*command, "--out", out])
        said, err = capsys.readouterr()
        lines = [line for line in err.replace("\r", "\n").splitlines() if line.startswith("taster: ")]
        assert (code, said) == (2, "") and len(lines) == 1 and "Traceback" not in err, (command, err)
        assert "cannot be written" in lines[0] and len(lines[0]) < 700
    assert sorted(str(path) for path in tmp_path.rglob("*") if "workspace" not in path.parts) == before


@pytest.mark.parametrize("mode", [0o000, 0o555], ids=["closed", "read-only"])
def test_closed_and_read_only_folders(tmp_path: Path, mode: int) -> None:
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if folder.stat().st_uid == os.geteuid() and folder != Path("/tmp"):
            folder.chmod(0o755)
    shut = tmp_path / "shut"
    shut.mkdir()
    shut.chmod(mode)
    try:
        for out in (shut / "new", shut / "new" / "deep"):
            with nobody(), pytest.raises(UserError, match=r"cannot be written: Permission denied"), written_folder(free_folder(out, None)):
                raise AssertionError("there is nowhere to write")
    finally:
        shut.chmod(0o755)
    assert list(shut.iterdir()) == []


def test_the_source_is_known_by_what_it_is_not_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "alias").symlink_to("source")
    for out in ("alias/x", "source/../source/x", "source", "."):
        with pytest.raises(UserError, match="source"):
            checked_place(tmp_path / out, tmp_path / "source")
    assert free_folder(tmp_path / "beside", tmp_path / "source") == tmp_path.resolve() / "beside"
