"""Every plan setting does what its name says: each alone, on accounts small enough to be solved by hand or by trying.

The hand-solved account holds half of its value in A, which has lost, and half in B, which is at cost; both are wanted
at 50 %, cost nothing to trade and have a specific variance of 0.05. No cash may stay, so what is sold of A buys B. Of a
weight s moved from A to B the risk is 12.5 x 0.05 x 2 s^2 = 1.25 s^2, and the tax saved 0.25 x 20 / 100 = 5 cents a
dollar: 1.25 s^2 - 0.05 s is least at s = 0.02, 20 of the 500 shares. The account is worth 100,000 USD.
"""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D
from itertools import combinations

import numpy as np
import pytest

from engine.domain.accounts import Lot, Registration, Restriction, Rule, Transaction, TransactionType
from engine.domain.plans import PlanStatus, Side, Verdict
from engine.domain.settings import LotMethod, PlanSettings, WashSalePolicy
from engine.plan.problem import BP, build_problem
from engine.plan.propose import propose_plan
from engine.plan.search import search

LONG_AGO = date(2024, 1, 5)
FREE = PlanSettings(
    risk_aversion=12.5,
    cost_bp=0.0,
    min_cash=0.0,
    max_cash=0.0,
    max_active_weight=None,
    max_sector_active=None,
    whole_shares=False,
    gap_tolerance_bp=0.001,
)
SHARE = 1e-5  # shares are cut to a millionth


@pytest.fixture
def market(market_of):
    return market_of(
        {"A": 100, "B": 100}, {"A": "0.5", "B": "0.5"}, specific=0.05, A={"sector": "X"}, B={"sector": "Y"}
    )


@pytest.fixture
def account(account_of):
    return account_of(0, ("a", "A", 500, 120, LONG_AGO), ("b", "B", 500, 100, LONG_AGO))


def planned(account, market, **changes):
    plan, _ = propose_plan(account, market, replace(FREE, **changes), inputs_hash="")
    return plan


def shares(plan):
    """Signed shares of what is traded."""
    return {t.security_id: float(t.quantity) * (1 if t.side is Side.BUY else -1) for t in plan.trades}


def moved(plan):
    """Shares sold of A and bought of B."""
    traded = shares(plan)
    assert traded.get("A", 0.0) == pytest.approx(-traded.get("B", 0.0), abs=SHARE)
    return traded.get("B", 0.0)


def test_with_nothing_but_risk_and_tax_the_account_sells_what_the_formula_says(account, market):
    plan = planned(account, market)

    assert moved(plan) == pytest.approx(20.0, abs=SHARE)
    assert plan.objective.risk == pytest.approx(5.0, abs=1e-4)
    assert plan.objective.tax == pytest.approx(-10.0, abs=1e-4)


@pytest.mark.parametrize(
    ("change", "sold"),
    [
        ({"risk_aversion": 25.0}, 10.0),  # 2.5 s^2 - 0.05 s
        ({"risk_aversion": 0.0}, 500.0),  # nothing speaks against selling all of A
        ({"tax_weight": 0.5}, 10.0),  # 1.25 s^2 - 0.025 s
        ({"tax_weight": 0.0}, 0.0),
        ({"tilt": {"B": 0.025}}, 30.0),  # 1.25 s^2 - 0.075 s
        ({"tilt": {"sector:X": 0.05}}, -20.0),  # holding A is worth what selling it saves, and B is sold without tax
        ({"max_active_weight": 0.01}, 10.0),
        ({"max_sector_active": 0.015}, 15.0),
        ({"max_tracking_error": 0.01 * 0.1**0.5}, 10.0),  # sqrt(0.05 x 2 s^2)
        ({"max_turnover": 0.015}, 15.0),  # half of 1.5 % sold and 1.5 % bought
        ({"max_net_gain": D(-600)}, 30.0),  # each share sold loses 20
        ({"max_net_gain": D(-300)}, 20.0),
        ({"min_trade_usd": D(3_000)}, 30.0),  # 0.001125 - 0.0015 < 0: better than nothing
        ({"min_trade_usd": D(5_000)}, 0.0),  # 0.003125 - 0.0025 > 0
        ({"max_trades": 2}, 20.0),
        ({"max_trades": 1}, 0.0),  # one trade alone would change cash, of which none may stay or be short
        ({"max_names": 2}, 20.0),
        ({"harvest_min_loss_usd": D(10_000)}, 20.0),  # 500 shares at a loss of 20
        ({"harvest_min_loss_usd": D(10_001)}, 0.0),
        ({"harvest_min_loss_pct": 0.16}, 20.0),  # 20 of 120 is 16.7 %
        ({"harvest_min_loss_pct": 0.17}, 0.0),
        ({"exclude": ("A",)}, 500.0),
        ({"exclude": ("sector:X",)}, 500.0),
        ({"max_names": 1}, 500.0),  # all in B: 0.3125 - 0.025; all in A would save no tax
    ],
)
def test_a_setting_moves_the_trade_to_where_hand_calculation_puts_it(account, market, change, sold):
    assert moved(planned(account, market, **change)) == pytest.approx(sold, abs=1e-3)


