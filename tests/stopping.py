"""A stop that comes at a known moment, so that what is resumed can be compared."""

from __future__ import annotations

from heart.numerics.interruption import Stop


class StopAt(Stop):
    """Asks to stop when asked for the n-th time."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def on_any(self, _comm: object) -> str:
        """Count, and ask."""
        self.number -= 1
        return "SIGTERM" if self.number == 0 else ""
