"""Are the accounts that the engine is measured on what they are said to be?"""

from dataclasses import fields, replace

import numpy as np
import pytest

from benchmarks.families import FAMILIES, fresh, instances
from benchmarks.fixed_sides import fixed_sides
from benchmarks.modelled import modelled_relaxation
from engine.domain.plans import LockRule
from engine.plan.problem import BP
from engine.plan.propose import household_locks
from engine.plan.search import search

CLOSE_BP = 0.01
SMALL = {"names": 60, "factors": 20}


def account_of(name):
    family = next(family for family in FAMILIES if family.name == name)
    return instances(family, **SMALL, count=1)[0]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_the_same_number_is_the_same_account_and_another_number_another(family):
    first, second = instances(family, **SMALL, count=2)

    again = instances(family, **SMALL, count=1, first=0)[0]

    assert (again.snapshot, again.settings) == (first.snapshot, first.settings)
    assert second.snapshot != first.snapshot


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_family_has_locks_bans_bands_and_a_plan(family):
    account = instances(family, **SMALL, count=1)[0]

    problem = account.problem()

    assert {lock.rule for lock in household_locks(account.snapshot, account.market)} == set(LockRule)
    assert len(account.snapshot.restrictions) == 13
    assert sum(row.rule.startswith("active f") for row in problem.rows) == 5
    assert search(problem) is not None


def test_after_a_fall_more_of_the_money_stands_at_a_loss_than_after_a_rally():
    at_a_loss = {}
    for name in ("rally", "drawdown"):
        lots = [entry for own in account_of(name).problem().names for entry in own.lots]
        weights = np.array([entry.weight for entry in lots])
        at_a_loss[name] = weights @ [entry.is_loss for entry in lots] / weights.sum()

    assert at_a_loss["drawdown"] > 0.6 > 0.4 > at_a_loss["rally"]


def test_a_gains_budget_binds():
    account = account_of("withdrawal")
    free = replace(account, settings=replace(account.settings, max_net_gain=None))

    assert search(account.problem()).objective > search(free.problem()).objective


def test_a_problem_made_fresh_has_its_arrays_and_nothing_else_that_a_search_worked_out():
    problem = account_of("deposit").problem()
    found = search(problem)

    again = fresh(problem)

    assert set(vars(again)) - {field.name for field in fields(problem)} == {"prepared", "frame"}
    assert search(again).objective == found.objective


@pytest.mark.parametrize("name", ["drawdown", "transition"])
def test_the_other_ways_solve_the_same_problem(name):
    """The modelled relaxation bounds the plan as closely as the engine's does; fixing sides can only do worse."""
    problem = account_of(name).problem(gap_tolerance_bp=0.001)
    found = search(problem)

    relaxed, sides = modelled_relaxation(problem, runs=1), fixed_sides(problem)

    assert relaxed.objective * BP <= found.objective * BP + CLOSE_BP
    assert sides.objective * BP >= found.bound * BP - CLOSE_BP
    assert sides.bound <= relaxed.objective + CLOSE_BP / BP
