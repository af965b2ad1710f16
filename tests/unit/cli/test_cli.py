"""The command line: exit codes, one-line errors, pure JSON on stdout, and the whole way from poison to report."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from core.cli import program as cli
from core.cli.program import main
from core.errors import Cancelled
from core.scores import SCORES
from core.types import VERDICTS
from tests.support.core_toys import draw, image_folder, quick_gradients

ROOT = Path(__file__).resolve().parents[3]
MEASURES = {"auroc", "ap", "tpr_at_fpr"}


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)

    def complaint(self) -> str:
        """The one line that says what is wrong."""
        lines = [line for line in self.err.replace("\r", "").splitlines() if line.startswith("taster: ")]
        assert len(lines) == 1 and self.out == "" and "Traceback" not in self.err, self.err
        assert self.err.splitlines()[-1].strip() == lines[0]
        return lines[0].removeprefix("taster: ")


class Door:
    """Runs commands in this process, in a workspace of their own."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home, self._capsys = home, capsys

    def __call__(self, *arguments: object, workspace: bool = True) -> Said:
        self._capsys.readouterr()
        more = ["--workspace", str(self.home)] if workspace else []
        code = main([*map(str, arguments), *more])
        out, err = self._capsys.readouterr()
        return Said(code, out, err)


@pytest.fixture(autouse=True)
def kept_signal() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(autouse=True, scope="module")
def quick_model() -> Iterator[None]:
    with quick_gradients():
        yield


@pytest.fixture
def taster(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Door:
    return Door(tmp_path / "home", capsys)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return image_folder(tmp_path_factory.mktemp("source") / "set", size=30)


# ---- what is wrong, in one line --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ("scan /no/such/place", ["/no/such/place", "does not exist", "demo"]),
        ("scan {images} --embedder dinov3", ["embedder 'dinov3' is not known", "choose one of: gradients"]),
        ("scan {images} --k 0", ["k = 0 cannot be", "1 to 1000"]),
        ("scan {images} --k many", ["invalid int value", "python -m core scan --help"]),
        ("scan {images} --seed -1", ["seed = -1"]),
        ("scan {images} --device tpu", ["--device", "invalid choice"]),
        ("scan {images} --embedder resnet18 --weights /no/file", ["--weights '/no/file' cannot be read"]),
        ("scan {images} --embedder precomputed", ["needs vectors", "--embeddings"]),
        ("scan", ["SOURCE", "python -m core scan --help"]),
        ("scan {images} extra", ["unrecognized arguments: extra"]),
        ("bake {images}", ["invalid choice: 'bake'", "scan", "python -m core --help"]),
        ("", ["COMMAND", "python -m core --help"]),
        ("poison {images} --out {out}", ["--attack"]),
        ("poison {images} --attack voodoo --out {out}", ["attack 'voodoo' is not known", "choose one of: badnets"]),
        ("poison {images} --attack badnets --rate 2 --out {out}", ["rate 2 cannot be used", "0.5"]),
        ("poison {images} --attack badnets --rate nan --out {out}", ["rate nan cannot be used"]),
        ("poison {images} --attack badnets --target yak --out {out}", ["target 'yak' is no class"]),
        ("poison {images} --attack badnets --set size --out {out}", ["--set size cannot be read", "NAME=VALUE"]),
        ("poison {images} --attack badnets --set colour=1 --out {out}", ["has no setting 'colour'"]),
        ("poison {images} --attack badnets --encode jpeg --out {out}", ["encoding 'jpeg' is not known", "source, lossless"]),
        ("poison {images} --attack badnets --out {images}/x", ["never writes into it"]),
        ("poison {images} --attack label_file --labels /no/l.csv --out {out}", ["l.csv"]),
        ("export {images} --to csv", ["--out"]),
    ],
)
def test_a_mistake_is_one_line_and_code_2(taster: Door, images: Path, tmp_path: Path, arguments: str, parts: list[str]) -> None:
    words = [word.format(images=images, out=tmp_path / "out") for word in arguments.split()]
    said = taster(*words, workspace=bool(words))
    assert said.code == 2
    complaint = said.complaint()
    for part in parts:
        assert part in complaint
    assert not (tmp_path / "out").exists() and not (images / "x").exists()


