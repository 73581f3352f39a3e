"""At which price is a limit just kept? Secants on the price's logarithm, until it is bracketed; then between."""

from typing import Final

import numpy as np

_NARROW: Final = 1e-4  # width of a bracket on the logarithm of a price
_DOUBT: Final = 0.2  # a steepness that was not measured may be so much less
Place = tuple[float, float]  # a price's logarithm, and what is missed there


class Root:
    """The search for one price.

    widening: the farthest step of the price's logarithm; steepness: by how much what is missed falls for a price e
    times as high, as far as is known; narrow: a bracket of that width is as good as a point.
    Source: Dowell & Jarratt, A modified regula falsi method, BIT 11 (1971), for halving the end that stays.
    """

    def __init__(self, price: float, *, widening: float, steepness: float, narrow: float = _NARROW) -> None:
        self.price, self.widening, self.steepness, self.narrow = price, widening, steepness, narrow
        self.is_measured = False
        self.low: Place | None = None
        self.high: Place | None = None
        self.last: Place | None = None

    def could_add(self, excess: float) -> float:
        """Return what the best price can add to the bound, if what is missed falls steadily from the present one on."""
        return self.price * excess**2 / (2.0 * self.steepness * (1.0 if self.is_measured else _DOUBT))

    def is_found(self, excess: float, *, near: float = 0.0) -> bool:
        """Take what the limit is missed by at the present price, and set the next; True where it is kept nearly."""
        if -near <= excess <= 0:
            return True
        place, last = (float(np.log(self.price)), excess), self.last
        same_side = last is not None and (last[1] > 0) == (excess > 0)
        if last is not None and (last[1] - excess) * (place[0] - last[0]) > 0:
            self.steepness, self.is_measured = (last[1] - excess) / (place[0] - last[0]), True
        if excess > 0:
            self.low = place
            if same_side and self.high is not None:
                self.high = (self.high[0], self.high[1] / 2.0)
        else:
            self.high = place
            if same_side and self.low is not None:
                self.low = (self.low[0], self.low[1] / 2.0)
        self.last = place
        if self.low is not None and self.high is not None:
            (a, f), (b, g) = self.low, self.high
            share = f / (f - g) if f > g else 0.5
            self.price = float(np.exp(a + min(max(share, 0.02), 0.98) * (b - a)))
            return b - a < self.narrow
        step = float(np.clip(1.1 * excess / self.steepness, -self.widening, self.widening))
        self.price = float(np.exp(place[0] + step))
        return False
