"""An account that no plan can serve says which rules conflict, no more than needed, and what would help."""

from dataclasses import replace
from datetime import date
from decimal import Decimal as D

import pytest

from engine.domain.accounts import Restriction, Rule
from engine.domain.plans import PlanStatus
from engine.domain.settings import LotMethod, PlanSettings
from engine.plan.conflicts import Inputs, find_conflict
from engine.plan.document import plan_document, plan_from_document
from engine.plan.propose import household_locks, propose_plan

LONG_AGO = date(2024, 1, 5)
OPEN = PlanSettings(max_active_weight=None, max_sector_active=None, whole_shares=False)


def rule(kind, target, value=None):
    return Restriction(scope="A", target=target, rule=kind, value=value, until=None, reason="Test")


@pytest.fixture
def market(market_of):
    return market_of({"A": 100, "B": 50}, {"A": "0.6", "B": "0.4"}, A={"sector": "Tech"}, B={"sector": "Energy"})


@pytest.fixture
def holding(account_of):
    """600 A and 800 B, 100,000 USD in all besides cash; A at a gain of half its value."""
    return lambda cash, *restrictions, a_cost=50: account_of(
        cash, ("a", "A", 600, a_cost, LONG_AGO), ("b", "B", 800, 50, LONG_AGO), restrictions=restrictions
    )


def conflict(account, market, settings):
    plan, _ = propose_plan(account, market, settings, inputs_hash="")

    assert plan.status is PlanStatus.INFEASIBLE
    assert plan.trades == ()
    assert plan.repair
    return set(plan.conflicts), plan.repair


def test_a_withdrawal_beyond_what_may_be_sold(holding, market):
    # 40,000 USD of B may be sold at a cost of 20, none of A; with 1,000 of cash 40,980 can be paid, less what must
    # stay: 40,980 - w = 0.2 % of (101,000 - w) gives w = 40,859.72, which is 9,140.28 less than 50,000.
    names, repair = conflict(holding(1_000, rule(Rule.DO_NOT_SELL, "A")), market, replace(OPEN, withdrawal=D(50_000)))

    assert names == {"do_not_sell A", "withdrawal"}
    assert repair == "Withdraw about 9,141 USD less than 50,000 USD."


def test_the_repair_that_is_named_suffices(holding, market):
    account = holding(1_000, rule(Rule.DO_NOT_SELL, "A"))

    plan, _ = propose_plan(account, market, replace(OPEN, withdrawal=D(50_000 - 9_141)), inputs_hash="")

    assert plan.status is not PlanStatus.INFEASIBLE


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # All of B and 91.27 shares of A would do: 92 whole ones have 4,600 USD of gain, one more 4,650.
        ({"withdrawal": D(50_000), "max_net_gain": D(1_000)}, ("max_net_gain", 4_600, 4_650)),
        # 383.43 shares of B would do: 384 of them are 19,200 USD, half of it 11.852 % of 81,000; one more 11.883 %.
        ({"withdrawal": D(20_000), "max_turnover": 0.05}, ("max_turnover", 0.1186, 0.1189)),
    ],
)
def test_the_repair_is_one_setting_to_change_and_suffices_in_whole_shares(holding, market, changes, expected):
    account, settings = holding(1_000), replace(OPEN, whole_shares=True, **changes)

    plan, run = propose_plan(account, market, settings, inputs_hash="")
    change = plan.repair_change
    repaired, _ = propose_plan(account, market, replace(settings, **{change.setting: change.value}), inputs_hash="")
    setting, least, most = expected

    assert change.setting == setting
    assert least <= change.value <= most
    assert repaired.status is not PlanStatus.INFEASIBLE
    assert plan_from_document(plan_document(plan, run))[0].repair_change == change


def test_a_minimum_of_cash_that_nothing_may_be_sold_for(holding, market):
    # Cash is nothing, nothing may be sold, and 0.2 % of value must be cash.
    frozen = (rule(Rule.DO_NOT_SELL, "A"), rule(Rule.DO_NOT_SELL, "B"))

    names, repair = conflict(holding(0, *frozen), market, OPEN)

    assert names == {"do_not_sell A", "do_not_sell B", "min_cash"}
    assert repair == "Lower min_cash from 0.20% to 0.00% of value."


def test_a_deposit_that_nothing_may_be_bought_with(holding, market):
    # Cash is 11,000 USD with the deposit, in 111,000: 9.91 %, of which 1 % may stay. Without the deposit 1,000 USD in
    # 101,000 is allowed; with d of it 1,000 + d = 1 % of (101,000 + d), d = 10.10, is the most: 9,989.90 less.
    frozen = (rule(Rule.DO_NOT_BUY, "A"), rule(Rule.DO_NOT_BUY, "B"))

    names, repair = conflict(holding(1_000, *frozen), market, replace(OPEN, deposit=D(10_000)))

    assert names == {"do_not_buy A", "do_not_buy B", "max_cash", "deposit"}
    assert repair == "Deposit about 9,990 USD less than 10,000 USD."


def test_a_withdrawal_of_more_than_the_account_is_worth(holding, market):
    names, repair = conflict(holding(1_000), market, replace(OPEN, withdrawal=D(200_000)))

    assert names == {"withdrawal"}
    assert repair == "The account is worth 101,000.00 USD; withdraw less than that."


