"""How is one function run over many tasks, on this machine or a cluster, whatever dies on the way?"""

import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from importlib.machinery import ModuleSpec
from multiprocessing import get_context
from typing import Any, Final, Generic, TypeVar

from engine.domain.errors import ExternalRefusal

T = TypeVar("T")
R = TypeVar("R")

ATTEMPTS: Final = 3  # of one task alone, before it is given up
_AHEAD: Final = 3  # tasks handed out a worker: the next is there when one is done
_POLL_S: Final = 1.0
_RECONNECT_S: Final = 120.0
_LOG: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Workers:
    """Workers to be opened, and again after they were lost. many: how many tasks they run at once."""

    open: Callable[[], AbstractContextManager[Executor]]
    many: Callable[[Executor], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost(Generic[T]):
    """A task that took its worker down with it, each time that it was tried alone."""

    task: T
    why: str


def local(workers: int) -> Workers:
    """Return processes on this machine. Each is started afresh, so that no connection of ours is in it."""

    @contextmanager
    def opened() -> Iterator[Executor]:
        # A new process runs the main module first, unless that is a package's __main__. Ours need none of it, and on a
        # page that module is Streamlit's, which would draw the page again.
        main = sys.modules["__main__"]
        if main.__spec__ is None:
            main.__spec__ = ModuleSpec("lotsmith.__main__", None)
        pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
        try:
            pool.submit(int)  # starts them all, at once: a page that is drawn meanwhile brings a new main module
            yield pool
        finally:
            for process in list((pool._processes or {}).values()):
                process.terminate()
            pool.shutdown(wait=False, cancel_futures=True)

    return Workers(open=opened, many=lambda _pool: workers)


def cluster(address: str, *, wait_s: float = _RECONNECT_S) -> Workers:
    """Return the workers of a Dask scheduler. Opening raises ExternalRefusal where none answers in wait_s."""

    @contextmanager
    def opened() -> Iterator[Executor]:
        import distributed  # an extra of its own: most firms run on one machine

        try:
            client: Any = distributed.Client(address, timeout=wait_s)  # type: ignore[no-untyped-call]  # has few types
        except OSError as error:
            raise ExternalRefusal(f"scheduler {address}: cannot be reached: {error}") from error
        try:
            yield client.get_executor(pure=False, retries=0)
        finally:
            client.close(timeout=5)

    def many(executor: Any) -> int:
        return sum(executor._client.nthreads().values()) or 1

    return Workers(open=opened, many=many)


def run_all(
    function: Callable[[T], R],
    tasks: Iterable[T],
    workers: Workers,
    *,
    split: Callable[[T], Sequence[T]],
    patience_s: float = 900.0,
) -> Iterator[R | Lost[T]]:
    """Yield the result of each task in the order in which they are done; a task is done once, whoever else tried it.

    Where workers are lost, what they had in hand is tried again in its smallest parts (split; of what cannot be parted,
    itself alone), one at a time, so that a task that kills its worker takes no other with it. Such a task is tried
    ATTEMPTS times, then yielded as Lost. A task that takes longer than patience_s is handed out once more, and the
    first answer counts. What the function raises is raised here.
    """
    waiting = _Waiting(fresh=iter(tasks))
    while waiting.next():
        with workers.open() as executor:
            lost = yield from _until_lost(function, waiting, executor, workers.many(executor), patience_s)
        for each in lost:
            if each.tried >= ATTEMPTS - 1:
                yield Lost(task=each.task, why=f"its worker was lost {ATTEMPTS} times")
            else:
                waiting.again.extend(_alone(each, split))


@dataclass(slots=True, kw_only=True)
class _Task(Generic[T]):
    """tried: how often its worker was lost while it ran alone, which it does from the first loss on. again: handed out
    twice, since it took long.
    """

    task: T
    alone: bool = False
    tried: int = 0
    again: bool = False
    done: bool = False


@dataclass(slots=True, kw_only=True)
class _Waiting(Generic[T]):
    """Tasks not handed out: those of lost workers after the fresh ones, which are made when they are asked for."""

    fresh: Iterator[T]
    again: "deque[_Task[T]]" = field(default_factory=deque)
    first: "_Task[T] | None" = None

    def next(self) -> "_Task[T] | None":
        """Return the task whose turn it is, which stays there until it is taken; None where all are handed out."""
        if self.first is None:
            task = next(self.fresh, None)
            if task is not None:
                self.first = _Task(task=task)
            elif self.again:
                self.first = self.again.popleft()
        return self.first

    def take(self) -> "_Task[T]":
        task, self.first = self.first, None
        assert task is not None
        return task


def _until_lost(
    function: Callable[[T], R], waiting: "_Waiting[T]", executor: Executor, many: int, patience_s: float
) -> Generator[Any, None, list["_Task[T]"]]:
    """Yield results until all is done or workers are lost; return the tasks that they had in hand then."""
    out: dict[Future[R], tuple[_Task[T], float]] = {}
    try:
        while waiting.next() or out:
            while (task := waiting.next()) is not None and _has_room(out, task, many):
                _hand_out(function, waiting.take(), executor, out)
            for future in wait(out, timeout=_POLL_S, return_when=FIRST_COMPLETED).done:
                task = out[future][0]
                result = None if task.done else future.result()
                del out[future]
                if not task.done:
                    task.done = True
                    yield result
            _again_where_slow(function, executor, out, patience_s)
    except Exception as error:
        if not _is_loss(error):
            raise
        _LOG.warning("workers were lost: %s; what they had in hand is tried again", error)
    return list({id(task): task for task, _ in out.values() if not task.done}.values())


def _has_room(out: Mapping[Any, tuple["_Task[T]", float]], task: "_Task[T]", many: int) -> bool:
    if task.alone or any(running.alone for running, _ in out.values()):
        return not out
    return len(out) < _AHEAD * many


def _hand_out(
    function: Callable[[T], R], task: "_Task[T]", executor: Executor, out: dict[Future[R], tuple["_Task[T]", float]]
) -> None:
    out[executor.submit(function, task.task)] = (task, time.monotonic())


def _again_where_slow(
    function: Callable[[T], R], executor: Executor, out: dict[Future[R], tuple["_Task[T]", float]], patience_s: float
) -> None:
    for future, (task, since) in list(out.items()):
        if task.done:
            future.cancel()
            del out[future]
        elif not task.again and time.monotonic() - since > patience_s:
            _LOG.warning("a task takes longer than %.0f s; it is handed out once more", patience_s)
            task.again = True
            _hand_out(function, task, executor, out)


def _alone(task: "_Task[T]", split: Callable[[T], Sequence[T]]) -> list["_Task[T]"]:
    """Return what is left of a task whose workers were lost: its parts, each to be tried by itself."""
    if task.alone:
        return [replace(task, tried=task.tried + 1)]
    return [_Task(task=part, alone=True) for part in split(task.task)]


def _is_loss(error: Exception) -> bool:
    return isinstance(error, BrokenExecutor | CancelledError | OSError) or type(error).__module__.startswith(
        "distributed"
    )
