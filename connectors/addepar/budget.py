"""May one more request be sent now, or when? Addepar's allowances, kept on our side before it has to refuse."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from engine.domain.errors import ExternalRefusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """At most `requests` in any window of `seconds`."""

    requests: int
    seconds: float


ADDEPAR_ALLOWANCES: Final = (Allowance(requests=50, seconds=900.0), Allowance(requests=1000, seconds=86400.0))


class RequestBudget:
    """Spends allowances exactly: a sliding window, since a refilling bucket lets through up to twice as many.

    clock gives seconds that never run backwards; sleep waits that many. One thread at a time may use a budget.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        longest_wait_seconds: float,
        allowances: tuple[Allowance, ...] = ADDEPAR_ALLOWANCES,
    ) -> None:
        self._clock, self._sleep, self._longest_wait = clock, sleep, longest_wait_seconds
        self._allowances = allowances
        self._spent: deque[float] = deque(maxlen=max(allowance.requests for allowance in allowances))

    @contextmanager
    def request(self) -> Iterator[None]:
        """Wait until a request is allowed, then count it as spent at its end.

        At its end, because Addepar counts it when it arrives, which is between our start and our end.
        Raises ExternalRefusal where the wait would be longer than longest_wait_seconds.
        """
        self.wait(self._free_at() - self._clock(), reason="the firm's request allowance is used up")
        try:
            yield
        finally:
            self._spent.append(self._clock())

    def wait(self, seconds: float, *, reason: str) -> None:
        """Sleep for some seconds (none if not positive); raises ExternalRefusal if that is longer than allowed."""
        if seconds > self._longest_wait:
            raise ExternalRefusal(f"Addepar: {reason}; expected to go on within {self._longest_wait:.0f} s, "
                                  f"found a wait of {seconds:.0f} s. Try again after that.")  # fmt: skip
        if seconds > 0:
            self._sleep(seconds)

    def _free_at(self) -> float:
        """The first moment at which every window has room for one more."""
        full = [allowance for allowance in self._allowances if len(self._spent) >= allowance.requests]
        return max((self._spent[-a.requests] + a.seconds for a in full), default=self._clock())