def test_a_trade_that_costs_more_than_it_saves_in_risk_is_not_made(account_of, market):
    # 60 % in A in an IRA. The first dollar moved saves 2 x 12.5 x 0.05 x 0.1 x 2 = 0.25 of risk, and costs 2 cost_bp.
    ira = account_of(0, ("a", "A", 600, 100, LONG_AGO), ("b", "B", 400, 100, LONG_AGO), registration=Registration.IRA)

    assert moved(planned(ira, market)) == pytest.approx(100.0, abs=SHARE)
    assert shares(planned(ira, market, cost_bp=1_260.0, max_cash=0.1)) == {}
    assert shares(planned(ira, market, cost_bp=1_000.0, max_cash=0.1)) != {}


def test_a_securitys_own_cost_wins_over_the_setting(account_of, market_of):
    dear = market_of({"A": 100, "B": 100}, {"A": "0.5", "B": "0.5"}, specific=0.05, A={"cost_bp": D(2_000)},
                     B={"cost_bp": D(2_000)})  # fmt: skip
    ira = account_of(0, ("a", "A", 600, 100, LONG_AGO), ("b", "B", 400, 100, LONG_AGO), registration=Registration.IRA)

    assert shares(planned(ira, dear, max_cash=0.1)) == {}


def test_market_impact_grows_with_the_square_of_what_is_traded(account, market_of):
    # A tenth of V a day, and 1250 bp for the whole of it: kappa = 0.125 x 10 = 1.25 for A and for B.
    # 1.25 s^2 - 0.05 s + 2 x 1.25 s^2 is least at s = 0.05 / 7.5.
    thin = {"adv_usd": D(10_000)}
    market = market_of({"A": 100, "B": 100}, {"A": "0.5", "B": "0.5"}, specific=0.05, A=thin, B=thin)

    plan = planned(account, market, impact_bp=1_250.0)

    assert moved(plan) == pytest.approx(1000 * 0.05 / 7.5, abs=1e-3)
    assert plan.objective.cost == pytest.approx(1e4 * 2.5 * (0.05 / 7.5) ** 2, abs=1e-3)
    assert plan.after.cash == pytest.approx(D(0), abs=D("0.01"))


def test_a_security_without_volume_has_no_market_impact(account, market):
    assert moved(planned(account, market, impact_bp=1_250.0)) == pytest.approx(20.0, abs=SHARE)