def test_a_workspace_that_cannot_be_made(images: Path, tmp_path: Path, taster: Door) -> None:
    (tmp_path / "file").write_text("")
    said = taster("scan", images, "--workspace", tmp_path / "file" / "home", workspace=False)
    assert said.code == 2 and "--workspace DIR" in said.complaint()


def test_an_internal_fault_is_one_line_and_code_1(taster: Door, images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(chosen: object) -> None:
        raise ZeroDivisionError("one\nover none")

    monkeypatch.setattr(cli.info, "run", fail)
    said = taster("info")
    assert said.code == 1 and said.complaint() == "internal fault: ZeroDivisionError: one over none – set TASTER_DEBUG=1 for the traceback"
    monkeypatch.setenv("TASTER_DEBUG", "1")
    assert "Traceback" in taster("info").err


@pytest.mark.parametrize("error", [Cancelled, KeyboardInterrupt])
def test_cancelled_is_code_2(taster: Door, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]) -> None:
    def stop(chosen: object) -> None:
        raise error

    monkeypatch.setattr(cli.info, "run", stop)
    said = taster("info")
    assert said.code == 2 and "cancelled" in said.complaint()


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    assert all(command in out for command in ("scan", "poison", "evaluate", "export", "info"))


# ---- results ---------------------------------------------------------------------------------------------


