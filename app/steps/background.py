"""How is long work done while people go on? In a thread that outlives the page that started it, with its progress."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Event, Thread
from time import monotonic

from app.ports import Progress
from engine.domain.errors import LotsmithError


class Stopped(LotsmithError):
    """Somebody stopped the work; what it kept until then stays."""


class Work:
    """Work that runs from now on. result() is what it returned, once it is finished."""

    def __init__(self, label: str, work: Callable[[Progress], object]) -> None:
        self.label = label
        self._now: tuple[str, float] = ("", 0.0)
        self._began = monotonic()
        self._stop = Event()
        self._future: Future[object] = Future()
        Thread(target=self._run, args=(work,), daemon=True).start()

    @property
    def now(self) -> tuple[str, float]:
        """What is being done, and the fraction done, 0 to 1."""
        return self._now

    @property
    def passed_s(self) -> float:
        return monotonic() - self._began

    @property
    def finished(self) -> bool:
        return self._future.done()

    @property
    def failed(self) -> bool:
        return self.finished and self._future.exception() is not None

    def stop(self) -> None:
        """Ask the work to end at its next step."""
        self._stop.set()

    def result(self) -> object:
        """Wait for the work and return what it returned. Raises what it raised, and Stopped where it was stopped."""
        return self._future.result()

    def _run(self, work: Callable[[Progress], object]) -> None:
        try:
            self._future.set_result(work(self._report))
        except BaseException as error:  # noqa: BLE001  it is raised again by result(), to whoever asks
            self._future.set_exception(error)

    def _report(self, doing: str, done: float) -> None:
        self._now = (doing, min(max(done, 0.0), 1.0))
        if self._stop.is_set():
            raise Stopped(f"{self.label}: stopped by hand at {done:.0%}; what was done until then stays")
