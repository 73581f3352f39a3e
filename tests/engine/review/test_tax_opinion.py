"""Netting and disallowed losses, derived apart from the engine's own: by hand, and against the engine on chance."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D
from itertools import product

import numpy as np
import pytest

from engine.domain.accounts import AccountBook, Lot, Registration, Transaction, TransactionType
from engine.domain.plans import Term
from engine.domain.settings import WashSalePolicy
from engine.review.case import Case
from engine.review.checker import failures, second_opinion
from engine.review.replacements import disallowed_losses
from engine.tax.netting import YearToDate, netted_liability
from engine.tax.realised import losses_by_sale, realised_pieces
from engine.tax.replay import replay
from engine.tax.wash_sales import ledger

AS_OF = date(2026, 11, 20)
BUY, SELL, REINVEST = TransactionType.BUY, TransactionType.SELL, TransactionType.REINVEST


def failed(plan, snapshot, market) -> dict[str, str]:
    return {check.rule: check.detail for check in failures(second_opinion(plan, snapshot, market))}


def under(plan, **settings):
    return replace(plan, settings=replace(plan.settings, **settings))


def stating(plan, **figures):
    """The plan with other tax figures, and the objective that goes with them: 10 USD are 1 bp of 100,000."""
    tax = replace(plan.tax, **figures)
    others = plan.objective.total - plan.objective.tax
    part, total = float(tax.liability / 10), others + float(tax.liability / 10)
    return replace(plan, tax=tax, objective=replace(plan.objective, tax=part, total=total, lower_bound=total))


def earlier(snapshot, **figures):
    account = replace(snapshot.account, **{name: D(value) for name, value in figures.items()})
    return replace(snapshot, book=replace(snapshot.book, account=account))


# The plan takes a long-term loss of 3,000; rates 40 % and 25 %, a carried loss is worth half of its rate.
@pytest.mark.parametrize(
    ("year", "liability"),
    [
        ({}, D(-1200)),  # all of it off ordinary income
        ({"ytd_lt_gain": 10_000}, D(-750)),
        ({"ytd_st_gain": 5_000}, D(-1200)),  # meets the short-term gain once there is no long-term one
        ({"ytd_st_gain": 1_000}, D(-1200)),  # 1,000 against the gain, 2,000 off income
        ({"st_carryforward": 3_000}, D(-375)),  # the 3,000 are used up: carried, 25 % x 1/2
        ({"ytd_st_gain": 1_000, "lt_carryforward": 2_000}, D(-925)),  # 2,000 off income, 1,000 carried
        # 1,500 were off income already: another 1,500, and 1,500 carried
        ({"ytd_lt_gain": 1_000, "st_carryforward": 2_500}, D("-787.5")),
    ],
)
def test_netted_tax_by_hand(plan, snapshot, market, year, liability):
    snapshot = earlier(snapshot, **year)
    netted = under(plan, net_taxes=True)

    assert failed(stating(netted, liability=D("0.5")), snapshot, market) == {
        "tax": f"liability 0.5, expected {liability:.2f}"
    }
    assert failed(stating(netted, liability=liability), snapshot, market) == {}


def test_netted_tax_is_that_of_the_engine_in_every_quarter_of_the_year(plan, snapshot, market):
    steps = [-9_000, -2_000, 0, 2_000, 9_000]
    for st, lt, ytd_st, ytd_lt in product(steps, repeat=4):
        year = earlier(snapshot, ytd_st_gain=ytd_st, ytd_lt_gain=ytd_lt)
        liability = netted_liability(
            D(st), D(lt), YearToDate(st_gain=D(ytd_st), lt_gain=D(ytd_lt), st_carryforward=D(0), lt_carryforward=D(0)),
            st_rate=D("0.4"), lt_rate=D("0.25"), carryforward_value=D("0.3"),
        )  # fmt: skip
        sales = (
            replace(plan.trades[0].lots[0], term=Term.SHORT, gain=D(st)),
            replace(plan.trades[0].lots[0], term=Term.LONG, gain=D(lt)),
        )
        trade = replace(plan.trades[0], quantity=D(200), lots=sales)
        stated = stating(
            under(replace(plan, trades=(trade,)), net_taxes=True, carryforward_value=0.3),
            st_gain=D(st), lt_gain=D(lt), harvested_loss=max(D(-st), D(0)) + max(D(-lt), D(0)), liability=liability,
        )  # fmt: skip

        assert "tax" not in failed(stated, year, market), (st, lt, ytd_st, ytd_lt)


def row(
    days_ago: int, kind: TransactionType, quantity: int, price: int = 100, account: str = "B", **more
) -> Transaction:
    on = AS_OF - timedelta(days=days_ago)
    given = {"transaction_id": f"{account}{days_ago}{kind}", "lot_id": f"{account}{days_ago}", "security_id": "ALFA"}
    return Transaction(
        account_id=account, trade_date=on, type=kind, quantity=D(quantity), price=D(price), **(given | more)
    )


def lot(days_ago: int, quantity: int, account: str = "B", cost: int = 100) -> Lot:
    on = AS_OF - timedelta(days=days_ago)
    return Lot(
        account_id=account, lot_id=f"{account}{days_ago}", security_id="ALFA", quantity=D(quantity),
        cost_per_share=D(cost), acquired=on,
    )  # fmt: skip


def with_sibling(snapshot, lots, rows, registration=Registration.TAXABLE):
    account = replace(snapshot.account, account_id="B", registration=registration)
    sibling = AccountBook(account=account, lots=tuple(lots), transactions=tuple(rows))
    return replace(snapshot, household_books=(snapshot.book, sibling))


def allowing(plan, disallowed):
    """The plan as it should be stated: of a loss of 30 USD on each of 100 shares, long-term at 25 %, so much counts."""
    counted = 3000 - D(disallowed)
    return stating(
        under(plan, wash_sales=WashSalePolicy.ALLOW),
        lt_gain=-counted,
        harvested_loss=counted,
        liability=-counted / 4,
        disallowed=D(disallowed),
    )


CASES = {
    "nothing was bought": ([], [], 0),
    "forty shares bought ten days ago are still held": ([lot(10, 40)], [row(10, BUY, 40)], 1200),
    "a dividend reinvested today": ([lot(0, 7)], [row(0, REINVEST, 7)], 210),
    "thirty days are inside the window": ([lot(30, 40)], [row(30, BUY, 40)], 1200),
    "thirty-one days are outside": ([lot(31, 40)], [row(31, BUY, 40)], 0),
    "a lot that no row made counts by its date": ([lot(10, 40)], [], 1200),
    "what is sold again replaces nothing": ([], [row(10, BUY, 40), row(5, SELL, 40, lot_id="B10")], 0),
    "more than was sold takes all of it": ([lot(10, 400)], [row(10, BUY, 400)], 3000),
    "what caught an earlier loss catches no other": (
        [lot(10, 40)],
        [row(20, SELL, 25, basis=D(4000), lot_id="gone"), row(10, BUY, 40)],
        450,
    ),
    "a gain before it uses nothing up": (
        [lot(10, 40)],
        [row(20, SELL, 25, basis=D(2000), lot_id="gone"), row(10, BUY, 40)],
        1200,
    ),
    "shares moved in are no purchase": (
        [lot(10, 40)],
        [row(10, TransactionType.TRANSFER_IN, 40, basis=D(4000))],
        0,
    ),
    "shares of a gift sold against their worth of that day, lower than what the donor paid": (
        [lot(10, 40)],
        [
            row(40, TransactionType.TRANSFER_IN, 25, basis=D(4000), gift_price=D(90), gift_date=date(2026, 10, 11)),
            row(20, SELL, 25, lot_id="B40"),  # sold at 100: no loss, so nothing is caught before the plan
            row(10, BUY, 40),
        ],
        1200,
    ),
    "a lot given lately replaces nothing": (
        [replace(lot(10, 40), gift_price=D(90), gift_date=date(2026, 11, 15))],
        [],
        0,
    ),
    "a dividend to be reinvested thirty days ahead": ([], [row(-30, REINVEST, 7)], 210),
    "thirty-one days ahead is outside": ([], [row(-31, REINVEST, 7)], 0),
    "what is arranged comes after what was bought": ([lot(10, 40)], [row(10, BUY, 40), row(-5, BUY, 20)], 1800),
    "what is arranged takes no more than is left": ([lot(10, 90)], [row(10, BUY, 90), row(-5, BUY, 40)], 3000),
    "after a split of two for one there are twice as many": (
        [lot(10, 40)],
        [row(10, BUY, 20, price=200), row(3, TransactionType.SPLIT, 2, lot_id=None)],
        1200,
    ),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("registration", [Registration.TAXABLE, Registration.IRA])
def test_where_losses_are_allowed_what_a_purchase_takes_away_is_announced(plan, snapshot, market, case, registration):
    lots, rows, disallowed = CASES[case]
    if registration is Registration.IRA and case == "what caught an earlier loss catches no other":
        disallowed = 1200  # a loss inside an IRA is no deduction, so nothing caught it
    household = with_sibling(snapshot, lots, rows, registration)

    assert failed(allowing(plan, disallowed), household, market) == {}
    assert "tax" in failed(allowing(plan, disallowed + 30), household, market)


@pytest.mark.parametrize(
    ("splits", "arrives"),
    [
        ([(7, "B"), (6, "C")], 40),  # told by both custodians, and one split
        ([(7, "B"), (4, "C")], 20),  # the new custodian counts them as they were, and splits them later
    ],
)
def test_shares_bought_lately_that_split_on_their_way_to_another_account_catch_as_many_as_they_became(
    plan, snapshot, market, splits, arrives
):
    """20 bought ten days ago are 40 now: of a loss of 30 USD on each of 100 shares they take 1,200."""
    rows = {
        "B": [row(10, BUY, 20, price=200), row(8, TransactionType.TRANSFER_OUT, 20, lot_id="B10")],
        "C": [row(5, TransactionType.TRANSFER_IN, arrives, account="C")],
    }
    for days_ago, account in splits:
        rows[account].append(row(days_ago, TransactionType.SPLIT, 2, account=account, lot_id=None))
    moved = replace(lot(10, 40, "C"), lot_id="C5")
    books = [
        AccountBook(
            account=replace(snapshot.account, account_id=account),
            lots=(moved,) if account == "C" else (),
            transactions=tuple(sorted(of_account, key=lambda r: r.trade_date)),
        )
        for account, of_account in rows.items()
    ]
    household = replace(snapshot, household_books=(snapshot.book, *books))

    assert failed(allowing(plan, 1200), household, market) == {}
    assert "tax" in failed(allowing(plan, 600), household, market)


def test_of_two_losing_lots_the_one_acquired_first_is_caught(plan, snapshot, market):
    # a2 now lost 10 USD a share; 50 of it are sold beside 100 of a1, which is older and lost 30. Forty replacements.
    cheaper = replace(snapshot.lots[1], cost_per_share=D(110))
    book = replace(snapshot.book, lots=(snapshot.lots[0], cheaper, snapshot.lots[2]))
    household = with_sibling(replace(snapshot, book=book), [lot(10, 40)], [row(10, BUY, 40)])
    sale = plan.trades[0].lots[0]
    second = replace(sale, lot_id="a2", quantity=D(50), term=Term.SHORT, gain=D(-500))
    trade = replace(plan.trades[0], quantity=D(150), lots=(second, sale))

    found = disallowed_losses(Case(plan=replace(plan, trades=(trade,)), snapshot=household, market=market))

    assert found == {"a1": D(1200)}


def test_the_recent_purchase_itself_and_twins_stay_blocked_where_losses_are_allowed(plan, snapshot, market):
    recent = replace(snapshot.lots[0], acquired=AS_OF - timedelta(days=10))
    itself = replace(snapshot, book=replace(snapshot.book, lots=(recent, *snapshot.lots[1:])))
    household = with_sibling(snapshot, [lot(10, 40)], [row(10, BUY, 40)])
    twin = {**market.securities, "GAMA": replace(market.securities["GAMA"], identical_group="ALFA")}
    harvest = replace(allowing(plan, 0), trades=plan.trades[:2])  # without the purchase of GAMA, which is in the model

    assert (
        "lot a1: sold at a loss, but itself bought on 2026-11-10"
        in (failed(allowing(plan, 0), itself, market)["wash sales"])
    )
    assert (
        failed(harvest, household, replace(market, securities=twin))["wash sales"]
        == "ALFA: sold at a loss, but bought on 2026-11-10 in account B (B10buy)"
    )


def test_where_everything_is_sold_the_recent_purchase_may_go_too_but_not_where_losses_are_blocked(
    plan, snapshot, market
):
    recent = replace(snapshot.lots[0], acquired=AS_OF - timedelta(days=10))
    bought = replace(row(10, BUY, 100, account="A"), lot_id="a1")
    book = replace(snapshot.book, lots=(recent, *snapshot.lots[1:]), transactions=(bought,))
    itself = replace(snapshot, book=book, household_books=(book,))
    sold_out = under(plan, liquidate=True)

    assert "wash sales" not in failed(under(sold_out, wash_sales=WashSalePolicy.ALLOW), itself, market)
    assert "sold at a loss, but bought on 2026-11-10" in failed(sold_out, itself, market)["wash sales"]


def test_shares_given_lately_are_no_replacement_that_has_to_stay(plan, snapshot, market):
    """The donor bought a1 ten days ago and gave it five days ago, at more than it cost: the loss stays what it was."""
    bought = replace(snapshot.lots[0], acquired=AS_OF - timedelta(days=10))
    given = replace(bought, gift_price=D(150), gift_date=AS_OF - timedelta(days=5))
    unwanted = under(allowing(plan, 0), exclude=("ALFA",))

    def found(lot):
        book = replace(snapshot.book, lots=(lot, *snapshot.lots[1:]))
        return failed(unwanted, replace(snapshot, book=book, household_books=(book,)), market)

    assert "itself bought" in found(bought)["wash sales"]
    assert "exits" not in found(bought)
    assert "wash sales" not in found(given)
    assert found(given)["exits"] == "ALFA: 300 shares stay, though it may not be held"


@pytest.mark.parametrize(("worth", "disallowed"), [(45, 1200), (55, 0)])
def test_the_book_s_word_on_a_gift_counts_where_the_transfer_has_none_and_in_shares_of_today(
    plan, snapshot, market, worth, disallowed
):
    """20 of 25 that came for 160 each are sold at 100, before a 2-for-1. The lot says 45 a share, which was 90 then: no
    loss, so the 40 bought later catch what the plan loses. With 55, then 110, there is one, and they catch that.
    """
    rows = [
        row(40, TransactionType.TRANSFER_IN, 25, basis=D(4000)),
        row(20, SELL, 20, lot_id="B40"),
        row(15, TransactionType.SPLIT, 2, lot_id=None),
        row(10, BUY, 40),
    ]
    left = replace(lot(40, 10), gift_price=D(worth), gift_date=AS_OF - timedelta(days=40))

    household = with_sibling(snapshot, [left, lot(10, 40)], rows)

    assert failed(allowing(plan, disallowed), household, market) == {}


@pytest.mark.parametrize(("worth", "disallowed"), [(90, 1200), (110, 450)])
def test_an_approved_sale_of_a_gift_loses_against_its_worth(plan, snapshot, market, worth, disallowed):
    """25 that were bought first, for 160, go today at 100: no loss against 90; against 110 they use 25 of 40 up."""
    given = replace(lot(1500, 25, cost=160), gift_price=D(worth), gift_date=AS_OF - timedelta(days=400))
    household = with_sibling(snapshot, [given, lot(10, 40)], [row(10, BUY, 40)])
    household = replace(household, pending=(row(0, SELL, 25, lot_id="B1500"),))

    assert failed(allowing(plan, disallowed), household, market) == {}


def test_where_losses_are_allowed_buying_back_is_still_not(plan, snapshot, market):
    sold = replace(row(10, SELL, 10, price=50, basis=D(501)), security_id="GAMA")

    found = failed(allowing(plan, 0), with_sibling(snapshot, [], [sold]), market)

    assert found == {
        "wash sales": f"GAMA: bought, but sold at a loss on 2026-11-10 in account B ({sold.transaction_id})"
    }


@pytest.mark.parametrize(("ahead", "stopped"), [(1, True), (30, True), (31, False)])
def test_what_is_arranged_within_thirty_days_stops_a_loss_and_a_purchase(plan, snapshot, market, ahead, stopped):
    dividend = row(-ahead, REINVEST, 1)
    sale = replace(row(-ahead, SELL, 10, price=50, basis=D(501)), security_id="GAMA")
    gain = replace(sale, basis=D(500))
    on = AS_OF + timedelta(ahead)

    found = [failed(plan, with_sibling(snapshot, [], [each]), market) for each in (dividend, sale, gain)]

    lost, bought = (f"ALFA: sold at a loss, but to be bought on {on} in account B ({dividend.transaction_id})",
                    f"GAMA: bought, but to be sold at a loss on {on} in account B ({sale.transaction_id})")  # fmt: skip
    assert found == ([{"wash sales": lost}, {"wash sales": bought}, {}] if stopped else [{}, {}, {}])


@pytest.mark.parametrize("names", [("ALFA",), ("ALFA", "ALTO")], ids=["alone", "with a twin elsewhere"])
@pytest.mark.parametrize("seed", range(60))
def test_what_is_taken_away_is_what_the_ledger_says_of_the_same_history(plan, snapshot, market, seed, names):
    rng = np.random.default_rng(seed)
    twin = replace(market.securities["ALFA"], security_id="ALTO", identical_group="ALFA")
    market = replace(market, securities={**market.securities, "ALTO": twin})
    rows = {"B": [], "C": []}
    for number, day in enumerate(sorted(rng.integers(0, 90, size=int(rng.integers(3, 14))), reverse=True)):
        account = str(rng.choice(["B", "C"]))
        kind = [BUY, BUY, REINVEST, SELL][int(rng.integers(4))]
        price, quantity = int(rng.integers(60, 140)), int(rng.integers(5, 40))
        name = str(rng.choice(names))
        if kind is SELL:
            own = [r for r in rows[account] if r.security_id == name]
            if sum((-r.quantity if r.type is SELL else r.quantity for r in own), D(0)) < quantity:
                continue
        rows[account].append(
            row(int(day), kind, quantity, price, account, transaction_id=f"t{number:02d}",
                lot_id=None if kind is SELL else f"{account}{number}", security_id=name)
        )  # fmt: skip
    owner = {name: replace(snapshot.account, account_id=name, registration=registration) for name, registration in
             (("B", Registration.TAXABLE), ("C", Registration.IRA))}  # fmt: skip
    groups = {name: security.group for name, security in market.securities.items()}
    bare = [AccountBook(account=owner[name], lots=(), transactions=tuple(rows[name])) for name in ("B", "C")]
    left = ledger(bare, as_of=AS_OF, groups=groups).lots
    books = [
        replace(
            book,
            lots=tuple(
                Lot(account_id=held.account_id, lot_id=held.lot_id, security_id=held.security_id,
                    quantity=held.quantity, cost_per_share=held.basis / held.quantity, acquired=held.acquired)
                for held in _merged(left)
                if held.account_id == book.account.account_id
            ),
        )
        for book in bare
    ]  # fmt: skip
    household = replace(snapshot, household_books=(snapshot.book, *books))
    sale = Transaction(
        transaction_id="plan", account_id="A", trade_date=AS_OF, security_id="ALFA", type=SELL, quantity=D(100),
        price=D(100), lot_id="a1", basis=D(13_000),
    )  # fmt: skip
    played = replay(household.household_books, as_of=AS_OF, groups=groups, pending=(sale,))
    (expected,) = (
        loss.disallowed for loss in losses_by_sale(played, realised_pieces(played)) if loss.transaction_id == "plan"
    )

    found = disallowed_losses(Case(plan=plan, snapshot=household, market=market))

    assert sum(found.values(), D(0)) == pytest.approx(expected, abs=D("1e-6"))


def _merged(lots):
    """One lot for each lot id: the ledger lists shares that caught a loss apart."""
    found = {}
    for held in lots:
        seen = found.get(held.lot_id)
        found[held.lot_id] = (
            replace(seen, quantity=seen.quantity + held.quantity, basis=seen.basis + held.basis) if seen else held
        )
    return found.values()
