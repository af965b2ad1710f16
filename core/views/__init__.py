"""Ways to look at one image, from pixels to pictures. Numpy alone; nothing here knows of files, labels or screens."""

from .detail import View, difference, fine_detail, high_pass, reduced, spectrum
from .halftone import halftone
from .marks import boxes, heat_over, outlined
from .occlusion import Occlusion, cover, occlusion

__all__ = [
    "Occlusion",
    "View",
    "boxes",
    "cover",
    "difference",
    "fine_detail",
    "halftone",
    "heat_over",
    "high_pass",
    "occlusion",
    "outlined",
    "reduced",
    "spectrum",
]