@pytest.mark.parametrize(
    ("carried", "ytd_lt_gain", "shares_sold", "tax_bp"),
    [
        # Of the loss of 20 a share the first 3,000 USD (150 shares) save 40 % of ordinary income; what is carried on is
        # worth 25 % x carried. At risk_aversion 1 it is 0.1 s^2, whose slope at 150 shares, 0.03, is below 0.4 x 0.2.
        (0.0, 0, 150.0, -120.0),
        (0.5, 0, 150.0, -120.0),  # 0.25 x 0.5 x 0.2 = 0.025 < 0.03
        (1.0, 0, 250.0, -120.0 - 50.0),  # 0.25 x 0.2 = 0.05 = 0.2 s: 250 shares, 100 of them at 5 cents
        (0.0, 50_000, 250.0, -125.0),  # against long-term gains each dollar of loss saves 25 %
        (0.0, 4_000, 200.0, -100.0),  # 4,000 USD of gains at 25 %, and then 40 %: see below
    ],
)
def test_netted_taxes_value_a_loss_by_what_it_offsets(account_of, market, carried, ytd_lt_gain, shares_sold, tax_bp):
    account = account_of(0, ("a", "A", 500, 120, LONG_AGO), ("b", "B", 500, 100, LONG_AGO), ytd_lt_gain=D(ytd_lt_gain))

    plan = planned(account, market, risk_aversion=1.0, net_taxes=True, carryforward_value=carried)

    if ytd_lt_gain == 4_000:
        # 200 shares use up the gains; then income takes 3,000 USD at 0.08 a unit, more than the slope of 0.2 x 0.35.
        shares_sold, tax_bp = 350.0, -100.0 - 120.0
    assert moved(plan) == pytest.approx(shares_sold, abs=1e-3)
    assert plan.objective.tax == pytest.approx(tax_bp, abs=1e-3)
    assert plan.tax.liability == pytest.approx(D(str(tax_bp * 10)), abs=D("0.05"))


def test_marginal_rates_do_not_ask_what_a_loss_offsets(account_of, market):
    account = account_of(0, ("a", "A", 500, 120, LONG_AGO), ("b", "B", 500, 100, LONG_AGO), ytd_lt_gain=D(50_000))

    assert moved(planned(account, market, risk_aversion=1.0)) == pytest.approx(250.0, abs=1e-3)  # 0.2 s = 0.05


def test_cash_ends_inside_its_band(account, market):
    # 10 % must become cash: sold s, bought s - 0.1, risk 0.625 (s^2 + (s - 0.1)^2), least with - 0.05 s at s = 0.07.
    # Less than 0.1 is sold then, and buying is out: s = 0.1.
    plan = planned(account, market, min_cash=0.1, max_cash=0.2)

    assert shares(plan)["A"] + shares(plan).get("B", 0.0) == pytest.approx(-100.0, abs=1e-3)
    assert plan.after.cash == pytest.approx(D(10_000), abs=D("0.1"))


def test_a_factor_limit_holds_the_exposure_of_the_active_weights(account, market_of):
    market = market_of(
        {"A": 100, "B": 100}, {"A": "0.5", "B": "0.5"}, specific=0.05, exposures=[[1.0], [-1.0]], covariance=[[0.0]]
    )

    assert moved(planned(account, market, max_factor_active=0.01)) == pytest.approx(5.0, abs=1e-3)  # 2 s <= 0.01


def test_a_gains_budget_warns_and_changes_no_trade(account_of, market):
    account = account_of(0, ("a", "A", 500, 120, LONG_AGO), ("b", "B", 500, 100, LONG_AGO), ytd_lt_gain=D(10_000))

    free, tight, wide = (planned(account, market, gains_budget=budget) for budget in (None, D(9_599), D(9_600)))

    verdicts = [[c.verdict for c in plan.checks if c.rule == "gains_budget"] for plan in (free, tight, wide)]
    assert verdicts == [[], [Verdict.WARN], [Verdict.PASS]]  # 20 shares at a loss of 20 are 400 USD
    assert shares(free) == shares(tight) == shares(wide)


def test_shares_are_whole_only_where_the_setting_asks_for_it(account, market):
    # At risk_aversion 11.7371 the best sale is 0.05 / (2 x 1.17371) = 2.13 %, 21.3 shares.
    fractions = planned(account, market, risk_aversion=11.7371)
    whole = planned(account, market, risk_aversion=11.7371, whole_shares=True)

    assert moved(fractions) == pytest.approx(21.3, abs=1e-3)
    assert moved(whole) == 21.0


