"""Where pixels come from: one door, `open_source`, for every kind of source, told apart by what it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..errors import UserError
from ..types import Dataset, Skipped
from .base import DigestCache, Options, check_usable, shown
from .cifar import find_cifar, open_cifar
from .demo import digits
from .files import list_files
from .folder import TRUTH_FILE, open_folder, wanted_image
from .working_pixels import working_pixels, working_side

__all__ = ["SOURCES", "DigestCache", "check_usable", "open_source", "shown", "source_identity", "working_pixels", "working_side"]

DEMO = "demo"
ALLOWED = (
    "a folder of class folders, a .parquet file or folder, a CIFAR-10/100 folder, a .csv, .jsonl or .parquet "
    "manifest, .tar shards, an .npz, or demo"
)
# Reading these can run what their maker wrote into them.
_PICKLES = frozenset({".pt", ".pth", ".pkl", ".pickle", ".joblib", ".npy", ".ckpt"})
_PACKED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip", ".gz", ".7z")


def open_source(spec: str | Path, *, allow_outside: bool = False, digests: DigestCache | None = None) -> Dataset:
    """The Dataset at `spec`, a path or "demo" (a folder of that name is "./demo"); images are not decoded.

    allow_outside: links and table entries may name files outside the source. digests: remembers what was
    hashed, so that an unchanged source opens without its content being read. Raises UserError.
    """
    options = Options(allow_outside, digests)
    if _is_demo(spec):
        dataset = SOURCES[DEMO](Path(), options)
    else:
        path = _resolved(spec)
        try:
            dataset = SOURCES[_kind(path, options)](path, options)
        except OSError as error:
            raise UserError(f"{shown(path)} cannot be read: {error.strerror or error}", ALLOWED) from error
    check_usable(dataset)
    return dataset


def source_identity(spec: str | Path) -> str:
    """What names this source in a workspace: "demo" or the resolved absolute path; raises UserError."""
    return DEMO if _is_demo(spec) else str(_resolved(spec, must_exist=False))


def _is_demo(spec: str | Path) -> bool:
    return str(spec) == DEMO


def _resolved(spec: str | Path, must_exist: bool = True) -> Path:
    try:
        path = Path(spec).expanduser().resolve()
        if not str(spec) or (must_exist and not path.exists()):
            raise UserError(f"{shown(spec)} does not exist", ALLOWED)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(f"{shown(spec)} is no usable path", ALLOWED) from error
    return path


def _kind(path: Path, options: Options) -> str:
    if path.is_dir():
        return _folder_kind(path, options)
    if not path.is_file():
        raise UserError(f"{shown(path.name)} is neither a file nor a folder", ALLOWED)
    name, suffix = path.name.lower(), path.suffix.lower()
    if suffix in _PICKLES:
        raise UserError(
            f"{shown(path.name)} may be a pickle, which can run code when it is read",
            ALLOWED,
            "save the images and labels with numpy.savez, or as image folders",
        )
    if name.endswith(_PACKED):
        raise UserError(f"{shown(path.name)} is compressed", ALLOWED, "unpack it first and point to what comes out")
    if suffix == ".parquet":
        return "parquet" if _holds_images(path, alone=True) else "manifest"
    kinds = {".csv": "manifest", ".jsonl": "manifest", ".tar": "webdataset", ".npz": "arrays"}
    if suffix not in kinds:
        raise UserError(f"{shown(path.name)} is of no known kind", ALLOWED)
    return kinds[suffix]


def _folder_kind(path: Path, options: Options) -> str:
    if find_cifar(path):
        return "cifar"
    if any(_holds_images(place) for _, place in _shards(path, ".parquet", options)[0]):
        return "parquet"
    # An archive beside image folders is only where they came from.
    if _shards(path, ".tar", options)[0] and not list_files(path, options, wanted_image)[0]:
        return "webdataset"
    return "folder"


def _holds_images(path: Path, alone: bool = False) -> bool:
    from .parquet_schema import read_columns

    try:
        return read_columns(path).image is not None
    except UserError:
        # One broken table does not decide what a folder is; where it is a shard, it is listed as skipped.
        if alone:
            raise
        return False


def _shards(path: Path, suffix: str, options: Options) -> tuple[list[tuple[str, Path]], list[Skipped]]:
    if path.is_file():
        return [(path.name, path)], []

    def wanted(name: str) -> str | None:
        return "" if name.lower().endswith(suffix) and name != TRUTH_FILE else None

    return list_files(path, options, wanted, depth=2)


def _open_parquet(path: Path, options: Options) -> Dataset:
    from .parquet import open_parquet

    return open_parquet(*_shards(path, ".parquet", options), path.name, options)


def _open_manifest(path: Path, options: Options) -> Dataset:
    from .manifest import open_manifest

    return open_manifest(path, options)


def _open_webdataset(path: Path, options: Options) -> Dataset:
    from .webdataset import open_webdataset

    return open_webdataset(*_shards(path, ".tar", options), path.name, options)


def _open_arrays(path: Path, options: Options) -> Dataset:
    from .arrays import open_npz

    return open_npz(path, options)


SOURCES: dict[str, Callable[[Path, Options], Dataset]] = {
    "folder": open_folder,
    "parquet": _open_parquet,
    "cifar": open_cifar,
    "manifest": _open_manifest,
    "webdataset": _open_webdataset,
    "arrays": _open_arrays,
    DEMO: lambda path, options: digits(),
}
