"""The kNN graph by cosine, exact, and the vote of a row's neighbours on its label.

The only room that imports faiss.
"""

from .graph import nearest
from .vote import TEMPERATURES, class_shares, row_chunks, vote

__all__ = ["TEMPERATURES", "class_shares", "nearest", "row_chunks", "vote"]
