"""How blind the search was in one set: known patterns planted in memory, and the fewest images at which each kind is found."""

from typing import TYPE_CHECKING

from ..doors import opened_later

if TYPE_CHECKING:
    from .folder import SensitivityFolder
    from .kinds import KINDS
    from .measuring import measure
    from .words import sensitivity_lines, sensitivity_text

# loaded when first asked for: the app reads results, and only the command measures
_HOMES = {
    "KINDS": "kinds",
    "SensitivityFolder": "folder",
    "measure": "measuring",
    "sensitivity_lines": "words",
    "sensitivity_text": "words",
}


__getattr__ = opened_later(__name__, _HOMES)


__all__ = ["KINDS", "SensitivityFolder", "measure", "sensitivity_lines", "sensitivity_text"]