def test_a_plan_is_called_optimal_only_within_the_gap_tolerance(account, market):
    # A third of a share off, 1.17371 x 0.0003^2 = 0.001 bp lost.
    strict = planned(account, market, risk_aversion=11.7371, whole_shares=True, gap_tolerance_bp=1e-4)
    loose = planned(account, market, risk_aversion=11.7371, whole_shares=True, gap_tolerance_bp=0.01)

    assert strict.objective.gap == pytest.approx(1e4 * 1.17371 * 0.0003**2, abs=5e-5)
    assert (strict.status, loose.status) == (PlanStatus.FEASIBLE, PlanStatus.OPTIMAL)


def bought_elsewhere(account, count, registration):
    """The household bought so many shares of A nine days ago in another account, and still holds them."""
    on, price = account.as_of - timedelta(9), D(100)
    row = Transaction(
        transaction_id="T", account_id="B", trade_date=on, security_id="A", type=TransactionType.BUY,
        quantity=D(count), price=price, lot_id="new",
    )  # fmt: skip
    lot = Lot(account_id="B", lot_id="new", security_id="A", quantity=D(count), cost_per_share=price, acquired=on)
    other = replace(
        account.book,
        account=replace(account.account, account_id="B", registration=registration),
        lots=(lot,),
        transactions=(row,),
    )
    return replace(account, household_books=(account.book, other))


@pytest.mark.parametrize(
    ("policy", "count", "registration", "sold", "tax_bp"),
    [
        (WashSalePolicy.BLOCK, 12, Registration.TAXABLE, 0.0, 0.0),
        # 12 shares' losses are deferred, worth half: 0.0005 - 0.012 x 0.025 - 0.008 x 0.05 = -0.0002.
        (WashSalePolicy.ALLOW, 12, Registration.TAXABLE, 20.0, -7.0),
        # With 16 shares caught, 20 would come to 0.0005 - 0.0004 - 0.0002; 10 at half the worth to 0.000125 - 0.00025.
        (WashSalePolicy.ALLOW, 16, Registration.TAXABLE, 10.0, -2.5),
        # Behind an IRA what is caught is lost: of 8 shares, 0.0005 - 0.012 x 0.05 = -0.0001; of 12, nothing is left.
        (WashSalePolicy.ALLOW, 8, Registration.IRA, 20.0, -6.0),
        (WashSalePolicy.ALLOW, 12, Registration.IRA, 0.0, 0.0),
    ],
)
def test_a_wash_sale_is_blocked_or_allowed_at_its_price(account, market, policy, count, registration, sold, tax_bp):
    household = bought_elsewhere(account, count, registration)

    plan = planned(household, market, wash_sales=policy)

    assert moved(plan) == pytest.approx(sold, abs=1e-3)
    assert plan.objective.tax == pytest.approx(tax_bp, abs=1e-3)
    assert plan.tax.disallowed == pytest.approx(D(20 * min(count, int(sold))), abs=D("0.1"))


def test_a_disallowed_loss_counts_for_no_cap_on_gains(account, market):
    # 600 USD of losses that count are asked for: 30 shares, and the 12 that are caught before them.
    household = bought_elsewhere(account, 12, Registration.TAXABLE)

    plan = planned(household, market, wash_sales=WashSalePolicy.ALLOW, max_net_gain=D(-600))

    assert moved(plan) == pytest.approx(42.0, abs=1e-3)


@pytest.mark.parametrize(
    ("method", "closed"),
    [
        (LotMethod.FIFO, "oldest"),
        (LotMethod.LIFO, "newest"),
        (LotMethod.HIFO, "dearest"),
        (LotMethod.MIN_TAX, "cheapest"),  # short-term: 0.4 x 25 is more than 0.25 x 30
        (LotMethod.OPTIMAL, "cheapest"),
    ],
)
def test_the_lot_method_says_which_lot_is_closed(account_of, market_of, method, closed):
    account = account_of(
        0,
        ("oldest", "A", 100, 80, LONG_AGO),
        ("dearest", "A", 100, 130, LONG_AGO + timedelta(1)),
        ("cheapest", "A", 100, 125, date(2026, 8, 3)),
        ("newest", "A", 100, 90, date(2026, 8, 4)),
    )

    plan = planned(account, market_of({"A": 100}, {"A": 1}), lot_method=method, withdrawal=D(10_000))

    assert [(s.lot_id, s.quantity) for t in plan.trades for s in t.lots] == [(closed, D(100))]


