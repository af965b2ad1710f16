"""Scans of small folders: what is kept, what is served, what is done again after a change."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.embedders.gradients.gradients import Gradients
from core.errors import UnreadableImage, UserError
from core.scans import embedding, pipeline
from core.scans import folder as scan_folder
from core.scans.options import ScanOptions
from core.scans.origins import lineage, source_path
from core.scans.pipeline import inspection_of, is_finished, newest_scan, open_dataset, scan
from core.scans.stages import Stages
from core.scans.stored import truth_of
from core.scores import SCORES
from core.types import VERDICTS, Inspection
from core.workspace.progress import STAGES, State, read_progress
from core.workspace.workspace import Workspace
from tests.support.core_toys import CPU, draw, image_folder, quick_gradients, scan_files


@pytest.fixture(autouse=True, scope="module")
def quick_model() -> Iterator[None]:
    with quick_gradients():
        yield


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return image_folder(tmp_path / "set")


@pytest.fixture
def home(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "home")


class Counter:
    """Counts the images that the embedder is asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.images, features = 0, Gradients.features

        def counted(model: Gradients, batch: list[np.ndarray], rows: np.ndarray) -> np.ndarray:
            self.images += len(batch)
            return features(model, batch, rows)

        monkeypatch.setattr(Gradients, "features", counted)
        # halftones are other pictures, made anew for every scan
        monkeypatch.setattr(Stages, "_halftoned", lambda scan, pixels, device: {})


def inspect(workspace: Workspace, key: str) -> Inspection:
    found = inspection_of(workspace, key)
    assert found is not None
    return found


# ---- a whole scan ----------------------------------------------------------------------------------------


def test_a_scan_leaves_a_whole_inspection(images: Path, home: Workspace) -> None:
    told: list[State] = []
    key = scan(str(images), CPU, home, listener=told.append)
    found, source = inspect(home, key), open_dataset(str(images))
    assert (found.dataset.ids, found.dataset.digest, found.dataset.classes) == (source.ids, source.digest, source.classes)
    np.testing.assert_array_equal(found.dataset.labels, source.labels)
    assert found.dataset.skipped == () and found.recipe == CPU.recipe() and found.key == key
    evidence = found.evidence
    assert evidence is not None and evidence.neighbours.shape == (72, 10) and not evidence.vectors.flags.writeable
    assert list(found.scores) == [*SCORES] and all(s.shape == (72,) for s in found.scores.values())
    assert found.suspicion is not None and found.verdicts is not None and found.suggestions is not None
    assert (found.verdicts < len(VERDICTS)).all() and found.threshold == 0.5
    assert found.xy is not None and found.xy.shape == (72, 2) and found.projection == "umap"
    np.testing.assert_array_equal(np.asarray(found.dataset.load(5)), np.asarray(source.load(5)))
    assert found.dataset.raw(5) == source.raw(5)
    assert [s.stage for s in told] == sorted((s.stage for s in told), key=STAGES.index)
    assert told[-1].state == "done" and read_progress(home.scan_dir(key) / "progress.json").state == "done"
    assert source_path(home, key) == images and newest_scan(home, str(images)) == key and is_finished(home, key)
    assert not list(home.root.rglob(".taster-*"))


def test_the_content_names_the_scan_and_not_its_place(images: Path, tmp_path: Path, home: Workspace) -> None:
    twin = shutil.copytree(images, tmp_path / "else" / "set")
    key = pipeline.scan_key(open_dataset(str(images)), CPU.recipe())
    assert pipeline.scan_key(open_dataset(str(twin)), CPU.recipe()) == key
    for other in (replace(CPU, k=11), replace(CPU, seed=1), replace(CPU, embedder="resnet18")):
        assert pipeline.scan_key(open_dataset(str(images)), other.recipe()) != key
    # the device is how, not what
    assert pipeline.scan_key(open_dataset(str(images)), replace(CPU, device="auto").recipe()) == key


