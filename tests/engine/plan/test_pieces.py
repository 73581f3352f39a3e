"""A name's pieces together are its cost: held against a plain function of its lots, limits and settings, on a grid."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D

import numpy as np
import pytest

from engine.domain.accounts import Restriction, Rule
from engine.domain.settings import LotMethod, PlanSettings, WashSalePolicy
from engine.plan.frame import frame_of
from engine.plan.pieces import piece_table
from engine.plan.problem import build_problem

SEEDS = range(700, 740)
LONG_AGO = date(2024, 1, 5)
ORDERED = (LotMethod.HIFO, LotMethod.FIFO, LotMethod.LIFO)
PER_TRADE, PER_NAME = 3e-4, 5e-4
CLOSE = 1e-11  # weights nearer than this are the same
FREE = {"max_active_weight": None, "max_sector_active": None}


def problem_of(case, **changes):
    """The case's problem; every other security has a day's volume, so that market impact counts."""
    snapshot, market, settings, locks = case
    changes = {"wash_sales": WashSalePolicy.ALLOW, **changes}
    securities = {
        name: replace(security, adv_usd=D(2_000_000)) if i % 2 else security
        for i, (name, security) in enumerate(market.securities.items())
    }
    return build_problem(snapshot, replace(market, securities=securities), replace(settings, **changes), locks=locks)


def has_ordered_lots(problem, name):
    return problem.settings.lot_method in ORDERED or name.loses_in_order


def lots_sold(problem, name, weight, *, gains_only, by):
    """How much of each lot a sale of this weight closes: in the name's own order, or the cheapest first."""
    lots = list(name.sellable)
    if gains_only and has_ordered_lots(problem, name):
        lots = lots[: next((k for k, lot in enumerate(lots) if lot.is_loss), len(lots))]
    elif gains_only:
        lots = [lot for lot in lots if not lot.is_loss]
    if not has_ordered_lots(problem, name):
        lots.sort(key=by)
    for lot in lots:
        part = min(weight, lot.weight)
        yield lot, part
        weight -= part


def tax_of(problem, lot):
    return problem.settings.tax_weight * lot.tax


def cost_of(problem, name, u, *, gains_only=False):
    """Tax, trading cost, tilt, impact, own risk and the price of limits that stay broken, written out."""
    settings, active = problem.settings, u - name.shortfall
    total = (
        settings.risk_aversion * name.specific * active**2 + name.impact * u**2 + name.cost * abs(u) - name.alpha * u
    )
    for lot, part in lots_sold(problem, name, max(-u, 0.0), gains_only=gains_only, by=lambda x: tax_of(problem, x)):
        total += tax_of(problem, lot) * part
    for bound in name.bounds:
        if bound.is_broken and not settings.enforce:
            total += problem.penalty * max(u - bound.at if bound.upper else bound.at - u, 0.0)
    return total


def may_trade(problem, name, u, *, gains_only=False):
    """Whether the rules of this name alone allow the trade u."""
    rules, most = name.rules, sum(lot.weight for lot in name.sellable)
    if rules.must_exit:
        return abs(u + most) <= CLOSE and not gains_only
    if u < -most - CLOSE or (u > CLOSE and rules.no_buy) or u > max(0.0, 1.0 - name.held) + CLOSE:
        return False
    is_exit = len(name.sellable) == len(name.lots) and abs(u + name.held) <= CLOSE and not gains_only
    if CLOSE < abs(u) < problem.min_trade - CLOSE and not is_exit:
        return False
    for bound in name.bounds:
        at = 0.0 if bound.is_broken and not problem.settings.enforce else bound.at
        if (u - at if bound.upper else at - u) > CLOSE:
            return False
    if gains_only:
        most = sum(w for _, w in lots_sold(problem, name, 1.0, gains_only=True, by=lambda x: tax_of(problem, x)))
        return -most - CLOSE <= u < 0
    return True


def piece_cost(table, p, u):
    total = table.value[p]
    for j in range(table.first_segment[p], table.first_segment[p + 1]):
        step = min(max(u - table.start[j], 0.0), table.length[j])
        total += (table.gradient[j] + table.curvature[j] * step / 2) * step
    return total


def row_values(table, p, u):
    values = table.rows[:, p].copy()
    for j in range(table.first_segment[p], table.first_segment[p + 1]):
        values += table.rates[:, j] * min(max(u - table.start[j], 0.0), table.length[j])
    return values