def test_the_module_runs_and_says_what_it_can() -> None:
    command = [sys.executable, "-m", "core", "info", "--json", "--workspace", "/nonexistent/home"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0 and done.stderr == ""
    found = json.loads(done.stdout)
    listed = {"source_kinds", "embedders", "scores", "attacks", "encodings", "exports", "workspace", "sources"}
    assert {"taster", "python", "versions", "devices", *listed} == set(found)
    assert list(found["scores"]) == [*SCORES] and found["devices"][0] == "cpu" and found["sources"] == []
    assert {"csv", "parquet", "folder", "report", "cleanlab", "fiftyone"} <= set(found["exports"])


@pytest.mark.slow
def test_a_scan_says_what_it_found(taster: Door, images: Path) -> None:
    said = taster("scan", images, "--k", 10, "--json")
    found = said.json
    assert found["images"] == 90 and found["skipped"] == [] and found["unlabelled"] == 0
    assert tuple(found["verdicts"]) == VERDICTS and sum(found["verdicts"].values()) == 90
    assert [(c["name"], c["images"]) for c in found["classes"]] == [("ant", 30), ("bee", 30), ("cow", 30)]
    assert "embedding images" in said.err and "\x1b" not in said.err
    again = taster("scan", images, "--k", 10)
    assert again.code == 0 and again.out.startswith("90 images in 3 classes") and again.out.count("\n") >= 2
    assert taster("info", "--json").json["sources"] == [{"source": str(images), "scans": 1}]
    assert f"{images} (1 scan)" in taster("info").out


def test_the_home_of_a_scan_may_come_from_the_environment(
    taster: Door, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TASTER_HOME", str(tmp_path / "from environment"))
    key = taster("scan", images, "--json", workspace=False).json["key"]
    assert (tmp_path / "from environment" / "scans" / key / "map.json").exists()


def test_poison_scan_and_evaluate(taster: Door, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "poisoned"
    made = taster("poison", images, "--attack", "badnets", "--rate", "0.1", "--target", "bee", "--seed", 3, "--out", out, "--json").json
    formats = {"poisoned": {".png": 9}, "others": {".png": 81}}
    told = {"truth": str(out / "truth.parquet"), "encode": "source", "formats": formats}
    assert made == {"out": str(out), "images": 90, "changed": 9, **told}
    recipe = json.loads((out / "recipe.json").read_text())
    assert recipe["encode"] == "source" and recipe["formats"] == formats
    truth = pq.read_table(out / "truth.parquet").to_pylist()
    assert sum(row["is_poisoned"] for row in truth) == 9
    # a second attack on top of it counts its own images, and keeps the first one's apart
    twice = tmp_path / "twice"
    more = taster("poison", out, "--attack", "symmetric", "--rate", "0.2", "--out", twice, "--json").json
    lines = pq.read_table(twice / "truth.parquet").to_pylist()
    attacks = [row["attack"] for row in lines]
    assert more["changed"] == attacks.count("symmetric") == 18
    assert more.get("poisoned_earlier", 0) == attacks.count("earlier") == sum(row["is_poisoned"] for row in lines) - 18 > 0
    # there is no scan yet: evaluate makes it
    said = taster("evaluate", out, "--k", 10, "--json")
    found = said.json
    assert "embedding images" in said.err
    assert set(found) == {"scores", "verdict", "suggestion_accuracy", "rows", "positives"}
    assert list(found["scores"]) == ["suspicion", *SCORES]
    for measured in found["scores"].values():
        assert set(measured) == MEASURES and list(measured["tpr_at_fpr"]) == ["0.001", "0.01", "0.05"]
    assert set(found["verdict"]) == {"tpr", "fpr"} and (found["rows"], found["positives"]) == (90, 9)
    assert found["scores"]["suspicion"]["auroc"] > 0.95 and found["suggestion_accuracy"] > 0.8
    again = taster("evaluate", out, "--json")
    assert again.json == found and "embedding" not in again.err, "the newest scan is used"
    given = taster("evaluate", out, "--truth", out / "truth.parquet", "--json")
    assert given.json == found
    text = taster("evaluate", out)
    assert text.code == 0 and "AUROC" in text.out and "knn_disagreement" in text.out


def test_evaluate_without_or_after_truth(taster: Door, tmp_path: Path, images: Path) -> None:
    said = taster("evaluate", images)
    assert said.code == 2 and "truth of this source is not known" in said.complaint() and "--truth FILE" in said.complaint()
    said = taster("evaluate", images, "--truth", tmp_path / "none.csv")
    assert said.code == 2 and "none.csv" in said.complaint()
    poisoned = tmp_path / "p"
    assert taster("poison", images, "--attack", "symmetric", "--rate", "0.1", "--out", poisoned).code == 0
    assert taster("scan", poisoned).code == 0
    next(poisoned.glob("*/*.png")).unlink()
    said = taster("evaluate", poisoned)
    assert said.code == 2 and "no longer in its source" in said.complaint()


@pytest.mark.parametrize(
    ("form", "place", "main_file"),
    [("csv", "t.csv", "t.csv"), ("parquet", "t.parquet", "t.parquet"), ("folder", "clean", "clean"), ("report", "r.html", "r.html")],
)
def test_exports_scan_first_and_say_what_was_written(
    taster: Door, images: Path, tmp_path: Path, form: str, place: str, main_file: str
) -> None:
    written = taster("export", images, "--to", form, "--out", tmp_path / "out" / place, "--json").json["written"]
    assert str(tmp_path / "out" / main_file) in [written[0], str(Path(written[0]).parent)]
    assert all(Path(path).exists() for path in written)
    if form == "parquet":
        table = pq.read_table(written[0])
        assert table.num_rows == 90 and "knn_disagreement_score" in table.column_names
    if form == "folder":
        assert len(list((tmp_path / "out" / "clean").rglob("*.png"))) > 0
    said = taster("export", images, "--to", form, "--out", tmp_path / "out" / place)
    assert said.code == 2, "nothing is overwritten"
    said.complaint()


def test_an_unknown_export(taster: Door, images: Path, tmp_path: Path) -> None:
    said = taster("export", images, "--to", "stone", "--out", tmp_path / "x")
    assert said.code == 2 and "export 'stone' is not known" in said.complaint()


# ---- names from a hostile set ----------------------------------------------------------------------------


def test_hostile_names_do_not_reach_the_terminal(taster: Door, tmp_path: Path) -> None:
    evil = "\x1b[2J\nrm -rf \u202egnp"
    images = image_folder(tmp_path / "set", classes=("ant", evil, "cow"), size=60)
    for i in range(5):  # images of another kind, so that the class is listed as suspicious
        draw(0, 700 + i).save(images / evil / f"wrong{i}.png")
    (images / "ant" / "\x1b]0;owned\x07.png").write_bytes(b"broken")
    said = taster("scan", images, "--k", 15)
    assert said.code == 0
    for text in (said.out, said.err):
        assert all(c == "\n" or c.isprintable() for c in text)
    assert "rm -rf" in said.out and "owned" in said.out, "the names are shown, but tamed"
    found = taster("scan", images, "--k", 15, "--json")
    assert found.out.isascii() and found.json["classes"][0]["name"] == evil and found.json["classes"][0]["suspicious"] >= 4
    said = taster("scan", images, "--embedder", evil)
    assert said.code == 2 and all(c.isprintable() for c in said.complaint())
    said = taster("scan", tmp_path / evil)
    assert said.code == 2 and all(c.isprintable() for c in said.complaint())
