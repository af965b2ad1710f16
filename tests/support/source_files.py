"""The same twelve drawn images written as every kind of source, for the tests of core.sources."""

from __future__ import annotations

import csv
import io
import json
import pickle
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

from core.errors import UnreadableImage, UserError
from core.sources import open_source
from core.sources.decoding import decode

CLASSES = ("ant", "bee", "cow")
LABELS = tuple(row // 4 for row in range(12))
Builder = Callable[[Path, NDArray[np.uint8], "Sequence[int] | None"], Path]


class FileCache:
    """A digest cache as the workspace keeps it: valid while size and mtime_ns are unchanged."""

    def __init__(self) -> None:
        self.held: dict[str, tuple[tuple[int, int], NDArray[np.uint8]]] = {}
        self.n_put = 0

    def __len__(self) -> int:
        # An empty cache is a cache all the same.
        return len(self.held)

    @staticmethod
    def _state(path: Path) -> tuple[int, int]:
        status = path.stat()
        return status.st_size, status.st_mtime_ns

    def get(self, path: Path) -> NDArray[np.uint8] | None:
        state, digests = self.held.get(str(path), (None, None))
        return digests if state == self._state(path) else None

    def put(self, path: Path, digests: NDArray[np.uint8]) -> None:
        self.n_put += 1
        self.held[str(path)] = (self._state(path), digests.copy())


def draw(seed: int = 0) -> NDArray[np.uint8]:
    """uint8 (12, 32, 32, 3), every image different."""
    return np.random.default_rng(seed).integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)


def png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    return buffer.getvalue()


def add_member(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def _write_files(root: Path, images: NDArray[np.uint8], folders: Sequence[str]) -> list[str]:
    names = []
    for row, (image, folder) in enumerate(zip(images, folders, strict=True)):
        place = root / folder / f"{row:02d}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(png(image))
        names.append(place.relative_to(root).as_posix())
    return names


def folder(root: Path, images: NDArray[np.uint8], labels: Sequence[int] | None) -> Path:
    _write_files(root, images, [""] * 12 if labels is None else [CLASSES[label] for label in labels])
    return root


def split_folder(root: Path, images: NDArray[np.uint8], labels: Sequence[int] | None) -> Path:
    _write_files(root, images, ["train"] * 12 if labels is None else [f"train/{CLASSES[label]}/deep" for label in labels])
    return root


def write_parquet(path: Path, cells: Sequence[object], labels: Sequence[int] | None, with_names: bool = True) -> None:
    columns: dict[str, pa.Array] = {"img": pa.array(cells, pa.struct({"bytes": pa.binary(), "path": pa.string()}))}
    features: dict[str, object] = {"img": {"_type": "Image"}}
    if labels is not None:
        columns["label"] = pa.array(labels, pa.int64())
        features["label"] = {"names": list(CLASSES), "_type": "ClassLabel"}
    notes = {"huggingface": json.dumps({"info": {"features": features}})} if with_names else None
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns).replace_schema_metadata(notes), path, row_group_size=5)


def parquet(root: Path, images: NDArray[np.uint8], labels: Sequence[int] | None) -> Path:
    write_parquet(root / "set.parquet", [{"bytes": png(image), "path": None} for image in images], labels)
    return root / "set.parquet"


def parquet_shards(root: Path, images: NDArray[np.uint8], labels: Sequence[int] | None) -> Path:
    for shard, rows in enumerate((slice(0, 7), slice(7, 12))):
        cells = [{"bytes": png(image), "path": "x.png"} for image in images[rows]]
        write_parquet(root / f"data/train-0000{shard}-of-00002.parquet", cells, None if labels is None else labels[rows])
    return root


def parquet_paths(root: Path, images: NDArray[np.uint8], labels: Sequence[int] | None) -> Path:
    names = _write_files(root, images, ["files"] * 12)
    write_parquet(root / "set.parquet", [{"bytes": None, "path": name} for name in names], labels)
    return root / "set.parquet"


def parquet_binary(root: Path, images: NDArray[np.uint8], labels: Sequence[int] | None) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    columns: dict[str, pa.Array] = {"photo": pa.array([png(image) for image in images]), "note": pa.array(["n"] * 12)}
    if labels is not None:
        columns["target"] = pa.array([CLASSES[label] for label in labels]).dictionary_encode()
    pq.write_table(pa.table(columns), root / "set.parquet")
    return root / "set.parquet"


def _planes(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return images.transpose(0, 3, 1, 2).reshape(12, -1)


def cifar10_binary(root: Path, images: NDArray[np.uint8], labels: Sequence[int] | None) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    table = np.column_stack([np.array(labels, dtype=np.uint8), _planes(images)])
    table[:7].tofile(root / "data_batch_1.bin")
    table[7:].tofile(root / "test_batch.bin")
    (root / "batches.meta.txt").write_text("\n".join(CLASSES) + "\n\n")
    return root


def cifar100_binary(root: Path, images: NDArray[np.uint8], labels: Sequence[int] | None) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    coarse = np.full(12, 9, dtype=np.uint8)
    np.column_stack([coarse, np.array(labels, dtype=np.uint8), _planes(images)]).tofile(root / "train.bin")
    (root / "fine_label_names.txt").write_text("\n".join(CLASSES) + "\n")
    return root


def cifar10_python(root: Path, images: NDArray[np.uint8], labels: Sequence[int] | None) -> Path:
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    batch = {b"data": _planes(images), b"labels": list(labels or ()), b"batch_label": b"one", b"filenames": [b"f"] * 12}
    (folder / "data_batch_1").write_bytes(pickle.dumps(batch, protocol=2))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list(CLASSES)}, protocol=2))
    return root


