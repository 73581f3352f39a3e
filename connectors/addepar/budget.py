"""May one more request be sent now, or when? Addepar's allowances, kept on our side before it has to refuse."""

import math
from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Final, Protocol

from connectors.addepar.config import AddeparConfig
from engine.domain.errors import ExternalRefusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """At most `requests` in any window of `seconds`."""

    requests: int
    seconds: float


_TOLD_EVERY_SECONDS: Final = 5.0


def allowances_of(config: AddeparConfig) -> tuple[Allowance, ...]:
    """Return what this firm's programs on our side may spend."""
    return (
        Allowance(requests=config.requests_per_15_minutes, seconds=900.0),
        Allowance(requests=config.requests_per_day, seconds=86400.0),
    )


def used(allowances: Iterable[Allowance], moments: Sequence[float], *, now: float) -> tuple[tuple[Allowance, int], ...]:
    """Return each allowance with the requests that count against it now, of those at these moments."""
    return tuple((a, sum(at > now - a.seconds for at in moments)) for a in allowances)


class CutOff(ExternalRefusal):
    """What was read so far is good, the rest could not be had now: the next sync goes on from here."""


class SpentRequests(Protocol):
    """Where the moments of a firm's requests are kept; all who spend the firm's allowance share one."""

    def moments(self) -> Sequence[float]:
        """Return the moments of the last day's requests in seconds, in order."""

    def claim(self, book: Callable[[Sequence[float]], float | None]) -> int | None:
        """Give book those moments while nobody else may claim; keep what it returns, and return a ticket for it."""

    def settle(self, ticket: int, at: float) -> None:
        """Say at which moment a claimed request was over."""


class SpentHere:
    """The requests of this process alone."""

    def __init__(self) -> None:
        self._at: dict[int, float] = {}
        self._lock = Lock()

    def moments(self) -> Sequence[float]:
        return sorted(self._at.values())

    def claim(self, book: Callable[[Sequence[float]], float | None]) -> int | None:
        with self._lock:
            at = book(self.moments())
            if at is None:
                return None
            self._at[len(self._at)] = at
            return len(self._at) - 1

    def settle(self, ticket: int, at: float) -> None:
        self._at[ticket] = at


class RequestBudget:
    """Spends allowances exactly: a sliding window, since a refilling bucket lets through up to twice as many.

    clock gives seconds since any fixed moment, the same one for all who share `spent`; sleep waits that many.
    longest_request_seconds: after which a request has surely arrived. tell, where set, hears of every wait, at its
    start and every few seconds; what it raises ends the wait.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        longest_wait_seconds: float,
        longest_request_seconds: float = 65.0,
        allowances: tuple[Allowance, ...],
        spent: SpentRequests | None = None,
    ) -> None:
        self._clock, self._sleep = clock, sleep
        self._longest_wait, self._longest_request = longest_wait_seconds, longest_request_seconds
        self._allowances = allowances
        self._spent = SpentHere() if spent is None else spent
        self.tell: Callable[[str], None] | None = None

    @contextmanager
    def request(self) -> Iterator[None]:
        """Wait until a request is allowed, claim it, and settle it at its end.

        Addepar counts a request when it arrives, between our start and our end: until it is over it counts as arriving
        at the latest moment possible, so that even a process that dies meanwhile has claimed enough. Raises
        CutOff where the wait would be longer than longest_wait_seconds.
        """
        ticket = self._claim()
        try:
            yield
        finally:
            self._spent.settle(ticket, self._clock())

    def wait(self, seconds: float, *, reason: str) -> None:
        """Sleep for some seconds (none if not positive); raises CutOff if that is longer than allowed."""
        if seconds > self._longest_wait:
            raise CutOff(f"Addepar: {reason}; expected to go on within {self._longest_wait:.0f} s, found a wait of "
                         f"{seconds:.0f} s. Try again after that: what was read is kept.")  # fmt: skip
        if self.tell is None:
            if seconds > 0:
                self._sleep(seconds)
            return
        while seconds > 0:
            self.tell(f"{reason}: going on in {in_words(seconds)}")
            self._sleep(min(seconds, _TOLD_EVERY_SECONDS))
            seconds -= _TOLD_EVERY_SECONDS

    def used(self) -> tuple[tuple[Allowance, int], ...]:
        """Return each allowance with the requests that count against it now."""
        return used(self._allowances, self._spent.moments(), now=self._clock())

    def seconds_for(self, requests: int, *, each_seconds: float) -> float:
        """Return how long so many requests take, from now on, if each of them by itself takes so long."""
        spent = list(self._spent.moments())
        at = start = self._clock()
        for _ in range(requests):
            at = max(at, self._free_at(spent)) + each_seconds
            insort(spent, at)
        return at - start

    def _claim(self) -> int:
        while True:
            wait = 0.0

            def book(spent: Sequence[float]) -> float | None:
                nonlocal wait
                now = self._clock()
                wait = self._free_at(spent) - now
                return None if wait > 0 else now + self._longest_request

            ticket = self._spent.claim(book)
            if ticket is not None:
                return ticket
            self.wait(wait, reason="the firm's request allowance is used up")

    def _free_at(self, spent: Sequence[float]) -> float:
        """The first moment at which every window has room for one more."""
        full = [allowance for allowance in self._allowances if len(spent) >= allowance.requests]
        return max((spent[-a.requests] + a.seconds for a in full), default=-math.inf)


def in_words(seconds: float) -> str:
    """Return a length of time as people say it: 40 s, 12 min, 3 h 05 min."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    if minutes < 120:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest:02} min" if rest else f"{hours} h"
