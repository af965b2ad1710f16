"""Every kind of source, and how the one that reads a path is found. A new one is its file and a line in `SOURCES`."""

from __future__ import annotations

from pathlib import Path

from ..errors import UserError
from ..types import Dataset
from .arrays import ARRAYS
from .base import DigestCache, Options, Source, check_usable, shown
from .cifar import CIFAR
from .demo import DEMO
from .folder import FOLDER
from .manifest import MANIFEST
from .parquet import PARQUET
from .webdataset import WEBDATASET

# the first that knows a path reads it; a folder that no other kind knows is one of class folders
SOURCES: dict[str, Source] = {source.name: source for source in (FOLDER, PARQUET, CIFAR, MANIFEST, WEBDATASET, ARRAYS, DEMO)}

# Reading these can run what their maker wrote into them.
_PICKLES = frozenset({".pt", ".pth", ".pkl", ".pickle", ".joblib", ".npy", ".ckpt"})
_PACKED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".zip", ".gz", ".7z")


def open_source(spec: str | Path, *, allow_outside: bool = False, digests: DigestCache | None = None) -> Dataset:
    """The Dataset at `spec`, a path or "demo" (a folder of that name is "./demo"); images are not decoded.

    allow_outside: links and table entries may name files outside the source. digests: remembers what was
    hashed, so that an unchanged source opens without its content being read. Raises UserError.
    """
    options = Options(allow_outside, digests)
    source, path = _built_in(spec), Path()
    try:
        if source is None:
            path = _resolved(spec)
            source = _detected(path, options)
        dataset = source.open(path, options)
    except OSError as error:
        raise UserError(f"{shown(path)} cannot be read: {error.strerror or error}", told_by()) from error
    check_usable(dataset)
    return dataset


def source_identity(spec: str | Path) -> str:
    """What names this source in a workspace: "demo" or the resolved absolute path; raises UserError."""
    source = _built_in(spec)
    return source.name if source is not None else str(_resolved(spec, must_exist=False))


def told_by() -> str:
    """All that a person may point to, in one line."""
    *texts, last = (source.told_by for source in SOURCES.values())
    return f"{', '.join(texts)} or {last}"


def _built_in(spec: str | Path) -> Source | None:
    source = SOURCES.get(str(spec))
    return source if source is not None and source.built_in else None


def _resolved(spec: str | Path, must_exist: bool = True) -> Path:
    try:
        path = Path(spec).expanduser().resolve()
        if not str(spec) or (must_exist and not path.exists()):
            raise UserError(f"{shown(spec)} does not exist", told_by())
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(f"{shown(spec)} is no usable path", told_by()) from error
    return path


def _detected(path: Path, options: Options) -> Source:
    if not path.is_dir() and not path.is_file():
        raise UserError(f"{shown(path.name)} is neither a file nor a folder", told_by())
    for source in (*(source for source in SOURCES.values() if source is not FOLDER), FOLDER):
        if not source.built_in and source.detect(path, options):
            return source
    if path.suffix.lower() in _PICKLES:
        raise UserError(
            f"{shown(path.name)} may be a pickle, which can run code when it is read",
            told_by(),
            "save the images and labels with numpy.savez, or as image folders",
        )
    if path.name.lower().endswith(_PACKED):
        raise UserError(f"{shown(path.name)} is compressed", told_by(), "unpack it first and point to what comes out")
    raise UserError(f"{shown(path.name)} is of no known kind", told_by())
