"""From votes and findings to a judgement of each label: how likely it is wrong, what it should be, and the verdict.

No poison rate, no truth.
"""

from .calibration import chance_right
from .fuse import Fused, concentrated_labels, dirty_rows, fuse
from .label_model import Judgement, judge

__all__ = ["Fused", "Judgement", "chance_right", "concentrated_labels", "dirty_rows", "fuse", "judge"]