def test_a_deposit_is_invested_and_a_withdrawal_raised(account_of, market):
    ira = account_of(0, ("a", "A", 500, 100, LONG_AGO), ("b", "B", 500, 100, LONG_AGO), registration=Registration.IRA)

    paid_in, paid_out = planned(ira, market, deposit=D(10_000)), planned(ira, market, withdrawal=D(10_000))

    assert shares(paid_in) == pytest.approx({"A": 50.0, "B": 50.0}, abs=1e-3)
    assert shares(paid_out) == pytest.approx({"A": -50.0, "B": -50.0}, abs=1e-3)
    assert paid_out.after.nav == pytest.approx(D(90_000), abs=D("0.1"))


@pytest.fixture
def overweight(account_of):
    """70 % in A, 30 % in B; a sale of A costs 0.25 x 40 / 100 = 10 cents a dollar."""
    return account_of(0, ("a", "A", 700, 60, LONG_AGO), ("b", "B", 300, 100, LONG_AGO))


@pytest.mark.parametrize(
    ("change", "sold"),
    [
        # Two names are 10 % beyond the limit: a dollar moved is worth 2 x 10 bp a per cent, 20 cents.
        ({}, 100.0),
        ({"breach_penalty": 4.9}, 0.0),  # 9.8 cents
        ({"breach_penalty": 5.1}, 100.0),  # 10.2 cents
        ({"breach_penalty": 0.0, "enforce": True}, 100.0),
    ],
)
def test_what_is_beyond_a_limit_is_priced_or_enforced(overweight, market, change, sold):
    plan = planned(overweight, market, **{"risk_aversion": 0.0, "max_active_weight": 0.1, **change})

    assert moved(plan) == pytest.approx(sold, abs=1e-3)


def test_liquidation_sells_all_that_may_be_sold_and_buys_nothing(account_of, market_of):
    market = market_of({"A": 100, "B": 100, "C": 100}, {"A": "0.5", "B": "0.4", "C": "0.1"})
    frozen = Restriction(scope="A", target="B", rule=Rule.DO_NOT_SELL, value=None, until=None, reason="Test")
    account = account_of(500, ("a", "A", 500, 120, LONG_AGO), ("b", "B", 400, 100, LONG_AGO), restrictions=(frozen,))

    plan = planned(account, market, liquidate=True, max_cash=0.01, max_active_weight=0.01, max_sector_active=0.02,
                   max_tracking_error=0.01, max_names=0)  # fmt: skip

    assert plan.status is PlanStatus.OPTIMAL
    assert shares(plan) == {"A": -500.0}
    assert plan.after.cash == D(50_500)


@pytest.mark.parametrize("excluded", ["sector:X", "A"])
def test_the_sector_band_steps_aside_for_a_sector_that_must_go(account_of, market_of, excluded):
    # X goes from its 10 % to nothing, 4 % beyond its band; Y and Z each take half, 1 % inside theirs.
    market = market_of(
        {"A": 100, "B": 100, "C": 100}, {"A": "0.1", "B": "0.45", "C": "0.45"},
        A={"sector": "X"}, B={"sector": "Y"}, C={"sector": "Z"},
    )  # fmt: skip
    ira = account_of(
        0, ("a", "A", 100, 100, LONG_AGO), ("b", "B", 450, 100, LONG_AGO), ("c", "C", 450, 100, LONG_AGO),
        registration=Registration.IRA,
    )  # fmt: skip

    plan = planned(ira, market, exclude=(excluded,), max_sector_active=0.06, enforce=True)

    assert plan.status is PlanStatus.OPTIMAL
    assert shares(plan) == pytest.approx({"A": -100.0, "B": 50.0, "C": 50.0}, abs=1e-3)
    assert planned(ira, market, exclude=(excluded,), max_sector_active=0.04).status is PlanStatus.INFEASIBLE


