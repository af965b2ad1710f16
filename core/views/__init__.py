"""Ways to look at one image, from pixels to pictures. Numpy alone; nothing here knows of files, labels or screens."""

from core.views.detail import View, difference, fine_detail, high_pass, reduced, spectrum
from core.views.marks import boxes, heat_over, outlined
from core.views.occlusion import Occlusion, cover, occlusion

__all__ = ["Occlusion", "View", "boxes", "cover", "difference", "fine_detail", "heat_over", "high_pass", "occlusion", "outlined", "reduced", "spectrum"]
