"""Every kind of data problem, each put into an account that has none, and whether it fences the account off."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal as D

import pytest

from engine.domain.accounts import AccountBook, Registration, Transaction, TransactionType
from engine.domain.market import ActionKind, CorporateAction, Mark
from engine.domain.sources import AccountSource
from engine.monitor.data_quality import Severity, data_problems
from engine.monitor.positions import measure

WARN, FENCE = Severity.WARN, Severity.FENCE


def problems(snapshot, market) -> list[tuple[str, Severity, str | None]]:
    found = data_problems(snapshot, market, measure(snapshot, market))
    return [(problem.code, problem.severity, problem.security_id) for problem in found]


def sentences(snapshot, market) -> list[str]:
    return [problem.sentence for problem in data_problems(snapshot, market, measure(snapshot, market))]


def with_account(snapshot, **changes):
    book = replace(snapshot.book, account=replace(snapshot.account, **changes))
    return replace(snapshot, book=book, household_books=(book,))


def with_lots(snapshot, *lots):
    book = replace(snapshot.book, lots=lots)
    return replace(snapshot, book=book, household_books=(book,))


def with_rows(snapshot, *rows):
    book = replace(snapshot.book, transactions=rows)
    return replace(snapshot, book=book, household_books=(book,))


def with_security(market, name, **changes):
    return replace(market, securities={**market.securities, name: replace(market.securities[name], **changes)})


def without(mapping, name):
    return {key: value for key, value in mapping.items() if key != name}


def bought(quantity, lot="b1", account="A") -> Transaction:
    return Transaction(
        transaction_id="t1",
        account_id=account,
        trade_date=date(2024, 1, 5),
        security_id="BETA",
        type=TransactionType.BUY,
        quantity=D(quantity),
        price=D(40),
        lot_id=lot,
    )


def test_a_clean_account_has_no_problem(snapshot, market):
    assert problems(snapshot, market) == []


def test_a_holding_without_a_price_fences(snapshot, market):
    unpriced = replace(market, marks=without(market.marks, "GAMA"))

    assert problems(snapshot, unpriced) == [("no_mark", FENCE, "GAMA")]
    assert sentences(snapshot, unpriced) == ["GAMA is held and has no price on or before 2026-11-20."]


def test_a_name_of_the_model_that_is_not_held_needs_no_price_to_be_measured(snapshot, market):
    unpriced = replace(market, marks=without(market.marks, "GAMA"))

    assert problems(with_lots(snapshot, *snapshot.lots[:3]), unpriced) == []


def test_a_security_in_no_list_fences(snapshot, market):
    unlisted = replace(market, securities=without(market.securities, "GAMA"))

    assert problems(snapshot, unlisted) == [("unknown_security", FENCE, "GAMA")]
    assert sentences(snapshot, unlisted) == ["GAMA is held or in the model and is in no list of securities."]


def test_a_name_that_the_risk_model_does_not_cover_fences_held_or_not(snapshot, market):
    risk = market.risk
    two = replace(
        risk,
        security_ids=risk.security_ids[:2],
        exposures=risk.exposures[:2],
        specific_variance=risk.specific_variance[:2],
    )

    for account in (snapshot, with_lots(snapshot, *snapshot.lots[:3])):
        assert problems(account, replace(market, risk=two)) == [("no_risk", FENCE, "GAMA")]
        assert sentences(account, replace(market, risk=two)) == [
            "GAMA is held or in the model and the risk model does not cover it."
        ]


def test_a_model_that_does_not_exist_fences(snapshot, market):
    lost = with_account(snapshot, model_id="GROWTH")

    assert problems(lost, market) == [("unknown_model", FENCE, None)]
    assert sentences(lost, market) == ["Model GROWTH does not exist."]


@pytest.mark.parametrize("cash", [-95_000, -95_001])
def test_an_account_worth_nothing_or_less_fences(snapshot, market, cash):
    assert problems(with_account(snapshot, cash=D(cash)), market) == [
        ("no_value", FENCE, None),
        ("negative_cash", WARN, None),
    ]


def test_what_an_account_is_worth_and_owes_is_told_in_dollars_and_cents(snapshot, market):
    assert sentences(with_account(snapshot, cash=D("-96234.50")), market) == [
        "The account is worth -1,234.50 USD; expected more than 0.",
        "Cash is -96,234.50 USD; expected 0 or more.",
    ]


def test_an_account_worth_half_a_dollar_can_be_measured(snapshot, market):
    assert problems(with_account(snapshot, cash=D("-94999.50")), market) == [("negative_cash", WARN, None)]


@pytest.mark.parametrize(
    ("registration", "severity"), [(Registration.TAXABLE, FENCE), (Registration.IRA, WARN), (Registration.ROTH, WARN)]
)
def test_a_lot_without_a_basis_fences_where_its_gain_is_taxed_and_only_there(snapshot, market, registration, severity):
    lots = (replace(snapshot.lots[0], cost_per_share=D(0)), *snapshot.lots[1:])
    given = with_lots(with_account(snapshot, registration=registration), *lots)

    assert problems(given, market) == [("missing_basis", severity, "ALFA")]
    assert sentences(given, market) == ["Lot a1 of ALFA has no cost basis."]


@pytest.mark.parametrize(("days", "expected"), [(5, []), (6, [("stale_mark", WARN, "BETA")])])
def test_a_price_older_than_five_days_warns(snapshot, market, days, expected):
    old = Mark(price=D(50), on=market.as_of - timedelta(days=days))

    assert problems(snapshot, replace(market, marks={**market.marks, "BETA": old})) == expected


def test_a_stale_price_says_how_old_it_is(snapshot, market):
    old = Mark(price=D(50), on=date(2026, 11, 10))

    assert sentences(snapshot, replace(market, marks={**market.marks, "BETA": old})) == [
        "The price of BETA is 10 days old, from 2026-11-10."
    ]


def test_a_holding_that_cannot_be_traded_warns(snapshot, market):
    locked = with_security(market, "BETA", tradable=False)

    assert problems(snapshot, locked) == [("not_tradable", WARN, "BETA")]
    assert sentences(snapshot, locked) == ["BETA is held and cannot be traded."]
    assert problems(snapshot, with_security(market, "BETA", tradable=True)) == []


@pytest.mark.parametrize(("cash", "expected"), [("0", []), ("-0.01", [("negative_cash", WARN, None)])])
def test_overdrawn_cash_warns(snapshot, market, cash, expected):
    assert problems(with_account(snapshot, cash=D(cash)), market) == expected


def test_two_accounts_of_one_number_fence(snapshot, market):
    twin = AccountBook(account=replace(snapshot.account, account_id="B", custodian="Two"), lots=(), transactions=())
    given = replace(snapshot, household_books=(snapshot.book, twin))

    assert problems(given, market) == [("duplicate_number", FENCE, None)]
    assert sentences(given, market) == [
        "Account number 1 at One is also that of B at Two; one of them may be the other, counted twice."
    ]


def test_two_accounts_of_two_numbers_are_two_accounts(snapshot, market):
    other = AccountBook(account=replace(snapshot.account, account_id="B", account_number="2"), lots=(), transactions=())

    assert problems(replace(snapshot, household_books=(snapshot.book, other)), market) == []


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        (500, []),
        ("499.5", ["The lots of BETA hold 0.5 shares more than its transactions left."]),
        (480, ["The lots of BETA hold 20 shares more than its transactions left."]),
        (600, ["The lots of BETA hold 100 shares fewer than its transactions left."]),
    ],
)
def test_lots_that_do_not_add_up_with_their_transactions_fence(snapshot, market, quantity, expected):
    given = with_rows(snapshot, bought(quantity))

    assert sentences(given, market) == expected
    assert problems(given, market) == [("quantity_mismatch", FENCE, "BETA")] * len(expected)


def test_what_does_not_add_up_in_a_sibling_account_is_its_own_problem(snapshot, market):
    sibling = AccountBook(
        account=replace(snapshot.account, account_id="B", account_number="2"),
        lots=(),
        transactions=(bought(10, "x", "B"),),
    )

    assert problems(replace(snapshot, household_books=(snapshot.book, sibling)), market) == []


def test_all_problems_are_reported_at_once_fences_first_then_by_kind_and_name(snapshot, market):
    account = with_account(snapshot, cash=D(-10), model_id="GROWTH")
    lots = tuple(replace(lot, cost_per_share=D(0)) for lot in account.lots)
    account = with_lots(account, *lots)
    broken = with_security(replace(market, marks=without(market.marks, "GAMA")), "ALFA", tradable=False)

    assert problems(account, broken) == [
        ("missing_basis", FENCE, "ALFA"),
        ("missing_basis", FENCE, "ALFA"),
        ("missing_basis", FENCE, "BETA"),
        ("missing_basis", FENCE, "GAMA"),
        ("no_mark", FENCE, "GAMA"),
        ("unknown_model", FENCE, None),
        ("negative_cash", WARN, None),
        ("not_tradable", WARN, "ALFA"),
    ]


def split(on, shares=2, name="BETA"):
    return CorporateAction(security_id=name, ex_date=on, kind=ActionKind.SPLIT, value=D(shares))


def booked_split(on, name="BETA") -> Transaction:
    return replace(bought("2"), trade_date=on, type=TransactionType.SPLIT, price=D(0), lot_id=None, security_id=name)


def found_with(snapshot, market, *actions):
    found = data_problems(snapshot, market, measure(snapshot, market), actions)
    return [(problem.code, problem.severity, problem.security_id) for problem in found]


def said_with(snapshot, market, *actions):
    return [problem.sentence for problem in data_problems(snapshot, market, measure(snapshot, market), actions)]


@pytest.mark.parametrize("days_ago", [0, 1, 30])
def test_a_split_that_prices_know_and_the_account_does_not_fences_it(snapshot, market, days_ago):
    on = market.as_of - timedelta(days=days_ago)

    assert found_with(snapshot, market, split(on)) == [("split_not_booked", FENCE, "BETA")]
    assert said_with(snapshot, market, split(on, "0.10")) == [
        f"BETA split on {on}, 0.1 new shares for one, and no split is booked here."
    ]


def test_only_a_split_of_the_same_name_is_its_booking(snapshot, market):
    others = with_rows(snapshot, booked_split(market.as_of, "GAMA"))
    purchase = with_rows(snapshot, replace(bought(500), trade_date=market.as_of))

    for account in (others, purchase):
        assert ("split_not_booked", FENCE, "BETA") in found_with(account, market, split(market.as_of))


def test_a_split_of_a_name_without_a_price_is_the_lesser_problem(snapshot, market):
    unpriced = replace(market, marks=without(market.marks, "BETA"))

    for account in (snapshot, with_rows(snapshot, booked_split(market.as_of))):
        found = found_with(account, unpriced, split(market.as_of))
        assert [problem for problem in found if problem[0] != "quantity_mismatch"] == [("no_mark", FENCE, "BETA")]


def test_a_split_of_long_ago_or_of_a_day_to_come_or_of_a_name_not_held_is_no_problem(snapshot, market):
    day = timedelta(days=1)

    assert found_with(snapshot, market, split(market.as_of - 31 * day), split(market.as_of + day)) == []
    assert found_with(snapshot, market, split(market.as_of, name="ELSE")) == []


def test_a_dividend_is_no_split(snapshot, market):
    paid = CorporateAction(security_id="BETA", ex_date=market.as_of, kind=ActionKind.DIVIDEND, value=D("0.5"))

    assert found_with(snapshot, market, paid) == []


@pytest.mark.parametrize(("days", "known"), [(0, True), (7, True), (-7, True), (8, False), (-8, False)])
def test_a_split_is_booked_within_a_week_of_its_day(snapshot, market, days, known):
    on = market.as_of - timedelta(days=10)
    there = with_rows(snapshot, booked_split(on + timedelta(days=days)))

    codes = [code for code, _, _ in found_with(there, market, split(on))]

    assert ("split_not_booked" not in codes) is known


def test_shares_bought_after_the_split_need_none_booked(snapshot, market):
    """All GAMA was bought on 20 November 2025; other names were held before."""
    on = date(2025, 11, 20)
    later = replace(market, as_of=on + timedelta(days=3))

    assert found_with(snapshot, later, split(on, name="GAMA")) == []
    assert found_with(snapshot, later, split(on + timedelta(days=1), name="GAMA")) == [
        ("split_not_booked", FENCE, "GAMA")
    ]


def test_a_price_from_before_a_booked_split_fences_the_account(snapshot, market):
    day = market.as_of - timedelta(days=1)
    there = with_rows(snapshot, booked_split(market.as_of))
    old = replace(market, marks={**market.marks, "BETA": Mark(price=D(100), on=day)})

    said = "BETA split on 2026-11-20, 2 new shares for one, and its price is from before."
    assert ("price_before_split", FENCE, "BETA") in found_with(there, old, split(market.as_of))
    assert said in said_with(there, old, split(market.as_of))
    assert said not in said_with(there, market, split(market.as_of))


def source(snapshot, **changes):
    given = {"account_id": snapshot.account.account_id, "source": "Addepar", "read_on": date(2026, 11, 19),
             "tried_on": date(2026, 11, 20), "derived": False, "faults": (), **changes}  # fmt: skip
    return replace(snapshot, sources=(AccountSource(**given),))


def test_lots_that_another_system_gave_are_no_problem(snapshot, market):
    assert problems(source(snapshot), market) == []


def test_every_fault_of_the_newest_reading_fences_and_says_which_data_stay(snapshot, market):
    bad = source(snapshot, faults=("lot L7, basis: found nothing, expected a number",))

    assert problems(bad, market) == [("source_fault", FENCE, None)]
    assert sentences(bad, market) == [
        "Addepar of 2026-11-20: lot L7, basis: found nothing, expected a number; those of 2026-11-19 stay in use."
    ]
    assert sentences(source(snapshot, faults=("x",), read_on=None), market) == [
        "Addepar of 2026-11-20: x; none was ever taken."
    ]


def test_lots_rebuilt_from_transactions_are_said_to_be(snapshot, market):
    assert problems(source(snapshot, derived=True), market) == [("derived_lots", WARN, None)]
    assert sentences(source(snapshot, derived=True), market) == [
        "The lots were rebuilt from transactions: Addepar gives none."
    ]


@pytest.mark.parametrize(("age", "found"), [(5, []), (6, [("old_source", WARN, None)])])
def test_lots_older_than_a_long_weekend_are_said_to_be(snapshot, market, age, found):
    assert problems(source(snapshot, read_on=market.as_of - timedelta(days=age)), market) == found


def test_how_old_lots_are_is_told_once_with_their_fault_where_there_is_one_and_not_before_the_first(snapshot, market):
    old = {"read_on": date(2026, 11, 1)}

    assert sentences(source(snapshot, **old), market) == ["The lots are of 2026-11-01; the firm's day is 2026-11-20."]
    assert problems(source(snapshot, **old, faults=("x",)), market) == [("source_fault", FENCE, None)]
    assert problems(source(snapshot, read_on=None), market) == []


def test_a_member_of_the_household_that_could_not_be_read_is_a_warning_to_the_others(snapshot, market):
    other = source(snapshot, account_id="OTHER", faults=("x",))

    assert problems(other, market) == [("household_source_fault", WARN, None)]
    [said] = sentences(other, market)
    assert said == (
        "Account OTHER of the household could not be read from Addepar on 2026-11-20; those of 2026-11-19 stay in use, "
        "and later trades in it are not known to the wash-sale rules."
    )
    assert problems(source(snapshot, account_id="OTHER", derived=True), market) == []


def merged(on, **more):
    told = {"value": D("0.5"), "successor": "GAMA", "taxable": False, **more}
    return CorporateAction(security_id="BETA", ex_date=on, kind=ActionKind.MERGER, **told)


# An action of 16 November that the account, which holds all three names for years, does not know of.
NOT_BOOKED = [
    (merged(date(2026, 11, 16)), "merger_not_booked", "BETA was merged away on 2026-11-16 for 0.5 GAMA a share"),
    (merged(date(2026, 11, 16), cash=D("12.50")), "merger_not_booked",
     "BETA was merged away on 2026-11-16 for 0.5 GAMA and 12.5 USD a share"),
    (merged(date(2026, 11, 16), value=D(0), successor=None, taxable=None, cash=D(55)), "merger_not_booked",
     "BETA was merged away on 2026-11-16 for 55 USD a share"),
    (CorporateAction(security_id="BETA", ex_date=date(2026, 11, 16), kind=ActionKind.TICKER_CHANGE, value=D(1),
                     successor="NEWB"), "ticker_change_not_booked", "BETA became NEWB on 2026-11-16"),
    (CorporateAction(security_id="BETA", ex_date=date(2026, 11, 16), kind=ActionKind.SPIN_OFF, value=D("0.2"),
                     successor="SPUN", basis_fraction=D("0.1")), "spin_off_not_booked",
     "BETA spun off 0.2 SPUN a share on 2026-11-16"),
]  # fmt: skip


@pytest.mark.parametrize(("action", "code", "sentence"), NOT_BOOKED)
def test_what_an_issuer_did_and_the_account_does_not_know_fences_it(snapshot, market, action, code, sentence):
    assert found_with(snapshot, market, action) == [(code, FENCE, "BETA")]
    assert said_with(snapshot, market, action) == [f"{sentence}, and it is not booked here."]


def test_a_ticker_of_the_same_id_needs_no_booking(snapshot, market):
    renamed = CorporateAction(
        security_id="BETA", ex_date=market.as_of, kind=ActionKind.TICKER_CHANGE, value=D(1), ticker="BET"
    )

    assert found_with(snapshot, market, renamed) == []