COUNTED = replace(FREE, max_cash=0.02, cost_bp=5.0, risk_aversion=30.0)
SIX = tuple(f"N{i}" for i in range(6))
BARRED = {"max_trades": (Rule.DO_NOT_BUY, Rule.DO_NOT_SELL), "max_names": (Rule.DO_NOT_HOLD,)}


@pytest.fixture(scope="module", params=[0, 1])
def six_names(request, market_of, account_of):
    """An account of six names with two factors, losses and gains, some cash, and a factory of the best of every set.

    best(setting, free) is the least objective in bp when only these names may be traded, or held; inf where none obeys.
    """
    rng = np.random.default_rng(request.param)
    prices = {n: round(float(rng.uniform(20, 200)), 2) for n in SIX}
    weights = [round(float(w), 4) for w in rng.dirichlet(np.full(6, 4.0))]
    weights[0] = round(weights[0] + 1 - sum(weights), 4)
    risk = {"specific": rng.uniform(0.02, 0.1, 6), "exposures": rng.normal(0, 1, (6, 2))}
    market = market_of(prices, dict(zip(SIX, weights, strict=True)), **risk, covariance=np.diag([0.01, 0.02]))
    held = zip(SIX, rng.dirichlet(np.ones(6)), rng.uniform(0.7, 1.4, (6, 2)), strict=True)
    lots = [
        (f"{n}.{j}", n, round(5e4 * float(w) / prices[n]), round(prices[n] * float(cost), 2), LONG_AGO)
        for n, w, costs in held
        for j, cost in enumerate(costs)
    ]
    account = account_of(1_000, *[lot for lot in lots if lot[2] > 0])
    known = {}

    def best(setting, free):
        if (setting, free) not in known:
            barred = tuple(
                Restriction(scope="A", target=n, rule=rule, value=None, until=None, reason="Test")
                for n in SIX
                if n not in free
                for rule in BARRED[setting]
            )
            problem = build_problem(replace(account, restrictions=barred), market, COUNTED, locks=())
            found = search(problem)
            known[setting, free] = float("inf") if found is None else BP * found.objective
        return known[setting, free]

    return account, market, best


def best_of(best, setting, most):
    return min(best(setting, free) for count in range(most + 1) for free in combinations(SIX, count))


def names_after(account, plan):
    held = Counter()
    for lot in account.lots:
        held[lot.security_id] += lot.quantity
    for t in plan.trades:
        held[t.security_id] += t.quantity if t.side is Side.BUY else -t.quantity
    return [n for n, quantity in held.items() if quantity > 0]


@pytest.mark.parametrize("most", [1, 2, 3, 4, 6])
def test_the_best_of_so_many_trades_is_the_best_over_every_set_of_names(six_names, most):
    account, market, best = six_names
    least = best_of(best, "max_trades", most)

    plan, _ = propose_plan(account, market, replace(COUNTED, max_trades=most), inputs_hash="")

    assert len(plan.trades) <= most
    assert (plan.status is PlanStatus.INFEASIBLE) == (least == float("inf"))
    if least < float("inf"):
        assert plan.objective.lower_bound <= least + 0.01
        assert plan.objective.total == pytest.approx(least, abs=0.01)


@pytest.mark.parametrize("most", [1, 2, 3, 4, 6])
def test_the_best_of_so_many_names_is_the_best_over_every_set_of_names(six_names, most):
    account, market, best = six_names
    least = best_of(best, "max_names", most)

    plan, _ = propose_plan(account, market, replace(COUNTED, max_names=most), inputs_hash="")

    assert len(names_after(account, plan)) <= most
    assert plan.objective.lower_bound <= least + 0.01
    assert plan.objective.total == pytest.approx(least, abs=0.01)