def test_a_second_scan_is_served(images: Path, home: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    key = scan(str(images), CPU, home)
    before = scan_files(home, key)

    def fail(*arguments: object, **named: object) -> None:
        raise AssertionError("this was known already")

    for module, name in ((embedding, "embed"), (scan_folder, "write_array"), (scan_folder, "read_array")):
        monkeypatch.setattr(module, name, fail)
    assert scan(str(images), CPU, home) == key
    assert scan_files(home, key) == before


def test_images_without_labels_can_be_scanned(images: Path, tmp_path: Path, home: Workspace) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for i, file in enumerate(sorted(images.rglob("*.png"))[:30]):
        shutil.copy(file, flat / f"{i}.png")
    found = inspect(home, scan(str(flat), CPU, home))
    assert found.dataset.classes == () and (found.dataset.labels == -1).all()
    assert found.suspicion is not None and not found.is_suspicious.any()
    assert found.suggestions is not None and (found.suggestions.labels == -1).all()


# ---- changes in the source -------------------------------------------------------------------------------


def test_new_and_changed_images_alone_are_embedded(images: Path, home: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = Counter(monkeypatch)
    first = scan(str(images), CPU, home)
    assert counter.images == 72
    for i in range(5):
        draw(1, 500 + i).save(images / "bee" / f"new{i}.png")
    second = scan(str(images), CPU, home)
    assert counter.images == 77 and second != first
    draw(2, 900).save(images / "ant" / "003.png")
    third = scan(str(images), CPU, home)
    assert counter.images == 78
    (images / "cow" / "001.png").unlink()
    (images / "cow" / "002.png").rename(images / "bee" / "moved.png")
    fourth = scan(str(images), CPU, home)
    assert counter.images == 78 and len(inspect(home, fourth).dataset) == 76
    # vectors are the same as those of a scan that never saw another state
    fresh = Workspace(home.root.parent / "fresh")
    assert scan(str(images), CPU, fresh) == fourth
    one, other = (inspect(place, fourth).evidence for place in (home, fresh))
    np.testing.assert_allclose(one.similarity, other.similarity, atol=2e-3)
    digests = [open_dataset(str(images)).digest, *(inspect(home, key).dataset.digest for key in (first, second, third))]
    assert lineage(home, fourth) == tuple(digests)
    assert newest_scan(home, str(images)) == fourth


def test_broken_images_are_listed_and_not_fatal(images: Path, home: Workspace) -> None:
    whole = (images / "ant" / "000.png").read_bytes()
    (images / "ant" / "000.png").write_bytes(whole[:200])
    (images / "bee" / "text.png").write_bytes(b"no image")
    key = scan(str(images), CPU, home)
    found = inspect(home, key)
    assert {s.file for s in found.dataset.skipped} == {"ant/000.png", "bee/text.png"}
    assert all(s.reason for s in found.dataset.skipped)
    assert len(found.dataset) == 71 and "ant/000.png" not in found.dataset.ids
    row = found.dataset.ids.index("bee/004.png")
    np.testing.assert_array_equal(np.asarray(found.dataset.load(row)), np.asarray(draw(1, 4)))
    assert found.dataset.digest in lineage(home, key)
    assert scan(str(images), CPU, home) == key


def test_an_image_that_has_changed_or_gone_since_is_not_shown(images: Path, home: Workspace) -> None:
    key = scan(str(images), CPU, home)
    found = inspect(home, key)
    row_of = {name: row for row, name in enumerate(found.dataset.ids)}
    draw(2, 77).save(images / "ant" / "003.png")
    (images / "ant" / "004.png").unlink()
    for name, reason in (("ant/003.png", "changed since"), ("ant/004.png", "no longer in its source")):
        for read in (found.dataset.load, found.dataset.raw):
            with pytest.raises(UnreadableImage, match=reason):
                read(row_of[name])
    found.dataset.load(row_of["ant/005.png"])
    shutil.rmtree(images)
    with pytest.raises(UnreadableImage, match="source cannot be opened"):
        inspect(home, key).dataset.load(0)


def test_truth_is_matched_by_id_and_never_stored(home: Workspace, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    images = image_folder(tmp_path / "poisoned", size=10)
    (images / "ant" / "000.png").write_bytes(b"broken")
    table = {"id": ["ant/002.png", "bee/001.png"], "is_poisoned": [True, True], "original_label": ["bee", "ant"]}
    pq.write_table(pa.table(table), images / "truth.parquet")
    found = inspect(home, scan(str(images), CPU, home))
    assert found.dataset.truth is None
    truth = truth_of(found.dataset, open_dataset(str(images)))
    assert truth is not None
    assert [found.dataset.ids[row] for row in np.flatnonzero(truth.is_poisoned)] == table["id"]
    (images / "cow" / "009.png").unlink()
    with pytest.raises(UserError, match=r"1 images of the scan are no longer in its source.*cow/009.png.*scan it again"):
        truth_of(found.dataset, open_dataset(str(images)))


# ---- what the user can mend ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"k": 0}, "k = 0"),
        ({"k": 1001}, "k = 1001"),
        ({"seed": -1}, "seed = -1"),
        ({"seed": 2**32}, "seed = 4294967296"),
        ({"embedder": "dinov3"}, "embedder 'dinov3' is not known"),
        ({"device": "tpu"}, "device 'tpu' is not known"),
        ({"weights": "/no/such/file"}, "--weights does not go with embedder 'gradients'"),
        ({"embedder": "resnet18", "weights": "/no/such/file"}, "--weights '/no/such/file' cannot be read"),
        ({"embedder": "precomputed"}, "needs vectors"),
    ],
)
def test_options_that_cannot_be(images: Path, home: Workspace, options: dict[str, object], what: str) -> None:
    with pytest.raises(UserError, match=what) as caught:
        scan(str(images), replace(ScanOptions(), **options), home)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value) and caught.value.allowed


