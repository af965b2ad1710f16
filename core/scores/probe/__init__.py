"""A short probe: what a small network learns of the suspect labels, and how soon. Read by the artifact scores."""

from .train import train_probe

__all__ = ["train_probe"]