def grid(problem, table, i):
    """Trades of name i worth a look: an even grid, and around every place where a piece or a segment ends."""
    name = problem.names[i]
    own = table.pieces_of[i]
    segments = np.isin(table.piece, own)
    ends = [*table.lo[own], *table.hi[own], *table.start[segments], -name.held, 0.0, problem.min_trade]
    ends += [bound.at for bound in name.bounds] + [-problem.min_trade]
    near = [end + step for end in ends for step in (-1e-6, 0.0, 1e-6)]
    return [*np.linspace(-name.held - 0.02, max(1.0 - name.held, 0.02) + 0.02, 61), *near]


def on_piece(table, p, u):
    return table.lo[p] - CLOSE <= u <= table.hi[p] + CLOSE


@pytest.mark.parametrize("seed", SEEDS)
def test_the_cheapest_piece_at_a_trade_is_the_trades_cost_and_forbidden_trades_are_on_no_piece(random_case, seed):
    problem = problem_of(random_case(seed), impact_bp=500.0)
    table = piece_table(problem)

    for i, name in enumerate(problem.names):
        for u in grid(problem, table, i):
            costs = [
                piece_cost(table, p, u) for p in table.pieces_of[i] if on_piece(table, p, u) and not table.gains_only[p]
            ]
            assert bool(costs) == may_trade(problem, name, u), (name.security.security_id, u)
            if costs:
                assert min(costs) == pytest.approx(cost_of(problem, name, u), abs=1e-10)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_piece_is_convex_and_its_segments_follow_each_other_without_gaps(random_case, seed):
    problem = problem_of(random_case(seed), impact_bp=500.0)
    table = piece_table(problem)

    for p in range(len(table.col)):
        own = range(table.first_segment[p], table.first_segment[p + 1])
        at, slope = table.lo[p], -np.inf
        for j in own:
            assert table.start[j] == pytest.approx(at, abs=1e-14)
            assert table.gradient[j] >= slope - 1e-9
            assert table.length[j] > 0
            at, slope = table.start[j] + table.length[j], table.gradient[j] + table.curvature[j] * table.length[j]
        assert at == pytest.approx(table.hi[p], abs=1e-14)


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_along_a_piece_are_what_its_trade_adds_to_them(random_case, seed):
    problem = problem_of(random_case(seed), max_net_gain=D(10_000), max_turnover=0.2)
    table = piece_table(problem)

    for i, name in enumerate(problem.names):
        for p in table.pieces_of[i]:
            for u in np.linspace(table.lo[p], table.hi[p], 7):
                closed = list(
                    lots_sold(
                        problem, name, max(-u, 0.0), gains_only=table.gains_only[p], by=lambda x: tax_of(problem, x)
                    )
                )
                gains = sum(lot.counted_gain * part for lot, part in closed)
                expected = [
                    gains if row.by_lot_gain else row.up[i] * max(u, 0.0) + row.down[i] * max(-u, 0.0)
                    for row in problem.rows
                ]
                assert row_values(table, p, u) == pytest.approx(np.array(expected), abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("price", "tax_weight"), [(0.15, 1.0), (2.0, 0.5)])
