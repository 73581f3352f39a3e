"""The second checker passes the right plan and catches each way in which a plan can be wrong."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D

import pytest

from engine.domain.accounts import AccountBook, Registration, Restriction, Rule, Transaction, TransactionType
from engine.domain.plans import PlanStatus, Side, Term, Unrealised, Verdict
from engine.review.checker import failures, second_opinion

AS_OF = date(2026, 11, 20)


def failed(plan, snapshot, market) -> dict[str, str]:
    return {check.rule: check.detail for check in failures(second_opinion(plan, snapshot, market))}


def with_trade(plan, index, **changes):
    trades = list(plan.trades)
    trades[index] = replace(trades[index], **changes)
    return replace(plan, trades=tuple(trades))


def with_sale(plan, **changes):
    return with_trade(plan, 0, lots=(replace(plan.trades[0].lots[0], **changes),))


def under(plan, **settings):
    return replace(plan, settings=replace(plan.settings, **settings))


def entry(kind: TransactionType, security: str, on: date, price: int = 100, **more) -> Transaction:
    given = {"transaction_id": "t1", "account_id": "A", "quantity": D(10)} | more
    return Transaction(trade_date=on, security_id=security, type=kind, price=D(price), **given)


def with_history(snapshot, *transactions, registration=Registration.TAXABLE, account_id="B"):
    account = replace(snapshot.account, account_id=account_id, registration=registration)
    sibling = AccountBook(account=account, lots=(), transactions=transactions)
    return replace(snapshot, household_books=(snapshot.book, sibling))


def test_the_right_plan_passes_every_rule(plan, snapshot, market):
    checks = second_opinion(plan, snapshot, market)

    assert {check.verdict for check in checks} == {Verdict.PASS}
    assert len(checks) == 25


def test_an_infeasible_plan_fails_and_names_the_conflict(plan, snapshot, market):
    broken = replace(plan, status=PlanStatus.INFEASIBLE, conflicts=("cash band", "turnover"))

    assert failed(broken, snapshot, market) == {
        "feasible": "the account has no plan that obeys its rules: cash band, turnover"
    }


@pytest.mark.parametrize(
    ("change", "rule", "detail"),
    [
        (lambda p: with_trade(p, 1, amount=D(9501)), "prices and amounts", "BETA: amount 9501, expected 9500.00"),
        (lambda p: with_sale(p, term=Term.SHORT), "terms and gains", "lot a1: term ST, expected LT"),
        (lambda p: with_sale(p, gain=D(-2999)), "terms and gains", "lot a1: gain -2999, expected -3000.00"),
        (lambda p: replace(p, tax=replace(p.tax, liability=D(0))), "tax", "liability 0, expected -750.00"),
        (lambda p: replace(p, after=replace(p.after, cash=D(900))), "account after", "cash 900, expected 985.50"),
        (lambda p: with_trade(p, 1, quantity=D(950), amount=D(95000)), "cash", "cash would be overdrawn"),
        (
            lambda p: replace(p, settings=replace(p.settings, max_turnover=0.1)),
            "limits on trades and names",
            "turnover 0.1450, limit 0.1",
        ),
        (
            lambda p: replace(p, settings=replace(p.settings, min_trade_usd=D(9600))),
            "limits on trades and names",
            "BETA: trade of 9500, minimum 9600",
        ),
        (
            lambda p: replace(p, settings=replace(p.settings, max_active_weight=0.05)),
            "active weights",
            "BETA: active weight 0.0950, bound 0.05",
        ),
        (
            lambda p: under(p, max_tracking_error=0.0276),
            "tracking error",
            "tracking error after 2.7604%, limit 2.7600%",
        ),
        (
            lambda p: replace(p, after=replace(p.after, tracking_error=0.0277)),
            "account after",
            "tracking error 2.7700%, expected 2.7604%",
        ),
        (lambda p: under(p, liquidate=True), "liquidation", "BETA: bought, though everything is to be sold"),
        (lambda p: under(p, liquidate=True), "liquidation", "ALFA: 300 shares stay, though everything is to be sold"),
    ],
)
def test_each_mistake_is_caught_under_its_rule(plan, snapshot, market, change, rule, detail):
    found = failed(change(plan), snapshot, market)

    assert rule in found
    assert detail in found[rule]


@pytest.mark.parametrize(
    ("days_ago", "caught"),
    [(0, True), (30, True), (31, False)],
)
def test_a_loss_within_thirty_days_of_a_purchase_anywhere_in_the_household_is_caught(
    plan, snapshot, market, days_ago, caught
):
    bought = entry(TransactionType.REINVEST, "ALFA", AS_OF - timedelta(days=days_ago), account_id="B")
    household = with_history(snapshot, bought, registration=Registration.IRA)

    assert ("wash sales" in failed(plan, household, market)) is caught


@pytest.mark.parametrize(("days_ago", "caught"), [(0, True), (30, True), (31, False)])
def test_a_purchase_within_thirty_days_of_a_loss_sale_is_caught(plan, snapshot, market, days_ago, caught):
    on = AS_OF - timedelta(days=days_ago)
    sold = entry(TransactionType.SELL, "GAMA", on, price=50, basis=D(501), account_id="B")

    assert ("wash sales" in failed(plan, with_history(snapshot, sold), market)) is caught


def test_a_sale_at_a_gain_or_behind_an_ira_locks_nothing(plan, snapshot, market):
    gain = entry(TransactionType.SELL, "GAMA", AS_OF, price=50, basis=D(500), account_id="B")
    behind = entry(TransactionType.SELL, "GAMA", AS_OF, price=50, basis=D(900), account_id="B")

    assert failed(plan, with_history(snapshot, gain), market) == {}
    assert failed(plan, with_history(snapshot, behind, registration=Registration.IRA), market) == {}


def test_buying_the_twin_of_a_harvested_name_is_caught(plan, snapshot, market):
    twins = {
        name: replace(security, identical_group="TWIN") if name in ("ALFA", "GAMA") else security
        for name, security in market.securities.items()
    }

    found = failed(plan, snapshot, replace(market, securities=twins))

    assert found == {"wash sales": "TWIN: the plan both buys it and sells it at a loss"}


@pytest.mark.parametrize(
    ("target", "rule", "value", "under", "detail"),
    [
        ("GAMA", Rule.DO_NOT_BUY, None, "restrictions", "GAMA: bought, but restricted"),
        ("sector:Any", Rule.DO_NOT_HOLD, None, "restrictions", "BETA: bought, but restricted"),
        ("ALFA", Rule.DO_NOT_SELL, None, "restrictions", "ALFA: sold, but restricted"),
        ("GAMA", Rule.MAX_WEIGHT, D("0.05"), "restricted weights", "GAMA: weight 0.0950 of value, max_weight 0.05"),
        ("ALFA", Rule.MIN_WEIGHT, D("0.35"), "restricted weights", "ALFA: weight 0.3000 of value, min_weight 0.35"),
        ("sector:Any", Rule.MAX_WEIGHT, D("0.95"), "restricted weights", "sector:Any: weight 0.9900 of value"),
    ],
)
def test_each_restriction_is_enforced(plan, snapshot, market, target, rule, value, under, detail):
    restriction = Restriction(scope="A", target=target, rule=rule, value=value, until=None, reason="policy")

    found = failed(plan, replace(snapshot, restrictions=(restriction,)), market)

    assert detail in found[under]


@pytest.mark.parametrize(
    ("scope", "until", "holds"),
    [
        ("A", None, True),
        ("H", AS_OF, True),  # the last day is one of its days
        ("firm", AS_OF, True),
        ("firm", AS_OF - timedelta(days=1), False),
        ("another household", None, False),
    ],
)
def test_a_restriction_holds_in_its_scope_and_until_its_last_day(plan, snapshot, market, scope, until, holds):
    rule = Restriction(scope=scope, target="GAMA", rule=Rule.DO_NOT_BUY, value=None, until=until, reason="policy")

    assert ("restrictions" in failed(plan, replace(snapshot, restrictions=(rule,)), market)) is holds


# The plan sells 100 shares of a1 at 100 that were bought for 130 in 2024: 3,000 lost, long-term.
@pytest.mark.parametrize(
    ("worth", "given_on", "term", "gain"),
    [
        (110, date(2026, 6, 1), Term.SHORT, -1000),  # a loss against the worth of that day, held since then
        (110, date(2025, 11, 19), Term.LONG, -1000),
        (100, date(2026, 6, 1), Term.LONG, 0),
        (90, date(2026, 6, 1), Term.LONG, 0),  # neither above the donor's basis nor below that worth
        (130, date(2026, 6, 1), Term.LONG, -3000),  # worth the donor's basis: all is as if it were the donor's
        (150, date(2026, 6, 1), Term.LONG, -3000),
    ],
)
def test_a_gift_is_held_against_its_worth_for_a_loss_and_against_the_donor_s_basis_for_a_gain(
    plan, snapshot, market, worth, given_on, term, gain
):
    """26 U.S.C. 1015(a), 1223(2)."""
    a1 = replace(snapshot.lots[0], gift_price=D(worth), gift_date=given_on)
    received = replace(snapshot, book=replace(snapshot.book, lots=(a1, *snapshot.lots[1:])))
    other = Term.LONG if term is Term.SHORT else Term.SHORT

    assert "terms and gains" not in failed(with_sale(plan, term=term, gain=D(gain)), received, market)
    assert failed(with_sale(plan, term=other, gain=D(gain - 1)), received, market)["terms and gains"] == (
        f"lot a1: term {other}, expected {term}; lot a1: gain {gain - 1}, expected {gain:.2f}"
    )


def test_a_lot_given_lately_is_no_purchase_and_stops_no_loss(plan, snapshot, market):
    lately = replace(
        snapshot.lots[0], lot_id="g", account_id="B", acquired=AS_OF - timedelta(days=5),
        gift_price=D(100), gift_date=AS_OF - timedelta(days=2),
    )  # fmt: skip
    sibling = AccountBook(account=replace(snapshot.account, account_id="B"), lots=(lately,), transactions=())
    bought = replace(sibling, lots=(replace(lately, gift_price=None, gift_date=None),))

    assert failed(plan, replace(snapshot, household_books=(snapshot.book, sibling)), market) == {}
    assert "wash sales" in failed(plan, replace(snapshot, household_books=(snapshot.book, bought)), market)


@pytest.mark.parametrize(
    ("acquired", "term"),
    [
        (date(2025, 11, 20), Term.SHORT),  # exactly one year is not more than one year
        (date(2025, 11, 19), Term.LONG),
        (date(2024, 2, 29), Term.LONG),
        (date(2026, 2, 28), Term.SHORT),
    ],
)
def test_long_term_is_more_than_one_year(plan, snapshot, market, acquired, term):
    lots = (replace(snapshot.lots[0], acquired=acquired), *snapshot.lots[1:])
    moved = replace(snapshot, book=replace(snapshot.book, lots=lots))

    other = Term.LONG if term is Term.SHORT else Term.SHORT

    assert "terms and gains" not in failed(with_sale(plan, term=term), moved, market)
    assert f"term {other}, expected {term}" in failed(with_sale(plan, term=other), moved, market)["terms and gains"]


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.002, 0.01, Verdict.PASS),
        (0.002, 0.009, Verdict.WARN),  # 85.50 too much, less than one share of ALFA
        (0.002, 0.0088, Verdict.FAIL),  # 105.50 too much
        (0.0099, 0.02, Verdict.FAIL),  # 4.50 too little
    ],
)
def test_cash_is_within_its_band_but_for_a_share_too_much(plan, snapshot, market, low, high, verdict):
    judged = second_opinion(under(plan, min_cash=low, max_cash=high), snapshot, market)

    assert {check.rule: check.verdict for check in judged if check.verdict is not Verdict.PASS}.get(
        "cash band", Verdict.PASS
    ) is verdict


def test_limits_at_their_edge_are_kept(plan, snapshot, market):
    edge = under(plan, max_trades=3, max_names=3, max_tracking_error=0.02760435)

    assert failed(edge, snapshot, market) == {}


def test_market_impact_is_no_cash(plan, snapshot, market):
    assert failed(under(plan, impact_bp=500.0), snapshot, market) == {}


def test_a_sector_is_not_pushed_out_of_its_band(plan, snapshot, market):
    # ALFA goes from its target of 40 % to 30 %: ten percent below. BETA and GAMA stay 9 % above their 60 %.
    sectors = {n: replace(s, sector="One" if n == "ALFA" else "Two") for n, s in market.securities.items()}
    divided = replace(market, securities=sectors)

    assert "sectors" not in failed(under(plan, max_sector_active=0.1), snapshot, divided)
    assert (
        failed(under(plan, max_sector_active=0.08), snapshot, divided)["sectors"]
        == "One: active weight -0.1000, bound 0.08; Two: active weight 0.0900, bound 0.08"
    )


def test_the_band_of_a_sector_steps_aside_for_names_that_must_go(plan, snapshot, market):
    # Without ALFA, whose target is 40 %, its sector may fall 40 % further.
    sectors = {n: replace(s, sector="One" if n == "ALFA" else "Two") for n, s in market.securities.items()}
    divided = replace(market, securities=sectors)

    found = failed(under(plan, max_sector_active=0.08, exclude=("sector:One",)), snapshot, divided)

    assert found["sectors"] == "Two: active weight 0.0900, bound 0.08"


def selling_everything(plan):
    """400 ALFA: 3,000 lost long-term and gained short-term each; 500 BETA: 10,000 gained. Tax -750 + 1,200 + 2,500."""
    alfa, beta, _ = plan.trades
    lots = (
        alfa.lots[0],
        replace(alfa.lots[0], lot_id="a2", quantity=D(300), term=Term.SHORT, gain=D(3000)),
        replace(alfa.lots[0], lot_id="b1", quantity=D(500), gain=D(10_000)),
    )
    trades = (
        replace(alfa, quantity=D(400), amount=D(40_000), lots=lots[:2]),
        replace(beta, side=Side.SELL, quantity=D(500), amount=D(50_000), lots=lots[2:]),
    )
    # Cash: 10,000 + 90,000 less 5 bp of 90,000. Active weights -40, -50 and -10 %: sqrt(0.04 x 0.42) = 12.961481 %, a
    # risk of 100 x 0.04 x 0.42 = 16,800 bp; with 99.955 % cash an active share of (100 + 99.955) / 2 %.
    return replace(
        under(plan, liquidate=True, max_names=0, max_tracking_error=0.01, max_active_weight=0.01),
        trades=trades,
        tax=replace(plan.tax, st_gain=D(3000), lt_gain=D(7000), liability=D(2950)),
        after=replace(
            plan.after,
            nav=D(99_955),
            cash=D(99_955),
            tracking_error=0.12961481,
            active_share=0.999775,
            sectors=(("Any", -1.0),),
            unrealised=Unrealised(st_gain=D(0), st_loss=D(0), lt_gain=D(0), lt_loss=D(0)),
        ),
        objective=replace(plan.objective, total=17_099.5, risk=16_800, tax=295, cost=4.5, lower_bound=17_099.5),
    )


def test_a_sale_of_everything_passes_whatever_the_bounds_on_weights(plan, snapshot, market):
    checks = second_opinion(selling_everything(plan), snapshot, market)

    assert {check.verdict for check in checks} == {Verdict.PASS}


def test_a_restriction_may_keep_what_is_to_be_sold(plan, snapshot, market):
    kept = Restriction(scope="A", target="BETA", rule=Rule.DO_NOT_SELL, value=None, until=None, reason="policy")
    partly = replace(selling_everything(plan), trades=selling_everything(plan).trades[:1])

    assert "BETA: 500 shares stay" in failed(partly, snapshot, market)["liquidation"]
    assert "liquidation" not in failed(partly, replace(snapshot, restrictions=(kept,)), market)


def barring(name):
    return Restriction(scope="A", target=name, rule=Rule.DO_NOT_HOLD, value=None, until=None, reason="policy")


def test_what_must_go_has_no_band_and_no_smallest_trade(plan, snapshot, market):
    # ALFA is sold from its target of 40 % to 30 %, in a trade of 10,000 USD.
    strict = replace(under(plan, max_active_weight=0.096, min_trade_usd=D(10_001)), trades=plan.trades[:1])
    barred = replace(snapshot, restrictions=(barring("ALFA"),))

    found = failed(strict, snapshot, market)
    assert found["active weights"] == "ALFA: active weight -0.1000, bound 0.096"
    assert "ALFA: trade of 10000, minimum 10001" in found["limits on trades and names"]
    assert not {"active weights", "limits on trades and names"} & failed(strict, barred, market).keys()


def test_a_cap_on_gains_means_nothing_where_no_tax_is_paid(plan, snapshot, market):
    # The plan's net gain is a loss of 3,000; the cap asks for 4,000.
    asked = under(plan, max_net_gain=D(-4000))
    ira = replace(snapshot.account, registration=Registration.IRA)
    untaxed = replace(snapshot, book=replace(snapshot.book, account=ira))
    costless = replace(
        asked,
        tax=replace(plan.tax, liability=D(0), harvested_loss=D(0)),
        objective=replace(plan.objective, tax=0, total=763.45, lower_bound=763.45),
    )

    assert failed(asked, snapshot, market) == {"limits on trades and names": "net gain -3000.00, limit -4000"}
    assert failed(costless, untaxed, market) == {}
