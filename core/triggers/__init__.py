"""Trigger mining: patterns that predict a label although they are no content, and the rows that carry them.

The principle. A trigger is a rare component that some rows of one label share and that nothing else in the set has. So
(1) look at the images where content is faint: fine detail, whitened, so that what natural images have in common
is quiet and a planted pattern is loud (spaces.py, grain.py);
(2) guess directions in which some rows of a class stand out as natural rows do not (seeds.py);
(3) sharpen each guess by turns: rows of one half of the class make the direction, rows of the other half are
measured by it, and those that stand out make the next one, so no row ever votes for itself (pursuit.py);
(4) it is a candidate only where the triggered rows stand apart from a bulk that behaves like every other class
(separation.py), where both halves found the same pattern, and where the rows' content differs, for a cluster of
near-duplicates shares everything and not only a pattern (candidate.py); of several that see the same rows one is
chosen (choose.py);
(5) score what is accepted in all spaces together, because triggered rows that are faint in one are plain in another
(accept.py, joint_score.py), and by what a picture as busy as the row's own would show of it (expected.py);
(6) one finding for each pattern, with its picture (findings.py, render.py).
search.py runs all of it, material.py holds what it looks at, settings.py every threshold with its reason.
No clean data, no poison rate, no truth. Blind to: triggers of a few images, sample-specific noise below the noise of
JPEG, triggers made of ordinary content (sunglasses on faces).
"""

from .findings import Mined
from .search import mine
from .settings import MiningSettings
from .spaces import WINDOW

__all__ = ["WINDOW", "Mined", "MiningSettings", "mine"]
