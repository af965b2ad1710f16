"""What a person may choose about a proof; light, because every command's help needs it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import UserError

VICTIM_NAMES = ("small", "resnet18")
TRIGGERS = "auto, truth, or a pattern of the scan such as t1"
# the target of an attack that has one for each class
SEVERAL = "(one for each class)"
MOST_SEEDS, MOST_EPOCHS = 20, 1000


@dataclass(frozen=True)
class ProveOptions:
    """What a person may choose about a proof.

    test: source of the test images, None for a part of the set.  seeds: victims for each set.
    epochs: None for a number by the size of the set.  minutes: about how long training may take, None for no limit.
    victim: a name in VICTIM_NAMES, None for the one that fits the device.
    trigger: "auto" (truth where it is known, else the strongest pattern found), "truth", or a pattern's id.
    """

    test: str | None = None
    seeds: int = 3
    epochs: int | None = None
    minutes: float | None = None
    victim: str | None = None
    trigger: str = "auto"
    device: str = "auto"
    allow_outside: bool = False

    def check(self) -> None:
        """Raise UserError for what cannot be."""
        if not 1 <= self.seeds <= MOST_SEEDS:
            raise UserError(f"seeds = {self.seeds} cannot be", f"1 to {MOST_SEEDS} victims for each set")
        if self.epochs is not None and not 1 <= self.epochs <= MOST_EPOCHS:
            raise UserError(f"epochs = {self.epochs} cannot be", f"1 to {MOST_EPOCHS}")
        if self.minutes is not None and not self.minutes > 0:
            raise UserError(f"minutes = {self.minutes:g} cannot be", "a number above 0")
        if self.victim is not None and self.victim not in VICTIM_NAMES:
            raise UserError(f"victim '{self.victim}' is not known", f"choose one of: {', '.join(VICTIM_NAMES)}")
        if self.trigger not in ("auto", "truth") and not re.fullmatch(r"t[1-9][0-9]{0,3}", self.trigger):
            raise UserError(f"trigger '{self.trigger}' is not known", TRIGGERS)