def test_where_gains_have_a_price_lots_are_sold_by_tax_and_that_price(random_case, seed, price, tax_weight):
    problem = problem_of(random_case(seed), max_net_gain=D(10_000), tax_weight=tax_weight)
    if not problem.snapshot.account.registration.is_taxable:
        return
    row = next(r for r, row in enumerate(problem.rows) if row.by_lot_gain)
    prices = np.zeros(len(problem.rows))
    prices[row] = price
    table = piece_table(problem, prices=prices)

    for i, name in enumerate(problem.names):
        for p in table.pieces_of[i]:
            u = (table.lo[p] + table.hi[p]) / 2
            closed = list(
                lots_sold(
                    problem, name, max(-u, 0.0), gains_only=table.gains_only[p],
                    by=lambda x: tax_of(problem, x) + price * x.counted_gain,
                )
            )  # fmt: skip
            tax = sum(tax_of(problem, lot) * part for lot, part in closed)
            bare = cost_of(replace(problem, settings=replace(problem.settings, tax_weight=0.0)), name, u)
            assert piece_cost(table, p, u) == pytest.approx(bare + tax, abs=1e-10)
            assert row_values(table, p, u)[row] == pytest.approx(sum(x.counted_gain * w for x, w in closed), abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_where_trades_and_names_are_counted_the_cheapest_piece_charges_for_what_there_is(random_case, seed):
    problem = problem_of(random_case(seed), max_trades=3, max_names=3)
    table = piece_table(problem, per_trade=PER_TRADE, per_name=PER_NAME)

    for i, name in enumerate(problem.names):
        for u in grid(problem, table, i):
            on = [p for p in table.pieces_of[i] if on_piece(table, p, u) and not table.gains_only[p]]
            assert bool(on) == may_trade(problem, name, u)
            if not on or 0 < abs(u) < 1e-9 or 0 < abs(name.held + u) < 1e-9:
                continue
            trades, holds = float(u != 0), float(name.held + u > 0)
            assert min(table.trades[p] for p in on) == trades
            assert min(table.holds[p] for p in on) == holds
            charged = cost_of(problem, name, u) + PER_TRADE * trades + PER_NAME * holds
            assert min(piece_cost(table, p, u) for p in on) == pytest.approx(charged, abs=1e-10)


@pytest.mark.parametrize("seed", range(700, 900, 4))
def test_a_name_with_a_twin_has_a_side_that_sells_its_gains_alone(random_case, seed):
    problem = problem_of(random_case(seed))
    table = piece_table(problem)

    for group in table.groups:
        for i in group:
            name, own = problem.names[i], table.pieces_of[i]
            loses = [p for p in own if table.sells_loss[p]]
            for u in grid(problem, table, i):
                kept = [
                    p for p in own if not table.sells_loss[p] and on_piece(table, p, u) and table.hi[p] <= 0 and u < 0
                ]
                if not loses:
                    continue
                assert bool(kept) == may_trade(problem, name, u, gains_only=True), u
                for p in kept:
                    assert piece_cost(table, p, u) == pytest.approx(
                        cost_of(problem, name, u, gains_only=True), abs=1e-10
                    )


def test_the_cases_have_every_feature_of_a_name(random_case):
    problems = [problem_of(random_case(seed)) for seed in SEEDS]
    names = [name for problem in problems for name in problem.names]

    assert {problem.settings.lot_method for problem in problems} == set(LotMethod)
    assert any(name.loses_in_order for name in names)
    assert any(lot.disallowed for name in names for lot in name.sellable)
    assert any(bound.is_broken for name in names for bound in name.bounds)
    assert any(name.rules.must_exit for name in names)
    assert any(problem.min_trade > 0 for problem in problems)
    assert any(problem.prepared.groups for problem in problems)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_piece_says_whether_it_buys_and_whether_it_sells_a_loss(random_case, seed):
    problem = problem_of(random_case(seed))
    table = piece_table(problem)

    for i, name in enumerate(problem.names):
        for p in table.pieces_of[i]:
            assert bool(table.buys[p]) == (table.hi[p] > 0)
            sold = list(
                lots_sold(
                    problem,
                    name,
                    max(-table.lo[p], 0.0),
                    gains_only=table.gains_only[p],
                    by=lambda x: tax_of(problem, x),
                )
            )
            if any(lot.is_loss and part > 0 for lot, part in sold):
                assert table.sells_loss[p]


def test_more_variance_at_a_price_bends_every_name_by_that_price(random_case):
    problem = problem_of(random_case(701), impact_bp=500.0)
    dearer = replace(problem, settings=replace(problem.settings, risk_aversion=problem.settings.risk_aversion + 70.0))
    table = piece_table(problem, frame=frame_of(problem, variance=70.0))

    for i, name in enumerate(problem.names):
        for p in table.pieces_of[i]:
            for u in np.linspace(table.lo[p], table.hi[p], 5):
                assert piece_cost(table, p, u) >= cost_of(dearer, name, u) - 1e-10
    assert np.allclose(table.exposures[:-1] @ table.exposures[:-1].T / 2, _factor_risk(dearer, table.columns))


def _factor_risk(problem, columns):
    n = len(problem.names)
    matrix = np.zeros((columns, columns))
    matrix[:n, :n] = problem.settings.risk_aversion * problem.loadings @ problem.loadings.T
    return matrix


def one_name(account_of, market_of, *lots, settings=None, restrictions=()):
    """A at 100 USD and wanted at 50 %, held as the lots say, in an account of 100,000 USD; risk aversion 0, no cost."""
    held = sum(lot[2] for lot in lots) * 100
    market = market_of({"A": 100, "B": 100}, {"A": "0.5", "B": "0.5"})
    account = account_of(100_000 - held, *lots, restrictions=restrictions)
    settings = PlanSettings(**{"risk_aversion": 0.0, "cost_bp": 0.0, **FREE, **(settings or {})})
    problem = build_problem(account, market, settings, locks=())
    return piece_table(problem)


def ends_and_value(table):
    return np.array([(table.lo[p], table.hi[p], table.value[p]) for p in table.pieces_of[0]])


def test_the_pieces_of_a_minimum_trade_by_hand(account_of, market_of):
    # 30 % is held; nothing below 10,000 USD, 10 % of V, is traded, but all may go at once: [-0.3, -0.1], 0, [0.1, 0.7].
    table = one_name(account_of, market_of, ("a", "A", 300, 100, LONG_AGO), settings={"min_trade_usd": D(10_000)})

    assert ends_and_value(table) == pytest.approx(np.array([(-0.3, -0.1, 0.0), (0.0, 0.0, 0.0), (0.1, 0.7, 0.0)]))


def test_a_holding_below_the_minimum_trade_may_leave_or_stay_as_it_is(account_of, market_of):
    # 4 % is held and the minimum is 10 %: -0.04, 0, [0.1, 0.96]. A sale gains 20 of 100 at 25 %: 5 % of 0.04 is 0.002.
    table = one_name(account_of, market_of, ("a", "A", 40, 80, LONG_AGO), settings={"min_trade_usd": D(10_000)})

    assert ends_and_value(table) == pytest.approx(np.array([(-0.04, -0.04, 0.002), (0.0, 0.0, 0.0), (0.1, 0.96, 0.0)]))


def test_a_broken_ceiling_is_priced_and_only_what_is_beyond_it(account_of, market_of):
    # 30 % is held and at most 20 % may be: a breach of 10 %, 10 bp of V a percent, is 0.01 at rest, 0 below -0.1, and
    # no purchase is allowed.
    wish = Restriction(scope="A", target="A", rule=Rule.MAX_WEIGHT, value=D("0.2"), until=None, reason="Test")
    table = one_name(account_of, market_of, ("a", "A", 300, 100, LONG_AGO), restrictions=(wish,))

    (p,) = table.pieces_of[0]
    assert (table.lo[p], table.hi[p]) == pytest.approx((-0.3, 0.0))
    assert [piece_cost(table, p, u) for u in (-0.3, -0.1, -0.05, 0.0)] == pytest.approx([0.0, 0.0, 0.005, 0.01])


def test_an_enforced_ceiling_leaves_no_rest(account_of, market_of):
    wish = Restriction(scope="A", target="A", rule=Rule.MAX_WEIGHT, value=D("0.2"), until=None, reason="Test")
    table = one_name(
        account_of, market_of, ("a", "A", 300, 100, LONG_AGO), restrictions=(wish,), settings={"enforce": True}
    )

    assert ends_and_value(table) == pytest.approx(np.array([(-0.3, -0.1, 0.0)]))


def test_a_method_that_passes_from_gain_to_loss_makes_a_break(account_of, market_of):
    # FIFO: 100 shares with a gain of half (tax 0.25 x 0.5 = 12.5 % of what is sold), then 200 with a loss of a half of
    # price (saving 12.5 %). Selling all 30 % costs 0.0125 - 0.025; the dear lot goes first.
    lots = (("a", "A", 100, 50, LONG_AGO), ("b", "A", 200, 150, LONG_AGO + timedelta(9)))
    table = one_name(account_of, market_of, *lots, settings={"lot_method": LotMethod.FIFO})

    costs = {
        u: min(piece_cost(table, p, u) for p in table.pieces_of[0] if on_piece(table, p, u)) for u in (-0.3, -0.1, 0.0)
    }
    assert costs == pytest.approx({-0.3: -0.0125, -0.1: 0.0125, 0.0: 0.0})
    assert len(table.pieces_of[0]) > 1


def test_lots_of_one_price_and_tax_make_a_curve_like_one_lot(account_of, market_of):
    many = one_name(account_of, market_of, *((f"a{k:03d}", "A", 1, 150, LONG_AGO) for k in range(200)))
    one = one_name(account_of, market_of, ("a", "A", 200, 150, LONG_AGO))

    for u in np.linspace(-0.2, 0.5, 50):
        costs = [min(piece_cost(t, p, u) for p in t.pieces_of[0] if on_piece(t, p, u)) for t in (many, one)]
        assert costs[0] == pytest.approx(costs[1], abs=1e-12)
