"""Where numbers are made: the device and its precision, images held on it, memory that runs out, one loop of training.

Rooms that compute with torch take these from here, so that what holds on a GPU is settled once.
"""

from typing import TYPE_CHECKING

from ..doors import opened_later

if TYPE_CHECKING:
    from .device import autocast, half_precision, halving, out_of_memory, pick_device
    from .images import DeviceImages
    from .training import batch_size, blocks, evaluated, one_cycle, train

# loaded when first asked for: torch takes seconds, and every command's help comes through here
_HOMES = {
    "autocast": "device",
    "half_precision": "device",
    "halving": "device",
    "out_of_memory": "device",
    "pick_device": "device",
    "DeviceImages": "images",
    "batch_size": "training",
    "blocks": "training",
    "evaluated": "training",
    "one_cycle": "training",
    "train": "training",
}


__getattr__ = opened_later(__name__, _HOMES)


__all__ = [
    "DeviceImages",
    "autocast",
    "batch_size",
    "blocks",
    "evaluated",
    "half_precision",
    "halving",
    "one_cycle",
    "out_of_memory",
    "pick_device",
    "train",
]