def test_vectors_made_elsewhere_are_one_an_image(images: Path, home: Workspace, tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.random.default_rng(0).normal(size=(71, 8)))
    options = replace(CPU, embedder="precomputed", embeddings=str(tmp_path / "v.npy"))
    with pytest.raises(UserError, match="71 rows, the source has 72 images"):
        scan(str(images), options, home)
    key = newest_scan(home, str(images), finished=False)
    assert key is not None and read_progress(home.scan_dir(key) / "progress.json").state == "failed"
    given = np.random.default_rng(0).normal(size=(72, 8))
    np.save(tmp_path / "v.npy", given)
    (images / "ant" / "000.png").write_bytes(b"broken")
    evidence = inspect(home, scan(str(images), options, home)).evidence
    assert evidence is not None
    expected = given / np.linalg.norm(given, axis=1, keepdims=True)
    np.testing.assert_allclose(evidence.vectors, expected[1:], atol=1e-6)


def test_a_broken_set_leaves_no_scan_to_show(tmp_path: Path, home: Workspace) -> None:
    images = image_folder(tmp_path / "bad", size=2)
    for file in sorted(images.rglob("*.png"))[:-2]:
        file.write_bytes(b"broken")
    with pytest.raises(UserError, match="only 2 of 6 images can be read"):
        scan(str(images), CPU, home)
    assert newest_scan(home, str(images)) is None


def test_the_demo_has_a_backdoor_and_mistakes() -> None:
    demo = open_dataset("demo")
    assert demo.truth is not None and demo.name == "demo"
    wrong = demo.truth.original_labels != demo.labels
    assert round(0.05 * 1797) + round(0.03 * 1797) == demo.truth.is_poisoned.sum() == wrong.sum()
    assert (demo.labels[wrong] == 0).sum() >= round(0.05 * 1797)
    assert open_dataset("demo").digest == demo.digest
