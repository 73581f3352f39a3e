"""The second checker stops every kind of error, seeded into plans that the optimiser really made.

Each row of the table takes one plan that passes every rule, makes one mistake in it, and names the rule that has to
stop it, with what else follows from the mistake; no other rule may fail. A mistake is either a figure stated wrongly,
or something that was overlooked: the plan is then made in good order from inputs without it, and judged with it.
"""

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from engine.domain.accounts import Registration
from engine.domain.market import Mark, Model
from engine.domain.plans import LotSale, Plan, PlanStatus, Side, Term, Trade, Verdict
from engine.domain.settings import LotMethod
from engine.review.checker import failures, second_opinion
from tests.engine.review.proposed import ACCOUNTS, AS_OF, PRICES, Inputs, propose

NO_MORE: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Mistake:
    """What goes wrong in the plan of an account of ACCOUNTS, and the rule that stops it; also: what else then fails."""

    what: str
    account: str
    make: Callable[[Plan, Inputs], Plan]
    rule: str
    also: frozenset[str] = field(default=NO_MORE)


# Figures stated wrongly.


def traded(name: str, /, **changes: Any) -> Callable[[Plan, Inputs], Plan]:
    """The trade in this name changed; what rests on it is left as it was."""
    return lambda plan, _: replace(
        plan, trades=tuple(replace(t, **changes) if t.security_id == name else t for t in plan.trades)
    )


def sold(lot: str, /, **changes: Any) -> Callable[[Plan, Inputs], Plan]:
    """The sale of one lot changed."""

    def make(plan: Plan, _: Inputs) -> Plan:
        trades = []
        for trade in plan.trades:
            lots = tuple(replace(s, **changes) if s.lot_id == lot else s for s in trade.lots)
            trades.append(replace(trade, lots=lots))
        return replace(plan, trades=tuple(trades))

    return make


def stated(part: str, **changes: Any) -> Callable[[Plan, Inputs], Plan]:
    """Figures of one part of the document; those that are functions get the right figure and return a wrong one."""

    def make(plan: Plan, _: Inputs) -> Plan:
        right = getattr(plan, part)
        wrong = {key: value(getattr(right, key)) for key, value in changes.items()}
        return replace(plan, **{part: replace(right, **wrong)})

    return make


def trade_of(plan: Plan, name: str) -> Trade:
    return next(trade for trade in plan.trades if trade.security_id == name)


def with_liability(plan: Plan, **figures: D) -> Plan:
    """Other tax figures, and the objective that goes with them: 12 USD are 1 bp of 120,000."""
    tax = replace(plan.tax, **figures)
    more = float((tax.liability - plan.tax.liability) / 12)
    said = plan.objective
    return replace(
        plan,
        tax=tax,
        objective=replace(said, tax=said.tax + more, total=said.total + more, lower_bound=said.lower_bound + more),
    )


def more_of_a_lot(plan: Plan, _: Inputs) -> Plan:
    """Lot d1 has 120 shares."""
    trade = trade_of(plan, "D")
    sale = replace(trade.lots[0], quantity=D(121), gain=D(-1210))
    return traded("D", quantity=D(121), amount=D(7260), lots=(sale,))(plan, _)


def twice_the_lot(plan: Plan, _: Inputs) -> Plan:
    """Lot a1 has 100 shares, and each of two trades sells them."""
    trade = trade_of(plan, "A")
    return replace(plan, trades=(trade, *plan.trades))


def one_lot_in_two_lines(plan: Plan, _: Inputs) -> Plan:
    (sale,) = trade_of(plan, "A").lots
    halves = (replace(sale, quantity=D(50), gain=sale.gain / 2),) * 2
    return traded("A", lots=halves)(plan, _)


def lots_fewer_than_the_trade(plan: Plan, _: Inputs) -> Plan:
    """A trade refuses such lots when it is made, so it is forged here."""
    forged = copy(trade_of(plan, "A"))
    object.__setattr__(forged, "lots", (replace(forged.lots[0], quantity=D(99), gain=D(-2970)),))
    return replace(plan, trades=tuple(forged if t.security_id == "A" else t for t in plan.trades))


def a_sale_called_a_purchase(plan: Plan, _: Inputs) -> Plan:
    return traded("A", side=Side.BUY)(plan, _)


