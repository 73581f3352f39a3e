"""The demo firm's accounts, which hold two share classes of some companies, are planned to their tolerance."""

from dataclasses import replace
from decimal import Decimal

import pytest

from engine.monitor.data_quality import Severity, data_problems
from engine.monitor.positions import measure
from engine.plan.branch_and_bound import tolerance_of
from engine.plan.problem import BP, build_problem
from engine.plan.propose import household_locks
from engine.plan.search import search
from tests.data.demo.conftest import ACCOUNTS


@pytest.fixture(scope="module")
def gaps(demo_market, demo_snapshots, demo_settings):
    """The certified gap of each account that can be planned, before whole shares, bp of its value."""
    found = {}
    for snapshot in demo_snapshots:
        problems = data_problems(snapshot, demo_market, measure(snapshot, demo_market))
        if any(problem.severity is Severity.FENCE for problem in problems):
            continue
        locks = household_locks(snapshot, demo_market)
        problem = build_problem(snapshot, demo_market, demo_settings(snapshot), locks=locks)
        plan = search(problem)
        if plan is not None:
            found[snapshot.account.account_id] = ((plan.objective - plan.bound) * BP, tolerance_of(problem) * BP)
    return found


def test_no_account_is_far_from_the_best_possible_and_nearly_all_are_within_their_tolerance(gaps):
    assert len(gaps) >= 0.9 * ACCOUNTS
    assert max(gap for gap, _ in gaps.values()) < 1.0
    assert sum(gap <= tolerance for gap, tolerance in gaps.values()) >= 0.98 * len(gaps)


def test_a_cap_that_leaves_no_room_for_gains_is_obeyed_to_a_cent(demo_market, demo_snapshots, demo_settings):
    """Its price is then so high that a plan within a solver's tolerance of the cap may lie below the bound."""
    snapshot = next(each for each in demo_snapshots if each.account.account_id == "A00016")
    settings = replace(demo_settings(snapshot), risk_aversion=12.993532803053965, max_net_gain=Decimal(0))
    problem = build_problem(snapshot, demo_market, settings, locks=household_locks(snapshot, demo_market))

    found = search(problem)

    st, lt = found.realised(problem)
    assert (st + lt) * float(problem.value) < 0.05
    assert found.bound <= found.objective
