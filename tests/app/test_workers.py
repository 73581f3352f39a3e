"""Tasks over real processes, some of which die, hang or are killed."""

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from app.steps.workers import Lost, Workers, local, run_all


@dataclass(frozen=True)
class Numbers:
    """A task: numbers to be squared. folder: where each try leaves a mark. deadly: kills its worker, so often."""

    numbers: tuple[int, ...]
    folder: Path
    deadly: int = -1
    times: int = 10**9
    slow: int = -1
    pause_s: float = 0.0

    def parts(self):
        return tuple(replace(self, numbers=(number,)) for number in self.numbers)


def squares(task: Numbers) -> tuple[int, ...]:
    time.sleep(task.pause_s)
    for number in task.numbers:
        tries = len(list(task.folder.glob(f"{number}-*")))
        (task.folder / f"{number}-{tries}-{os.getpid()}").touch()
        if number == task.deadly and tries < task.times:
            os._exit(9)
        if number == task.slow and tries == 0:
            time.sleep(3600)
    return tuple(number**2 for number in task.numbers)


def fails(task: Numbers) -> tuple[int, ...]:
    raise ValueError(f"no squares of {task.numbers}")


def tries_of(folder, number):
    return len(list(folder.glob(f"{number}-*")))


def tasks(folder, **more):
    return [Numbers((n, n + 1, n + 2), folder, **more) for n in range(0, 30, 3)]


def test_each_task_is_done_once(tmp_path):
    found = list(run_all(squares, tasks(tmp_path), local(2), split=Numbers.parts))

    assert sorted(found) == [(n**2, (n + 1) ** 2, (n + 2) ** 2) for n in range(0, 30, 3)]
    assert {tries_of(tmp_path, number) for number in range(30)} == {1}


def test_a_task_that_always_kills_its_worker_is_given_up_alone_and_takes_no_other_with_it(tmp_path):
    found = list(run_all(squares, tasks(tmp_path, deadly=7), local(2), split=Numbers.parts))

    done = sorted(number for each in found if not isinstance(each, Lost) for number in each)
    assert done == [n**2 for n in range(30) if n != 7]
    assert [(each.task.numbers, each.why) for each in found if isinstance(each, Lost)] == [
        ((7,), "its worker was lost 3 times")
    ]


def test_a_worker_that_is_lost_once_costs_nothing_but_time(tmp_path):
    found = list(run_all(squares, tasks(tmp_path, deadly=7, times=1), local(2), split=Numbers.parts))

    assert sorted(number for each in found for number in each) == [n**2 for n in range(30)]


def test_a_task_that_hangs_is_handed_out_once_more_and_the_first_answer_counts(tmp_path):
    began = time.monotonic()

    found = list(run_all(squares, tasks(tmp_path, slow=7), local(2), split=Numbers.parts, patience_s=6.0))

    assert sorted(number for each in found for number in each) == [n**2 for n in range(30)]
    assert tries_of(tmp_path, 7) == 2  # the second time by another worker
    assert time.monotonic() - began < 60


def test_what_the_function_raises_is_raised_here(tmp_path):
    with pytest.raises(ValueError, match="no squares of"):
        list(run_all(fails, tasks(tmp_path), local(2), split=Numbers.parts))


def test_tasks_are_made_when_workers_have_room_for_them(tmp_path):
    """Two workers have at most three tasks each in hand."""
    made = []

    def fresh():
        for task in tasks(tmp_path):
            made.append(task)
            yield task

    results = run_all(squares, fresh(), local(2), split=Numbers.parts)
    next(results)
    first = len(made)

    assert first <= 7
    assert len(list(results)) == 9


def test_workers_are_opened_again_after_they_were_lost(tmp_path):
    opened = []
    two = local(2)

    def counted():
        opened.append(1)
        return two.open()

    list(
        run_all(squares, tasks(tmp_path, deadly=7, times=2), Workers(open=counted, many=two.many), split=Numbers.parts)
    )

    assert len(opened) == 3