def a_purchase_called_a_sale(plan: Plan, _: Inputs) -> Plan:
    """C is bought at 50; lot c1 cost 40."""
    bought = trade_of(plan, "C")
    lot = LotSale(lot_id="c1", quantity=bought.quantity, term=Term.LONG, gain=bought.quantity * 10)
    return traded("C", side=Side.SELL, lots=(lot,))(plan, _)


def a_purchase_that_names_lots(plan: Plan, _: Inputs) -> Plan:
    lot = LotSale(lot_id="c1", quantity=D(1), term=Term.LONG, gain=D(10))
    return traded("C", lots=(lot,))(plan, _)


def a_year_to_the_day_called_long(plan: Plan, _: Inputs) -> Plan:
    """Lot d1 was acquired exactly one year ago. Its loss is counted, and taxed, as long-term: 25 % and not 40 %."""
    loss = trade_of(plan, "D").lots[0].gain
    changed = sold("d1", term=Term.LONG)(plan, _)
    tax = plan.tax
    return with_liability(
        changed, st_gain=tax.st_gain - loss, lt_gain=tax.lt_gain + loss, liability=tax.liability - loss * D("0.15")
    )


def part_of_the_sale_of_everything(plan: Plan, _: Inputs) -> Plan:
    """Without the last trade, 50 shares of H at 200 with a loss of 750, long-term; 10,000 USD at 5 bp."""
    return replace(plan, trades=plan.trades[:-1])


# Rules overlooked.


def overlooking(forget: Callable[[Inputs], Inputs]) -> Callable[[Plan, Inputs], Plan]:
    """The plan that the optimiser makes from inputs without the rule, stated as if it were made under the rule."""

    def make(plan: Plan, inputs: Inputs) -> Plan:
        blind = propose(forget(inputs))
        assert blind.status is not PlanStatus.INFEASIBLE
        assert blind.trades != plan.trades or blind.tax != plan.tax
        return replace(blind, settings=inputs.settings, status=PlanStatus.FEASIBLE)

    return make


def setting(**values: Any) -> Callable[[Plan, Inputs], Plan]:
    """A setting overlooked: it has its default, or this value."""
    return overlooking(lambda inputs: inputs.having(**values))


def alone(inputs: Inputs) -> Inputs:
    """The account without the rest of its household."""
    return inputs.knowing(household_books=(inputs.snapshot.book,), pending=())


def unrestricted(inputs: Inputs) -> Inputs:
    return inputs.knowing(restrictions=())


def in_another_market(inputs: Inputs, **securities: Any) -> Inputs:
    known = dict(inputs.market.securities)
    changed = {name: replace(known[name], **changes) for name, changes in securities.items()}
    return replace(inputs, market=replace(inputs.market, securities={**known, **changed}))


def not_known_as_twins(inputs: Inputs) -> Inputs:
    return in_another_market(inputs, F={"identical_group": None}, G={"identical_group": None})


def at_an_old_price(inputs: Inputs) -> Inputs:
    marks = {**inputs.market.marks, "E": Mark(price=D(39), on=AS_OF - timedelta(1))}
    return replace(inputs, market=replace(inputs.market, marks=marks))


def for_an_old_model(inputs: Inputs) -> Inputs:
    weights = tuple((name, D(1) / 8) for name in PRICES)
    return replace(inputs, market=replace(inputs.market, models={"M": Model(model_id="M", weights=weights)}))


FIGURES = frozenset({"account after", "objective"})
TOLD_OF_THE_ACCOUNT = frozenset({"account before", "account after"})