def cifar100_python(root: Path, images: NDArray[np.uint8], labels: Sequence[int] | None) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    batch = {"data": _planes(images), "fine_labels": list(labels or ()), "coarse_labels": [9] * 12}
    (root / "train").write_bytes(pickle.dumps(batch, protocol=4))
    (root / "meta").write_bytes(pickle.dumps({"fine_label_names": list(CLASSES)}, protocol=4))
    return root


def _manifest_rows(root: Path, images: NDArray[np.uint8], labels: Sequence[int] | None) -> list[dict[str, str]]:
    rows = [{"file_name": name, "split": "val"} for name in _write_files(root, images, ["files"] * 12)]
    for row, label in zip(rows, labels or (), strict=False):
        row["label"] = CLASSES[label]
    return rows


def manifest_csv(root: Path, images: NDArray[np.uint8], labels: Sequence[int] | None) -> Path:
    rows = _manifest_rows(root, images, labels)
    with (root / "set.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return root / "set.csv"


def manifest_jsonl(root: Path, images: NDArray[np.uint8], labels: Sequence[int] | None) -> Path:
    rows = _manifest_rows(root, images, labels)
    (root / "set.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n\n", encoding="utf-8")
    return root / "set.jsonl"


def manifest_parquet(root: Path, images: NDArray[np.uint8], labels: Sequence[int] | None) -> Path:
    rows = [{("image" if k == "file_name" else k): v for k, v in row.items()} for row in _manifest_rows(root, images, labels)]
    pq.write_table(pa.Table.from_pylist(rows), root / "set.parquet")
    return root / "set.parquet"


def webdataset(root: Path, images: NDArray[np.uint8], labels: Sequence[int] | None) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    with tarfile.open(root / "set.tar", "w") as tar:
        for row, image in enumerate(images):
            add_member(tar, f"pics/{row:04d}.png", png(image))
            if labels is not None:
                add_member(tar, f"pics/{row:04d}.cls", CLASSES[labels[row]].encode())
    return root / "set.tar"


def webdataset_shards(root: Path, images: NDArray[np.uint8], labels: Sequence[int] | None) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for shard, rows in enumerate((range(5), range(5, 12))):
        with tarfile.open(root / f"train-{shard}.tar", "w") as tar:
            for row in rows:
                if labels is not None:
                    add_member(tar, f"{row:04d}.json", json.dumps({"label": CLASSES[labels[row]]}).encode())
                add_member(tar, f"{row:04d}.mask.png", png(images[0]))
                add_member(tar, f"{row:04d}.png", png(images[row]))
    return root


def _npz(root: Path, images: NDArray[np.generic], labels: Sequence[int] | None, save: Callable[..., None]) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    more = {} if labels is None else {"labels": np.array(labels)[:, None], "class_names": np.array(CLASSES)}
    save(root / "set.npz", images=images, **more)
    return root / "set.npz"


def npz_stored(root: Path, images: NDArray[np.uint8], labels: Sequence[int] | None) -> Path:
    return _npz(root, images, labels, np.savez)


def npz_compressed(root: Path, images: NDArray[np.uint8], labels: Sequence[int] | None) -> Path:
    return _npz(root, np.asfortranarray(images), labels, np.savez_compressed)


def npz_float(root: Path, images: NDArray[np.uint8], labels: Sequence[int] | None) -> Path:
    return _npz(root, images.astype(np.float32) / 255, labels, np.savez)


KINDS: dict[str, Builder] = {
    "folder": folder,
    "split_folder": split_folder,
    "parquet": parquet,
    "parquet_shards": parquet_shards,
    "parquet_paths": parquet_paths,
    "parquet_binary": parquet_binary,
    "cifar10_binary": cifar10_binary,
    "cifar100_binary": cifar100_binary,
    "cifar10_python": cifar10_python,
    "cifar100_python": cifar100_python,
    "manifest_csv": manifest_csv,
    "manifest_jsonl": manifest_jsonl,
    "manifest_parquet": manifest_parquet,
    "webdataset": webdataset,
    "webdataset_shards": webdataset_shards,
    "npz_stored": npz_stored,
    "npz_compressed": npz_compressed,
    "npz_float": npz_float,
}
# These formats have a label for every image.
ALWAYS_LABELLED = frozenset(kind for kind in KINDS if kind.startswith("cifar"))


def refused(spec: str | Path, match: str, **options: Any) -> None:
    with pytest.raises(UserError, match=match) as caught:
        open_source(spec, **options)
    assert "\n" not in str(caught.value) and caught.value.allowed


def unreadable(data: bytes | Path, match: str) -> None:
    with pytest.raises(UnreadableImage, match=match) as caught:
        decode(data)
    assert len(caught.value.reason) < 160


def npz(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


class Call:
    """Pickles as a call of any function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call
