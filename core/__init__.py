"""Taster's analysis: finds poisoned and mislabelled images in a training set; everything here works without a screen.

As a library: ``import taster`` (or ``core``, in a checkout). The names below load what they need when first used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import ATTACKS, EMBEDDERS, EXPORTS, SCORES, SOURCES, cleanse, evaluate, export, load, open_dataset, prove, scan

__version__ = "0.4.0"

__all__ = [
    "ATTACKS",
    "EMBEDDERS",
    "EXPORTS",
    "SCORES",
    "SOURCES",
    "cleanse",
    "evaluate",
    "export",
    "load",
    "open_dataset",
    "prove",
    "scan",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(".api", __name__), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