def test_a_gains_cap_against_a_withdrawal(holding, market):
    # Of 51,000 USD after the flow 102 must be cash: 50,102 less 1,000 is to be raised. All of B brings 39,980 at no
    # gain, the other 9,122 take sales of 9,122 / 0.9995 = 9,126.56 of A, half of which is gain: 4,563.28.
    names, repair = conflict(holding(1_000), market, replace(OPEN, withdrawal=D(50_000), max_net_gain=D(1_000)))

    assert names == {"max_net_gain", "withdrawal"}
    assert repair == "Raise max_net_gain from 1,000 to 4,564 USD."


def test_a_turnover_cap_against_a_withdrawal(holding, market):
    # Of 81,000 USD after the flow 162 must be cash: sales of 19,162 / 0.9995 = 19,171.59, half of it 11.834 % one way.
    names, repair = conflict(holding(1_000), market, replace(OPEN, withdrawal=D(20_000), max_turnover=0.05))

    assert names == {"max_turnover", "withdrawal"}
    assert repair == "Raise max_turnover from 5.00% to 11.84%."


def test_an_enforced_bound_against_a_restriction(holding, market):
    # A is 60 % of value; a limit of 40 % is enforced, and A may not be sold.
    account = holding(500, rule(Rule.DO_NOT_SELL, "A"), rule(Rule.MAX_WEIGHT, "A", D("0.4")))

    names, repair = conflict(account, market, replace(OPEN, enforce=True))

    assert names == {"do_not_sell A", "enforce", "max_weight A"}
    assert repair == "Lift one of: " + ", ".join(sorted(names, key=repair.index)) + "."


def test_a_name_that_must_go_and_may_not_be_replaced(holding, market):
    # 60,000 USD of A, less 30 of cost, come to 500 of cash in 100,500: 60.169 %.
    account = holding(500, rule(Rule.DO_NOT_HOLD, "A"), rule(Rule.DO_NOT_BUY, "B"))

    names, repair = conflict(account, market, OPEN)

    assert names == {"do_not_hold A", "do_not_buy B", "max_cash"}
    assert repair == "Raise max_cash from 1.00% to 60.17% of value."


def test_a_lot_method_that_cannot_pass_a_locked_lot(holding, account_of, market):
    # HIFO sells the loss lot a2 first, which the threshold keeps; nothing else may be sold to raise the minimum cash.
    account = account_of(
        0, ("a1", "A", 300, 50, LONG_AGO), ("a2", "A", 300, 101, LONG_AGO), restrictions=(rule(Rule.DO_NOT_SELL, "B"),)
    )
    settings = replace(OPEN, lot_method=LotMethod.HIFO, harvest_min_loss_usd=D(1_000))

    names, _ = conflict(account, market, settings)

    assert names >= {"min_cash"}
    assert names & {"lot_method", "harvest_min_loss"}


@pytest.mark.parametrize("seed", [14, 20, 23, 24, 42, 49, 55, 75, 108])
def test_no_rule_of_a_conflict_can_be_left_out(random_case, seed):
    snapshot, market, settings, locks = random_case(seed)
    plan, _ = propose_plan(snapshot, market, settings, inputs_hash="")
    assert plan.status is PlanStatus.INFEASIBLE

    # Lifting any one of them, with every rule that is not named already lifted, makes a plan possible.
    inputs = Inputs(snapshot=snapshot, settings=settings, locks=locks)
    assert find_conflict(inputs, market).rules == plan.conflicts
    for lifted in plan.conflicts:
        assert is_possible(only(inputs, set(plan.conflicts) - {lifted}), market), lifted
    assert not is_possible(only(inputs, set(plan.conflicts)), market)


def only(inputs, rules):
    """The inputs with no other rules than these."""
    settings, snapshot = inputs.settings, inputs.snapshot
    kept = tuple(r for r in snapshot.restrictions if f"{r.rule.value} {r.target}" in rules)
    named = {"max_factor_active": None, "max_sector_active": None, "max_active_weight": None, "enforce": False,
             "min_trade_usd": D(0), "exclude": (), "max_net_gain": None, "max_turnover": None, "max_cash": 1.0,
             "min_cash": 0.0, "deposit": D(0), "withdrawal": D(0), "lot_method": LotMethod.OPTIMAL}  # fmt: skip
    changes = {key: value for key, value in named.items() if key not in rules}
    if "harvest_min_loss" not in rules:
        changes |= {"harvest_min_loss_usd": D(0), "harvest_min_loss_pct": 0.0}
    return Inputs(
        snapshot=replace(snapshot, restrictions=kept),
        settings=replace(settings, **changes),
        locks=inputs.locks if "wash_sales" in rules else (),
    )


def is_possible(inputs, market):
    """Whether a plan is found by the whole engine; the household's books tell of locks, so those go as well."""
    books = inputs.snapshot.household_books if inputs.locks else (inputs.snapshot.book,)
    snapshot = replace(inputs.snapshot, household_books=books)
    assert household_locks(snapshot, market) == inputs.locks
    settings = replace(inputs.settings, whole_shares=False)
    return propose_plan(snapshot, market, settings, inputs_hash="")[0].status is not PlanStatus.INFEASIBLE
