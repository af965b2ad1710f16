"""A short probe: what a small network learns of the suspect labels, and how soon. Read by the artifact scores."""

from .network import EVALUATION_ROWS, PIECE, SHARE_OF_DEVICE, blocks, half_precision
from .train import train_probe

__all__ = ["EVALUATION_ROWS", "PIECE", "SHARE_OF_DEVICE", "blocks", "half_precision", "train_probe"]
