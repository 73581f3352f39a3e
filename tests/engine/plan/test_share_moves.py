"""The compiled search for whole shares counts what the objective counts, and ends where no share or pair is better."""

from dataclasses import replace
from decimal import Decimal as D
from itertools import product

import numpy as np
import pytest

from engine.domain.settings import PlanSettings
from engine.plan.outcome import outcome
from engine.plan.problem import build_problem
from engine.plan.rounding import tradable_shares
from engine.plan.search import search
from engine.plan.share_book import open_book, shares
from engine.plan.share_moves import improve, judge, repair, take

FEATURES = {
    "plain": {},
    "impact": {"impact_bp": 80.0},
    "netted": {"net_taxes": True},
    "tracking": {"max_tracking_error": 0.03},
}


def opened(random_case, seed, **changes):
    """The problem, the plan's orders and its shares, or None where there is no plan."""
    snapshot, market, settings, locks = random_case(seed)
    traded = {name: replace(s, adv_usd=D(2_000_000)) for name, s in market.securities.items()}
    market = replace(market, securities=traded)
    problem = build_problem(snapshot, market, replace(settings, **changes), locks=locks)
    found = search(problem)
    if found is None:
        return None
    orders = found.orders(problem)
    return problem, found, orders, open_book(problem, found, orders)


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("seed", [202, 205, 211, 214, 226, 233])
def test_what_a_step_is_said_to_cost_is_what_the_objective_changes_by(random_case, feature, seed):
    made = opened(random_case, seed, **FEATURES[feature])
    if made is None:
        return
    problem, _, orders, book = made
    n, rng = len(problem.names), np.random.default_rng(seed)
    cost, change = np.empty(2 * n), np.empty(2 * n)
    before = outcome(problem, shares(problem, book), orders)

    for _ in range(12):
        judge(book, cost, change)
        ways = np.flatnonzero(book.next_open)
        if not len(ways):
            return
        chosen = int(rng.choice(ways))
        said = float(cost[chosen])
        take(book, chosen)
        after = outcome(problem, shares(problem, book), orders)

        # Breaches beyond what the account already had are forbidden, not priced, and outcome prices them all the same.
        assert after.total - after.breach - (before.total - before.breach) == pytest.approx(
            said - (priced(problem, after) - priced(problem, before)), abs=1e-9
        )
        before = after


def priced(problem, done):
    """What breaches cost, each row's up to what the account already had."""
    total, made = 0.0, float((done.year.st + done.year.lt) / problem.value)
    for name, u in zip(problem.names, done.trade, strict=True):
        if not problem.settings.enforce:
            total += sum(max(u - b.at if b.upper else b.at - u, 0.0) for b in name.bounds if b.is_broken)
    for row in problem.rows:
        value = float(row.up @ np.maximum(done.trade, 0) + row.down @ np.maximum(-done.trade, 0))
        value = made if row.by_lot_gain else value
        total += min(max(value - row.hi, 0.0), row.slack_above) + min(max(row.lo - value, 0.0), row.slack_below)
    return problem.penalty * total


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("seed", range(200, 230, 3))
def test_no_share_and_no_pair_of_shares_would_still_be_better(random_case, feature, seed):
    made = opened(random_case, seed, **FEATURES[feature])
    if made is None:
        return
    problem, _, orders, book = made
    if repair(book) > 1e-10:
        return
    improve(book)
    n = len(problem.names)
    cost, change = np.empty(2 * n), np.empty(2 * n)
    judge(book, cost, change)

    assert (cost[change <= 0.0] > -1e-9).all()
    ends = shares(problem, book)
    best = outcome(problem, ends, orders).total
    for a, b in product(np.flatnonzero(book.next_open).tolist(), repeat=2):
        if a % n == b % n:
            continue
        tried = list(ends)
        for c in (a, b):
            i = c % n
            size = problem.names[i].security.lot_size or D(1)
            tried[i] = -problem.names[i].shares if book.next_left[c] else int(book.next_at[c]) * size
        done = outcome(problem, tried, orders)
        if keeps_all(problem, done):
            assert done.total >= best - 1e-9


def keeps_all(problem, done):
    made = float((done.year.st + done.year.lt) / problem.value)
    for row in problem.rows:
        value = float(row.up @ np.maximum(done.trade, 0) + row.down @ np.maximum(-done.trade, 0))
        value = made if row.by_lot_gain else value
        if value > row.hi + row.slack_above + 1e-12 or value < row.lo - row.slack_below - 1e-12:
            return False
    limit = problem.settings.max_tracking_error
    return limit is None or done.variance <= limit**2


@pytest.mark.parametrize("whole", [D("40"), D("40.5")])
def test_a_name_on_the_piece_that_leaves_is_sold_whole_with_its_fraction(market_of, account_of, as_of, whole):
    # B is off the model and may not stay.
    market = market_of({"A": 100, "B": 10}, {"A": "1"})
    lots = (("a", "A", 900, 100, as_of.replace(year=2024)), ("b", "B", whole, 10, as_of.replace(year=2024)))
    settings = PlanSettings(exclude=("B",), max_active_weight=None, max_sector_active=None)
    problem = build_problem(account_of(500, *lots), market, settings, locks=())
    found = search(problem)

    assert tradable_shares(problem, found, found.orders(problem))[1] == -whole


@pytest.mark.parametrize("share", [0.97, 0.9])
@pytest.mark.parametrize("seed", [304, 312, 320, 333, 350, 361, 377, 390])
def test_whole_shares_keep_a_limit_on_the_tracking_error(random_case, seed, share):
    snapshot, market, settings, locks = random_case(seed)
    free = search(build_problem(snapshot, market, settings, locks=locks))
    if free is None:
        return
    problem = build_problem(snapshot, market, settings, locks=locks)
    active = free.trade[: len(problem.names)] - problem.shortfall
    error = np.sqrt(np.sum((active @ problem.loadings) ** 2) + problem.specific @ active**2)
    limited = replace(settings, max_tracking_error=float(share * error))
    problem = build_problem(snapshot, market, limited, locks=locks)
    found = search(problem)
    if found is None:
        return
    orders = found.orders(problem)

    done = outcome(problem, tradable_shares(problem, found, orders), orders)

    assert np.sqrt(done.variance) <= share * error + 1e-6
