"""The optimiser's own checks and the second checker, written apart, come to the same answer on plans made by chance."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D

import numpy as np
import pytest

from engine.domain.plans import PlanStatus, Side, Verdict
from engine.domain.settings import WashSalePolicy
from engine.plan.document import plan_document, plan_from_document
from engine.plan.evaluate import evaluate_trades
from engine.plan.propose import propose_plan
from engine.review.checker import failures, second_opinion
from tests.engine.plan.featured_case import FEATURES, featured_case

CENT = D("0.01")


def mixed(case, seed):
    """A random account, with the features that it has not by itself: each in some of them."""
    snapshot, market, settings, _ = case
    rng = np.random.default_rng([seed, 7])

    def perhaps(share):
        return bool(rng.random() < share)

    extra = {"whole_shares": perhaps(0.6), "net_taxes": perhaps(0.25), "liquidate": perhaps(0.05)}
    extra |= {"wash_sales": WashSalePolicy.ALLOW} if perhaps(0.3) else {}
    extra |= {"max_trades": int(rng.integers(2, 8))} if perhaps(0.2) else {}
    extra |= {"max_names": int(rng.integers(3, 10))} if perhaps(0.2) else {}
    extra |= {"max_tracking_error": float(rng.choice([0.02, 0.05, 0.1]))} if perhaps(0.2) else {}
    year = {"ytd_st_gain": D(int(rng.integers(-9000, 9000))), "lt_carryforward": D(int(rng.integers(0, 9000)))}
    book = replace(snapshot.book, account=replace(snapshot.account, **year))
    books = tuple(book if b is snapshot.book else b for b in snapshot.household_books)
    return given(replace(snapshot, book=book, household_books=books), market, rng), market, replace(settings, **extra)


def given(snapshot, market, rng):
    """The account with some of its lots received as a gift, worth more or less that day than its cost and its price."""
    lots = []
    for lot in snapshot.lots:
        if rng.random() < 0.3:
            price = D(round(float(market.marks[lot.security_id].price) * float(rng.uniform(0.7, 1.4)), 2)).quantize(
                CENT
            )
            days = int(rng.integers(0, (snapshot.as_of - lot.acquired).days + 1))
            lot = replace(lot, gift_price=price, gift_date=lot.acquired + timedelta(days))
        lots.append(lot)
    book = replace(snapshot.book, lots=tuple(lots))
    books = tuple(book if b.account.account_id == book.account.account_id else b for b in snapshot.household_books)
    return replace(snapshot, book=book, household_books=books)


def as_stated(plan, run):
    return plan_from_document(plan_document(plan, run))[0]


def faults(plan, snapshot, market):
    return {check.rule: check.detail for check in failures(second_opinion(plan, snapshot, market))}


@pytest.mark.parametrize("seed", range(160))
def test_a_proposal_that_passes_its_own_checks_passes_the_second(random_case, seed):
    snapshot, market, settings = mixed(random_case(8000 + seed), seed)

    plan = as_stated(*propose_plan(snapshot, market, settings, inputs_hash="0" * 64))

    if plan.status is not PlanStatus.INFEASIBLE:
        assert faults(plan, snapshot, market) == {}


@pytest.mark.parametrize("seed", range(len(FEATURES) + 30))
def test_a_proposal_with_each_feature_alone_and_with_many_passes_the_second(market_of, account_of, seed):
    snapshot, market, settings, _ = featured_case(seed, market_of, account_of)
    settings = replace(settings, whole_shares=seed % 2 == 0)

    plan = as_stated(*propose_plan(snapshot, market, settings, inputs_hash="0" * 64))

    if plan.status is not PlanStatus.INFEASIBLE:
        assert faults(plan, snapshot, market) == {}


@pytest.mark.parametrize("seed", range(60))
def test_trades_set_by_hand_fail_in_both_opinions_or_in_neither(random_case, seed):
    snapshot, market, settings = mixed(random_case(8500 + seed), seed)
    settings = replace(settings, liquidate=False)  # there a person may keep a name against a warning
    proposed, _ = propose_plan(snapshot, market, settings, inputs_hash="0" * 64)
    before = {t.security_id: t.quantity if t.side is Side.BUY else -t.quantity for t in proposed.trades}
    rng = np.random.default_rng(seed)
    reach = 200 if seed % 2 else 4
    wanted = dict(before)
    for name in rng.choice(sorted(market.securities), size=2, replace=False).tolist():
        held = sum((lot.quantity for lot in snapshot.lots if lot.security_id == name), D(0))
        wanted[name] = max(wanted.get(name, D(0)) + int(rng.integers(-reach, reach)), -held)
    edited = tuple(name for name, shares in wanted.items() if shares != before.get(name, D(0)))

    plan = as_stated(
        *evaluate_trades(
            snapshot, market, settings, {name: shares for name, shares in wanted.items() if shares},
            inputs_hash="0" * 64, edited=edited,
        )
    )  # fmt: skip

    own = [check for check in plan.checks if check.verdict is Verdict.FAIL]
    second = faults(replace(plan, status=PlanStatus.FEASIBLE), snapshot, market)
    assert bool(own) == bool(second), (own, second)


def test_every_feature_is_in_some_of_the_accounts(random_case):
    cases = [mixed(random_case(8000 + seed), seed) for seed in range(160)]
    settings = [case[2] for case in cases]

    assert sum(s.wash_sales is WashSalePolicy.ALLOW for s in settings) > 20
    assert sum(s.net_taxes for s in settings) > 20
    assert sum(not s.whole_shares for s in settings) > 20
    assert sum(s.max_trades is not None for s in settings) > 10
    assert sum(bool(case[0].household_books[1].transactions) for case in cases) > 40
