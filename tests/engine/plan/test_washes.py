"""Where wash sales are allowed, the loss on as many shares as were bought lately is worth less, and no other."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D

import numpy as np
import pytest

from engine.domain.accounts import AccountBook, Lot, Registration, Transaction, TransactionType
from engine.domain.settings import LotMethod, PlanSettings, WashSalePolicy
from engine.plan.evaluate import evaluate_trades
from engine.plan.pieces import piece_table
from engine.plan.problem import build_problem
from engine.plan.propose import household_locks, propose_plan
from engine.plan.search import search
from engine.tax.wash_sales import ledger
from tests.engine.plan.brute_force import best_plan

AS_OF = date(2026, 11, 20)
LONG_AGO, LATELY = date(2024, 1, 5), date(2026, 8, 3)
ALLOW = {
    "wash_sales": WashSalePolicy.ALLOW, "carryforward_value": 0.5, "risk_aversion": 0.0, "cost_bp": 0.0,
    "min_cash": 0.0, "max_cash": 1.0, "max_active_weight": None, "max_sector_active": None,
}  # fmt: skip


def other_book(account, label, registration, *bought, name="A", price=100):
    """An account of the same household with purchases (days ago, shares), all still held; < 0 days ago: arranged."""
    rows, lots = [], []
    for k, (days, shares) in enumerate(bought):
        on = AS_OF - timedelta(days)
        rows.append(
            Transaction(
                transaction_id=f"{label}{k}", account_id=label, trade_date=on, security_id=name,
                type=TransactionType.BUY, quantity=D(shares), price=D(price), lot_id=f"{label}{k}",
            )
        )  # fmt: skip
        lots += [
            Lot(
                account_id=label, lot_id=f"{label}{k}", security_id=name, quantity=D(shares), cost_per_share=D(price),
                acquired=on,
            )
        ] if days >= 0 else []  # fmt: skip
    account = replace(account, account_id=label, registration=registration)
    return AccountBook(account=account, lots=tuple(lots), transactions=tuple(rows))


def household(account_of, *books_of, lots=(("a", "A", 100, 120, LONG_AGO),), cash=0):
    """100 shares of A at 100 USD, bought at 120: 20 % of what is sold is loss, worth 25 % of that, 5 % of proceeds."""
    snapshot = account_of(cash, *lots)
    books = [other_book(snapshot.account, *of) for of in books_of]
    return replace(snapshot, household_books=(snapshot.book, *books))


def problem_of(market_of, snapshot, **changes):
    market = market_of({"A": 100, "B": 100}, {"A": "0.5", "B": "0.5"})
    settings = PlanSettings(**{**ALLOW, **changes})
    return build_problem(snapshot, market, settings, locks=household_locks(snapshot, market)), market, settings


def costs(problem, *trades):
    """What trades of A cost, fractions of V, read off its pieces."""
    table = piece_table(problem)
    found = []
    for u in trades:
        options = []
        for p in table.pieces_of[0]:
            if table.lo[p] - 1e-12 <= u <= table.hi[p] + 1e-12:
                own = slice(table.first_segment[p], table.first_segment[p + 1])
                step = np.clip(u - table.start[own], 0.0, table.length[own])
                slope = table.gradient[own] + table.curvature[own] * step / 2
                options.append(table.value[p] + float(slope @ step))
        found.append(min(options))
    return found


def test_a_deferred_loss_is_worth_half_on_the_first_forty_shares_by_hand(market_of, account_of):
    # 40 shares were bought 9 days ago in a taxable account. Of 100 sold at a loss of 20 USD at 25 %, each saves 5 USD;
    # the first 40 half of that later: 100, 50 and 0 USD of 10,000 for 40, 20 and none; 400 USD for all.
    problem, _, _ = problem_of(market_of, household(account_of, ("T", Registration.TAXABLE, (9, 40))))

    assert costs(problem, 0.0, -0.2, -0.4, -0.7, -1.0) == pytest.approx([0, -0.005, -0.01, -0.025, -0.04], abs=1e-12)


@pytest.mark.parametrize("registration", [Registration.IRA, Registration.ROTH])
def test_behind_an_ira_the_first_forty_shares_save_nothing_ever_by_hand(market_of, account_of, registration):
    problem, _, _ = problem_of(market_of, household(account_of, ("R", registration, (9, 40))))

    assert costs(problem, 0.0, -0.2, -0.4, -0.7, -1.0) == pytest.approx([0, 0, 0, -0.015, -0.03], abs=1e-12)


def test_replacements_catch_in_the_order_of_their_purchase_by_hand(market_of, account_of):
    # The IRA's 30 shares of 20 days ago catch first, then the taxable account's 20 of 9 days ago.
    snapshot = household(account_of, ("T", Registration.TAXABLE, (9, 20)), ("R", Registration.IRA, (20, 30)))
    problem, _, _ = problem_of(market_of, snapshot)

    assert costs(problem, -0.3, -0.5, -1.0) == pytest.approx([0, -0.005, -0.03], abs=1e-12)


@pytest.mark.parametrize(("days", "caught"), [(30, True), (31, False), (0, True)])
def test_a_purchase_catches_for_thirty_days_and_no_longer(market_of, account_of, days, caught):
    problem, _, _ = problem_of(market_of, household(account_of, ("R", Registration.IRA, (days, 40))))

    assert costs(problem, -0.4) == pytest.approx([0.0 if caught else -0.02], abs=1e-12)


def test_more_replacements_than_shares_catch_no_more_than_is_sold(market_of, account_of):
    problem, _, _ = problem_of(market_of, household(account_of, ("R", Registration.IRA, (9, 400))))

    assert costs(problem, -0.5, -1.0) == pytest.approx([0, 0], abs=1e-12)


def test_a_lot_given_lately_is_itself_no_replacement_by_hand(market_of, account_of):
    # The donor bought it 5 days ago and gave it 2 days ago at its basis of 120: 20 USD lost at 40 %, 8 USD a share.
    # The 40 shares bought 9 days ago elsewhere defer half of that on the first 40: 160 USD of 10,000, 640 for all.
    lots = (("a", "A", 100, 120, AS_OF - timedelta(5)),)
    snapshot = household(account_of, ("T", Registration.TAXABLE, (9, 40)), lots=lots)
    given = replace(snapshot.lots[0], gift_price=D(120), gift_date=AS_OF - timedelta(2))
    book = replace(snapshot.book, lots=(given,))
    snapshot = replace(snapshot, book=book, household_books=(book, *snapshot.household_books[1:]))
    problem, _, _ = problem_of(market_of, snapshot)

    assert costs(problem, -0.4, -1.0) == pytest.approx([-0.016, -0.064], abs=1e-12)


def test_losses_go_by_acquisition_and_before_gains_by_hand(market_of, account_of):
    # Oldest first: 50 shares that lose 10 USD (LT), then 50 that lose 40 (ST, worth 16 each), then 50 that gain. 40 are
    # caught behind an IRA, all of them of the first lot, which has 10 left: 25 USD.
    lots = (
        ("gain", "A", 50, 60, date(2023, 1, 2)), ("old", "A", 50, 110, LONG_AGO), ("new", "A", 50, 140, LATELY),
    )  # fmt: skip
    problem, _, _ = problem_of(market_of, household(account_of, ("R", Registration.IRA, (9, 40)), lots=lots))

    expected = [0, -25, -25 - 800, -825 + 500]
    assert np.multiply(costs(problem, *(-shares / 150 for shares in (40, 50, 100, 150))), 15_000) == pytest.approx(
        expected, abs=1e-8
    )


def test_a_lot_bought_in_the_window_stays_though_losses_may_be_taken(market_of, account_of):
    lots = (("a", "A", 100, 120, LONG_AGO), ("fresh", "A", 10, 130, AS_OF - timedelta(5)))
    problem, _, _ = problem_of(market_of, household(account_of, lots=lots))

    blocked = {lot.lot.lot_id: lot.blocked for lot in problem.names[0].lots}
    assert blocked == {"a": None, "fresh": "wash_sale_lock"}
    # It is itself a replacement: the loss on the first 10 shares sold is deferred, half of 5 USD each.
    assert costs(problem, -10 / 110) == pytest.approx([-25 / 11_000], abs=1e-12)


def test_under_block_nothing_of_it_is_sold(market_of, account_of):
    snapshot = household(account_of, ("T", Registration.TAXABLE, (9, 1)))
    problem, _, _ = problem_of(market_of, snapshot, wash_sales=WashSalePolicy.BLOCK)

    assert {lot.blocked for lot in problem.names[0].lots} == {"wash_sale_lock"}


def test_a_name_with_a_twin_stays_blocked(market_of, account_of):
    snapshot = household(account_of, ("T", Registration.TAXABLE, (9, 1)))
    twins = {name: {"identical_group": "TWINS"} for name in "AB"}
    market = market_of({"A": 100, "B": 100}, {"A": "0.5", "B": "0.5"}, **twins)
    problem = build_problem(snapshot, market, PlanSettings(**ALLOW), locks=household_locks(snapshot, market))

    assert {lot.blocked for lot in problem.names[0].lots} == {"wash_sale_lock"}


def test_nothing_is_worth_selling_for_a_loss_that_is_lost_by_hand(market_of, account_of):
    # 40 of 100 shares are caught behind an IRA and a sale costs 1 %: the first 40 cost 40 USD for nothing,
    # all 100 save 300 USD for 100 USD: it is all or none.
    snapshot = household(account_of, ("R", Registration.IRA, (9, 40)))
    problem, _, _ = problem_of(market_of, snapshot, cost_bp=100.0)

    found = search(problem)

    assert found.trade[0] == pytest.approx(-1.0)
    assert found.objective == pytest.approx(-0.02, abs=1e-9)
    assert found.bound <= -0.02 + 1e-9
    dear, _, _ = problem_of(market_of, snapshot, cost_bp=320.0)
    assert search(dear).trade[0] == pytest.approx(0.0, abs=1e-12)


def plan_with_losses(market_of, account_of, *books, **changes):
    lots = (("a1", "A", 60, 120, LONG_AGO), ("a2", "A", 60, 150, LATELY), ("a3", "A", 30, 80, LONG_AGO))
    snapshot = household(account_of, *books, lots=lots, cash=5_000)
    problem, market, settings = problem_of(
        market_of, snapshot, **{"risk_aversion": 5.0, "min_cash": 0.0, "max_cash": 0.6, **changes}
    )
    return snapshot, problem, market, settings


BOOKS = {
    "deferred": [("T", Registration.TAXABLE, (9, 40))],
    "lost": [("R", Registration.IRA, (9, 40))],
    "both, and more than one lot": [("T", Registration.TAXABLE, (3, 30), (12, 15)), ("R", Registration.IRA, (6, 50))],
    "more than is held": [("T", Registration.TAXABLE, (3, 500))],
}


@pytest.mark.parametrize("books", BOOKS)
def test_the_ledger_disallows_exactly_what_the_plan_announces(market_of, account_of, books):
    snapshot, _, market, settings = plan_with_losses(market_of, account_of, *BOOKS[books])

    plan, _ = propose_plan(snapshot, market, settings, inputs_hash="")

    assert plan.trades
    assert plan.tax.disallowed == disallowed_by_the_ledger(snapshot, market, plan)
    trades = {t.security_id: t.quantity if t.side.value == "buy" else -t.quantity for t in plan.trades}
    again, _ = evaluate_trades(snapshot, market, settings, trades, inputs_hash="", edited=())
    assert again.tax.disallowed == plan.tax.disallowed
    assert again.objective.total == pytest.approx(plan.objective.total, abs=1e-6)


def disallowed_by_the_ledger(snapshot, market, plan):
    """Book the plan's sales lot by lot in the household's books, and read the ledger."""
    rows = [
        Transaction(
            transaction_id=f"sold {sale.lot_id}", account_id="A", trade_date=AS_OF, security_id=trade.security_id,
            type=TransactionType.SELL, quantity=sale.quantity, price=trade.price, lot_id=sale.lot_id,
            basis=sale.quantity * trade.price - sale.gain,
        )
        for trade in plan.trades
        for sale in trade.lots
    ]  # fmt: skip
    sold = {sale.lot_id: sale.quantity for trade in plan.trades for sale in trade.lots}
    left = tuple(
        replace(lot, quantity=lot.quantity - sold.get(lot.lot_id, 0))
        for lot in snapshot.lots
        if lot.quantity > sold.get(lot.lot_id, 0)
    )
    own = replace(snapshot.book, lots=left, transactions=(*snapshot.book.transactions, *rows))
    groups = {name: security.group for name, security in market.securities.items()}
    played = ledger([own, *snapshot.household_books[1:]], as_of=AS_OF, groups=groups)
    return sum((loss.disallowed for loss in played.losses), D(0))


@pytest.mark.parametrize("books", BOOKS)
@pytest.mark.parametrize("method", [LotMethod.OPTIMAL, LotMethod.FIFO])
def test_the_plans_tax_is_that_of_allowed_losses_now_and_deferred_ones_later(market_of, account_of, books, method):
    """Tax of every share sold, worked out share by share in the order of the books."""
    snapshot, problem, market, settings = plan_with_losses(market_of, account_of, *BOOKS[books], lot_method=method)

    plan, _ = propose_plan(snapshot, market, replace(settings, whole_shares=True), inputs_hash="")

    waiting = [
        (days, registration is Registration.TAXABLE)
        for _, registration, *bought in BOOKS[books]
        for days, shares in bought
        for _ in range(shares)
    ]
    waiting.sort(key=lambda share: -share[0])
    rate = {"a1": (0.25, -20.0), "a2": (0.4, -50.0), "a3": (0.25, 20.0)}
    quantity = {sale.lot_id: int(sale.quantity) for trade in plan.trades for sale in trade.lots}
    tax = 0.0
    for lot in ("a1", "a2", "a3"):
        for _ in range(quantity.get(lot, 0)):
            own, gain = rate[lot]
            kept = 1.0
            if gain < 0 and waiting:
                kept = 0.5 if waiting.pop(0)[1] else 0.0
            tax += own * gain * kept
    assert plan.objective.tax == pytest.approx(tax / float(problem.value) * 1e4, abs=1e-3)


@pytest.mark.parametrize("books", BOOKS)
def test_net_gain_counts_no_loss_that_is_disallowed(market_of, account_of, books):
    """A cap of zero: gains may be taken only against losses that count."""
    _, problem, _, _ = plan_with_losses(market_of, account_of, *BOOKS[books], max_net_gain=D(0), exclude=("A",))

    found = search(problem)

    losses = {
        "deferred": 20 * 20 + 60 * 50,
        "lost": 20 * 20 + 60 * 50,
        "both, and more than one lot": 25 * 50,
        "more than is held": 0,
    }[books]
    assert (found is not None) == (losses >= 30 * 20)


def test_a_household_without_recent_purchases_plans_the_same_either_way(market_of, account_of):
    allow, block = (
        plan_with_losses(market_of, account_of, wash_sales=policy)[1]
        for policy in (WashSalePolicy.ALLOW, WashSalePolicy.BLOCK)
    )

    assert search(allow).trade == pytest.approx(search(block).trade, abs=1e-9)


@pytest.mark.parametrize("books", BOOKS)
def test_more_is_never_lost_by_being_allowed_to_sell(market_of, account_of, books):
    allow, block = (
        plan_with_losses(market_of, account_of, *BOOKS[books], wash_sales=policy)[1]
        for policy in (WashSalePolicy.ALLOW, WashSalePolicy.BLOCK)
    )

    free, kept = search(allow), search(block)

    assert free.bound <= kept.objective + 1e-9
    assert free.objective <= kept.objective + allow.settings.gap_tolerance_bp * 1e-4
    assert best_plan(block).objective == pytest.approx(kept.objective, abs=1e-6)


@pytest.mark.parametrize(("days_ahead", "locked"), [(1, True), (30, True), (31, False)])
@pytest.mark.parametrize("registration", list(Registration))
def test_a_purchase_arranged_within_thirty_days_locks_a_loss_today(
    market_of, account_of, registration, days_ahead, locked
):
    snapshot = household(account_of, ("T", registration, (-days_ahead, 10)))
    problem, _, _ = problem_of(market_of, snapshot, wash_sales=WashSalePolicy.BLOCK)

    assert {lot.blocked for lot in problem.names[0].lots} == {"wash_sale_lock" if locked else None}


def test_a_kept_loss_says_on_which_day_it_is_free_by_hand(market_of, account_of):
    # A reinvestment 12 days ahead: 12 + 31 days from 2026-11-20 is 2027-01-02.
    snapshot = household(account_of, ("T", Registration.IRA, (-12, 10)))
    _, market, settings = problem_of(market_of, snapshot, wash_sales=WashSalePolicy.BLOCK)

    plan, _ = propose_plan(snapshot, market, settings, inputs_hash="")

    [kept] = plan.not_harvested
    assert kept.code == "wash_sale_lock"
    assert "free on 2027-01-02" in kept.sentence


def test_where_it_is_allowed_a_purchase_to_come_catches_after_those_made_by_hand(market_of, account_of):
    # 30 shares of the IRA, bought 9 days ago, catch for good; then 20 that a taxable account buys in 12 days defer.
    snapshot = household(account_of, ("R", Registration.IRA, (9, 30)), ("T", Registration.TAXABLE, (-12, 20)))
    problem, market, settings = problem_of(market_of, snapshot)

    assert costs(problem, -0.3, -0.5, -1.0) == pytest.approx([0, -0.005, -0.03], abs=1e-12)
    plan, _ = evaluate_trades(snapshot, market, settings, {"A": D(-100)}, inputs_hash="", edited=("A",))
    caught = [(m.account_id, m.on, m.quantity, m.disallowed, m.deferred) for m in plan.trades[0].washed]
    assert caught == [
        ("R", AS_OF - timedelta(9), 30, 600, False),
        ("T", AS_OF + timedelta(12), 20, 400, True),
    ]
    assert plan.tax.disallowed == 1_000