MISTAKES = (
    # Trades and lots
    Mistake("one share too many", "plain", traded("E", quantity=D(347), amount=D(13_880)), "account after",
            also=frozenset({"objective"})),
    Mistake("a sale called a purchase", "plain", a_sale_called_a_purchase, "one side for each name",
            also=frozenset({"cash", "cash band", "wash sales", *FIGURES})),
    Mistake("a purchase called a sale", "plain", a_purchase_called_a_sale, "account after",
            also=frozenset({"tax", "cash band", "objective"})),
    Mistake("a price off by a dollar", "plain", traded("E", price=D(41)), "prices and amounts",
            also=frozenset({"account after"})),
    Mistake("an amount off by a dollar", "plain", traded("E", amount=D(13_841)), "prices and amounts"),
    Mistake("a lot that does not exist", "plain", sold("a1", lot_id="a9"), "lots and securities exist"),
    Mistake("a lot of another name", "plain", sold("a1", lot_id="b1"), "lots and securities exist"),
    Mistake("a lot of the spouse's account", "spouse bought", sold("a1", lot_id="D-9"), "lots and securities exist"),
    Mistake("a security that nobody knows", "plain", traded("E", security_id="NONE"), "lots and securities exist"),
    Mistake("more of a lot than there is", "plain", more_of_a_lot, "lots suffice",
            also=frozenset({"tax", *FIGURES})),
    Mistake("a lot sold twice over", "plain", twice_the_lot, "lots suffice",
            also=frozenset({"one side for each name", "tax", "cash band", *FIGURES})),
    Mistake("two trades in one name", "plain", twice_the_lot, "one side for each name",
            also=frozenset({"lots suffice", "tax", "cash band", *FIGURES})),
    Mistake("a lot named twice", "plain", one_lot_in_two_lines, "lots suffice"),
    Mistake("lots that do not sum to the trade", "plain", lots_fewer_than_the_trade, "lots suffice",
            also=frozenset({"tax", "account after"})),
    Mistake("a purchase that names lots", "plain", a_purchase_that_names_lots, "one side for each name",
            also=frozenset({"tax", "account after"})),
    Mistake("lots not first in, first out", "fifo", setting(lot_method=LotMethod.OPTIMAL), "lot order"),
    Mistake("not the dearest lots first", "hifo", setting(lot_method=LotMethod.OPTIMAL), "lot order"),
    Mistake("a fraction of a share", "plain", setting(whole_shares=False), "whole shares"),
    Mistake("an odd lot", "round lots",
            overlooking(lambda i: in_another_market(i, **{n: {"lot_size": None} for n in PRICES})), "whole shares"),
    # Terms, gains, tax
    Mistake("a year to the day called long-term", "plain", a_year_to_the_day_called_long, "terms and gains"),
    Mistake("a tacked holding period ignored", "tacked", overlooking(lambda i: i.holding("d1", holding_start=None)),
            "terms and gains", also=TOLD_OF_THE_ACCOUNT),
    Mistake("a gain off by a dollar", "plain", sold("a1", gain=D(-2999)), "terms and gains", also=frozenset({"tax"})),
    Mistake("a basis without the loss that was added to it", "adjusted",
            overlooking(lambda i: i.holding("a1", wash_adjustment=None)), "terms and gains", also=TOLD_OF_THE_ACCOUNT),
    Mistake("a liability off by a dollar", "plain",
            lambda plan, _: with_liability(plan, liability=plan.tax.liability + 1), "tax"),
    Mistake("netting forgotten", "netted", setting(net_taxes=False), "tax"),
    Mistake("netting where none is asked for", "plain", setting(net_taxes=True), "tax"),
    Mistake("a carryforward forgotten", "netted", overlooking(lambda i: i.owning(lt_carryforward=D(0))), "tax"),
    Mistake("the year to date forgotten", "netted", overlooking(lambda i: i.owning(ytd_st_gain=D(0))), "tax"),
    Mistake("another account's tax rate", "plain", overlooking(lambda i: i.owning(st_rate=D("0.3"))), "tax"),
    Mistake("short and long swapped", "plain",
            lambda plan, _: replace(plan, tax=replace(plan.tax, st_gain=plan.tax.lt_gain, lt_gain=plan.tax.st_gain)),
            "tax"),
    Mistake("a harvested loss too large", "plain", stated("tax", harvested_loss=lambda right: right + 1), "tax"),
    Mistake("a disallowed loss that is none", "plain", stated("tax", disallowed=lambda right: right + 1), "tax"),
    Mistake("a disallowed loss not announced", "allowed", overlooking(alone), "tax"),
    Mistake("a loss that a twin in the spouse's account takes away not announced", "allowed, a twin elsewhere",
            overlooking(alone), "tax"),
    Mistake("a loss gone for good not announced", "allowed behind an IRA", overlooking(alone), "tax"),
    Mistake("a disallowed loss understated", "allowed", stated("tax", disallowed=lambda right: right - 1), "tax"),
    Mistake("tax in a retirement account", "retirement", overlooking(
        lambda i: i.owning(registration=Registration.TAXABLE)), "tax"),
    Mistake("losses of a retirement account called harvested", "retirement",
            stated("tax", harvested_loss=lambda right: right + 500), "tax"),
    # Wash sales
    Mistake("a loss after the spouse's purchase", "spouse bought", overlooking(alone), "wash sales"),
    Mistake("a loss thirty days after a reinvested dividend", "spouse reinvested", overlooking(alone), "wash sales"),
    Mistake("a loss after a purchase in a retirement account", "retirement account bought", overlooking(alone),
            "wash sales"),
    Mistake("a loss after a purchase that only a lot tells of", "a lot alone tells", overlooking(alone), "wash sales"),
    Mistake("a loss after a purchase of the twin", "the twin was bought", overlooking(alone), "wash sales"),
    Mistake("a loss against an approved purchase not yet sent", "a purchase is pending", overlooking(alone),
            "wash sales"),
    Mistake("a purchase thirty days after a loss", "spouse sold at a loss", overlooking(alone), "wash sales"),
    Mistake("a purchase of the twin of what lost", "spouse sold the twin at a loss", overlooking(alone), "wash sales"),
    Mistake("a purchase against an approved loss not yet sent", "a loss sale is pending", overlooking(alone),
            "wash sales"),
    Mistake("a purchase in a retirement account after a loss", "retirement after a loss", overlooking(alone),
            "wash sales"),
    Mistake("the twin of a harvested name bought", "twins", overlooking(not_known_as_twins), "wash sales"),
    # Restrictions
    Mistake("a name bought that may not be", "do not buy", overlooking(unrestricted), "restrictions"),
    Mistake("a name sold that may not be", "do not sell", overlooking(unrestricted), "restrictions"),
    Mistake("a name kept that may not be held", "do not hold", overlooking(unrestricted), "exits"),
    Mistake("a name of a screened kind bought", "no weapons", overlooking(unrestricted), "restrictions",
            also=frozenset({"exits"})),
    Mistake("a name bought on the last day of a blackout", "blackout", overlooking(unrestricted), "restrictions"),
    Mistake("more of a name than allowed", "most of a name", overlooking(unrestricted), "restricted weights"),
    Mistake("less of a name than demanded", "least of a name", overlooking(unrestricted), "restricted weights"),
    Mistake("more of a sector than allowed", "most of a sector", overlooking(unrestricted), "restricted weights"),
    Mistake("an excluded name bought", "excluded", setting(exclude=()), "restrictions", also=frozenset({"exits"})),
    Mistake("an excluded name kept", "one excluded", setting(exclude=()), "exits"),
    Mistake("a name traded that cannot be", "not tradable",
            overlooking(lambda i: in_another_market(i, E={"tradable": None})), "restrictions"),
    # Limits
    Mistake("too many trades", "few trades", setting(max_trades=None), "limits on trades and names"),
    Mistake("too many names", "few names", setting(max_names=None), "limits on trades and names"),
    Mistake("too much turnover", "little turnover", setting(max_turnover=None), "limits on trades and names"),
    Mistake("too much gain", "little gain", setting(max_net_gain=None), "limits on trades and names"),
    Mistake("a trade too small", "large trades", setting(min_trade_usd=D(0)), "limits on trades and names"),
    Mistake("a loss too small to be taken", "large losses", setting(harvest_min_loss_usd=D(0)), "small losses"),
    Mistake("too far from the target", "close", setting(max_tracking_error=None), "tracking error"),
    Mistake("a name out of its band", "banded", setting(max_active_weight=None), "active weights"),
    Mistake("a sector out of its band", "sectors banded", setting(max_sector_active=None), "sectors"),
    Mistake("a factor out of its band", "factors banded", setting(max_factor_active=None), "factors"),
    Mistake("cash below its band", "much cash", setting(min_cash=0.002, max_cash=0.025), "cash band"),
    Mistake("cash above its band", "plain", setting(min_cash=0.06, max_cash=0.08), "cash band"),
    Mistake("cash overdrawn", "plain", overlooking(lambda i: i.owning(cash=D(20_000))), "cash",
            also=frozenset({"cash band", "account before", *FIGURES})),
    Mistake("something bought while all is sold", "sold out", setting(liquidate=False), "liquidation"),
    Mistake("something kept while all is sold", "sold out", part_of_the_sale_of_everything, "liquidation",
            also=frozenset({"tax", *FIGURES})),
    # What the plan says of itself
    Mistake("the plan of another account", "plain", lambda plan, _: replace(plan, account_id="B"),
            "lots and securities exist"),
    Mistake("the plan of another day", "plain", lambda plan, _: replace(plan, as_of=AS_OF - timedelta(1)),
            "day of the inputs"),
    Mistake("yesterday's price", "plain", overlooking(at_an_old_price), "prices and amounts",
            also=FIGURES),
    Mistake("an old model", "plain", overlooking(for_an_old_model), "account after",
            also=frozenset({"account before", "objective"})),
    Mistake("trading costs forgotten", "plain", setting(cost_bp=0.0), "account after"),
    Mistake("a withdrawal forgotten", "withdrawal", setting(withdrawal=D(0)), "account after",
            also=frozenset({"cash", "cash band", "objective"})),
    Mistake("a deposit forgotten", "deposit", setting(deposit=D(0)), "account after",
            also=frozenset({"cash band", "objective"})),
    Mistake("cash after it off by a dollar", "plain", stated("after", cash=lambda right: right + 1), "account after"),
    Mistake("value after it off by a dollar", "plain", stated("after", nav=lambda right: right + 1), "account after"),
    Mistake("a tracking error stated too low", "plain", stated("after", tracking_error=lambda right: right - 1e-5),
            "account after"),
    Mistake("an active share misstated", "plain", stated("after", active_share=lambda right: right - 1e-6),
            "account after"),
    Mistake("a sector misstated", "plain", stated("after", sectors=lambda right: right[1:]), "account after"),
    Mistake("unrealised gains misstated", "plain",
            stated("after", unrealised=lambda right: replace(right, lt_gain=right.lt_gain + 1)), "account after"),
    Mistake("the account as it stands misstated", "plain", stated("before", nav=lambda right: right + 1),
            "account before"),
    Mistake("trades under a status that has none", "plain", lambda plan, _: replace(
        plan, status=PlanStatus.INFEASIBLE), "feasible"),
    Mistake("an objective that is not the sum of its parts", "plain",
            stated("objective", cost=lambda right: right - 0.01), "objective"),
    Mistake("a gap stated too small", "round lots", stated("objective", gap=lambda right: right - 0.01), "objective"),
    Mistake("a plan called optimal that is not", "round lots",
            lambda plan, _: replace(plan, status=PlanStatus.OPTIMAL), "objective"),
    Mistake("a risk stated too low", "plain", stated(
        "objective", risk=lambda right: right - 0.01, cost=lambda right: right + 0.01), "objective"),
    Mistake("a tax stated too low in the objective", "plain", stated(
        "objective", tax=lambda right: right - 1, cost=lambda right: right + 1), "objective"),
)  # fmt: skip


@pytest.fixture(scope="module")
def made(market_of, account_of) -> Callable[[str], tuple[Inputs, Plan]]:
    """made(account) is an account's inputs and the plan that the optimiser proposes from them."""
    known: dict[str, tuple[Inputs, Plan]] = {}

    def of(account: str) -> tuple[Inputs, Plan]:
        if account not in known:
            inputs = ACCOUNTS[account]((market_of, account_of))
            known[account] = (inputs, propose(inputs))
        return known[account]

    return of


@pytest.mark.parametrize("account", ACCOUNTS)
def test_the_plan_as_it_is_made_passes_every_rule(made, account):
    inputs, plan = made(account)

    assert plan.trades
    assert {check.verdict for check in second_opinion(plan, inputs.snapshot, inputs.market)} == {Verdict.PASS}


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.what)
def test_a_plan_with_a_mistake_is_stopped_by_the_rule_against_it(made, mistake):
    inputs, plan = made(mistake.account)

    wrong = mistake.make(plan, inputs)

    found = {check.rule for check in failures(second_opinion(wrong, inputs.snapshot, inputs.market))}
    assert mistake.rule in found
    assert found - {mistake.rule} <= mistake.also
