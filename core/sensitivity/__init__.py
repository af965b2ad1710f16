"""How blind the search was in one set: known patterns planted in memory, and the fewest images at which each kind is found."""

from .kinds import KINDS
from .measure import SensitivityFolder, measure
from .words import sensitivity_lines, sensitivity_text

__all__ = ["KINDS", "SensitivityFolder", "measure", "sensitivity_lines", "sensitivity_text"]
