"""Does a pull bring the firm to what Addepar has, and fence what it cannot read?"""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.addepar.issues import Severity
from connectors.addepar.mapping import AddeparMapping, mapping_from_table
from connectors.addepar.sync import AddeparPull, pull
from engine.domain.errors import DataError, ExternalRefusal

D = Decimal


def pulled(stand_in: Any, mapping: AddeparMapping, **given: Any) -> AddeparPull:
    firm = stand_in.firm
    arguments = {"as_of": firm.reference.as_of, "reference": firm.reference, "accounts": firm.accounts, **given}
    arguments.setdefault("priced_on", arguments["as_of"])
    with stand_in.client() as client:
        return pull(client, mapping, **arguments)


def errors(found: AddeparPull) -> list[tuple[str, str, str]]:
    return [(i.account_id, i.subject, i.field) for i in found.issues if i.severity is Severity.ERROR]


def test_a_pull_equals_the_firm_that_is_served_lot_by_lot(stand_in: Any, mapping: AddeparMapping) -> None:
    found = pulled(stand_in, mapping)

    assert found.issues == ()
    assert found.books == stand_in.firm.books
    assert found.reference == stand_in.firm.reference


def test_cash_lots_and_history_come_from_addepar_whatever_the_firm_had(stand_in: Any, mapping: AddeparMapping) -> None:
    stale = tuple(replace(account, cash=D(1)) for account in stand_in.firm.accounts)

    assert pulled(stand_in, mapping, accounts=stale).books == stand_in.firm.books


def test_rates_registration_model_and_gains_stay_as_the_firm_has_them(stand_in: Any, mapping: AddeparMapping) -> None:
    ours = tuple(
        replace(account, st_rate=D("0.5"), ytd_st_gain=D(7), model_id="OTHER", settings=None)
        for account in stand_in.firm.accounts
    )

    for book in pulled(stand_in, mapping, accounts=ours).books:
        assert (book.account.st_rate, book.account.ytd_st_gain) == (D("0.5"), D(7))
        assert (book.account.model_id, book.account.settings) == ("OTHER", None)


def test_gains_of_the_year_come_from_addepar_once_they_are_mapped(stand_in: Any) -> None:
    keys = {"ytd_st_gain": "realized_gain_short_term_ytd", "ytd_lt_gain": "realized_gain_long_term_ytd"}
    ours = tuple(replace(account, ytd_st_gain=D(7), ytd_lt_gain=D(8)) for account in stand_in.firm.accounts)

    found = pulled(stand_in, mapping_from_table({"holdings": keys}, source="test"), accounts=ours)

    assert {book.account.ytd_st_gain for book in found.books} == {D("-120.5")}
    assert {book.account.ytd_lt_gain for book in found.books} == {D("33.25")}


def test_a_split_ratio_may_be_read_from_a_column_of_its_own(stand_in: Any) -> None:
    mapping = mapping_from_table({"transactions": {"split_ratio": "split_ratio"}}, source="test")

    assert pulled(stand_in, mapping).books == stand_in.firm.books


def test_an_account_moves_to_the_household_that_addepar_puts_it_in(stand_in: Any, mapping: AddeparMapping) -> None:
    elsewhere = tuple(replace(account, household_id="H2") for account in stand_in.firm.accounts)

    found = pulled(stand_in, mapping, accounts=elsewhere)

    assert [book.account.household_id for book in found.books] == ["H1", "H1", "H2", "H2"]


def test_prices_of_the_day_join_the_histories_without_an_adjusted_close(stand_in: Any, mapping: AddeparMapping) -> None:
    on = stand_in.firm.reference.as_of + timedelta(days=1)

    found = pulled(stand_in, mapping, as_of=on)

    histories = {history.security_id: history for history in found.reference.prices}
    assert found.reference.as_of == on
    assert histories["S-AAA"].dates == (date(2026, 2, 27), date(2026, 3, 2), on)
    assert histories["S-AAA"].closes == (D(100), D("100.0625"), D("100.0625"))
    assert histories["S-AAA"].adjusted == (D(99), D("100.0625"), None)
    assert histories["S-FFF"].dates == (date(2026, 2, 27), date(2026, 3, 2))  # nobody holds it: Addepar says nothing


def test_a_price_is_value_over_units_where_no_price_column_is_mapped(stand_in: Any) -> None:
    mapping = mapping_from_table({"holdings": {"price": ""}}, source="test")

    assert pulled(stand_in, mapping).reference == stand_in.firm.reference


def test_a_price_on_which_accounts_disagree_is_left_as_it_was(stand_in: Any, mapping: AddeparMapping) -> None:
    stand_in.control(
        "rows",
        {"grouping": "security", "name": "DDD Corp", "set": {"cusip": "AAA000000", "ticker_symbol": "AAA", "price": 7}},
    )

    found = pulled(stand_in, mapping, as_of=stand_in.firm.reference.as_of + timedelta(days=1))

    warnings = [issue for issue in found.issues if issue.subject == "price of S-AAA"]
    assert [(issue.severity, issue.found) for issue in warnings] == [(Severity.WARNING, "7, 100.0625")]
    assert len(found.reference.prices[0].dates) == 2
    assert found.fenced == ()


@pytest.mark.parametrize(
    ("patch", "subject", "field"),
    [
        ({"grouping": "tax_lot", "name": "L3", "set": {"cost_basis ORIGINAL": None}},
         "lot L3 of S-BBB", "holdings.original_cost"),
        ({"grouping": "tax_lot", "name": "L3", "set": {"cost_basis ORIGINAL": "n/a"}},
         "lot L3 of S-BBB", "holdings.original_cost"),
        ({"grouping": "tax_lot", "name": "L3", "set": {"cost_basis ORIGINAL": -1, "cost_basis ADJUSTED": -1}},
         "lot L3 of S-BBB", "holdings.original_cost"),
        ({"grouping": "tax_lot", "name": "L3", "set": {"tax_lot_open_date": None}},
         "lot L3 of S-BBB", "holdings.lot_acquired"),
        ({"grouping": "tax_lot", "name": "L3", "set": {"tax_lot_open_date": "2026-03-03"}},
         "lot L3 of S-BBB", "holdings.lot_acquired"),
        ({"grouping": "tax_lot", "name": "L3", "set": {"tax_lot_open_date": "30.06.2025"}},
         "lot L3 of S-BBB", "holdings.lot_acquired"),
        ({"grouping": "tax_lot", "name": "L3", "set": {"tax_lot_holding_period_start": "2025-07-01"}},
         "lot L3 of S-BBB", "holdings.lot_holding_start"),
        ({"grouping": "tax_lot", "name": "L3", "set": {"tax_lot_id": ""}}, "lot L3 of S-BBB", "holdings.lot_id"),
        ({"grouping": "tax_lot", "name": "L3", "set": {"tax_lot_id": "L1"}}, "lot L1", "holdings.lot_id"),
        ({"grouping": "tax_lot", "name": "L3", "set": {"units": -3}}, "lot L3 of S-BBB", "holdings.units"),
        ({"grouping": "tax_lot", "name": "L2", "set": {"units": 7}}, "position S-AAA", "holdings.units"),
        ({"grouping": "security", "name": "AAA Corp", "set": {"units": None}}, "position S-AAA", "holdings.units"),
        ({"grouping": "security", "name": "BBB Corp", "set": {"cusip": "ZZZ000000", "ticker_symbol": "ZZZ"}},
         "position BBB Corp", "holdings.cusip"),
        ({"grouping": "security", "name": "BBB Corp", "set": {"ticker_symbol": "CCC"}},
         "position BBB Corp", "holdings.cusip"),
        ({"grouping": "security", "name": "US Dollar", "account": "88-0001", "set": {"value": None}},
         "cash US Dollar", "holdings.value"),
        ({"grouping": "security", "name": "US Dollar", "account": "88-0001",
          "set": {"value": {"value": 5, "currency": "EUR"}}}, "cash US Dollar", "holdings.value"),
        ({"transaction": "T6", "set": {"type": "spinoff"}}, "transaction T6", "transactions.types"),
        ({"transaction": "T6", "set": {"units": None}}, "transaction T6", "transactions.units"),
        ({"transaction": "T6", "set": {"price_per_share": None}}, "transaction T6", "transactions.price"),
        ({"transaction": "T6", "set": {"cusip": "ZZZ000000", "ticker_symbol": "ZZZ"}},
         "transaction T6", "transactions.cusip"),
        ({"transaction": "T6", "set": {"id": "T1"}}, "transaction T1", "transactions.id"),
        ({"transaction": "T1", "set": {"type": "deposit"}}, "transaction T2", "transactions.units"),
    ],
)  # fmt: skip
def test_a_dirty_account_is_fenced_with_its_issue_while_others_pass(
    stand_in: Any, mapping: AddeparMapping, patch: dict[str, Any], subject: str, field: str
) -> None:
    patch = patch if "transaction" in patch else {"account": "88-0001", **patch}
    stand_in.control("rows", patch)

    found = pulled(stand_in, mapping)

    assert set(errors(found)) == {("A1", subject, field)}
    assert found.fenced == ("A1",)
    assert found.books == stand_in.firm.books[1:]


def test_every_fault_of_an_account_is_listed_not_just_the_first(stand_in: Any, mapping: AddeparMapping) -> None:
    for name in ("L1", "L2"):
        stand_in.control("rows", {"grouping": "tax_lot", "name": name, "account": "88-0001",
                                  "set": {"cost_basis ORIGINAL": None}})  # fmt: skip
    stand_in.control("rows", {"transaction": "T6", "set": {"type": "conversion"}})

    subjects = [subject for _, subject, _ in errors(pulled(stand_in, mapping))]

    assert subjects == ["lot L1 of S-AAA", "lot L2 of S-AAA", "transaction T6"]


def test_an_old_trade_in_a_security_the_firm_dropped_is_left_out_with_a_warning(
    stand_in: Any, mapping: AddeparMapping
) -> None:
    stand_in.control("rows", {"transaction": "T7", "set": {"cusip": "ZZZ000000", "ticker_symbol": "ZZZ"}})
    stand_in.control("rows", {"transaction": "T8", "set": {"type": "cash_dividend"}})

    found = pulled(stand_in, mapping)

    assert [t.transaction_id for t in found.books[1].transactions] == ["T9"]
    assert [(i.account_id, i.severity) for i in found.issues] == [("A2", Severity.WARNING)]


def test_a_basis_below_the_original_cost_is_returned_capital_and_lowers_the_cost(
    stand_in: Any, mapping: AddeparMapping
) -> None:
    # 12 shares of DDD cost 131 each, 1572 together; 72 came back, so 1500 are left, 125 a share.
    stand_in.control("rows", {"grouping": "tax_lot", "name": "L1", "account": "88-0003",
                              "set": {"cost_basis ADJUSTED": 1500}})  # fmt: skip

    found = pulled(stand_in, mapping)

    assert (found.books[2].lots[0].cost_per_share, found.books[2].lots[0].wash_adjustment) == (D(125), None)
    assert [issue.field for issue in found.issues] == ["holdings.adjusted_cost"]


def test_lots_may_miss_their_position_by_less_than_the_tolerance(stand_in: Any, mapping: AddeparMapping) -> None:
    stand_in.control("rows", {"grouping": "security", "name": "AAA Corp", "account": "88-0001",
                              "set": {"units": 27.3333330000004}})  # fmt: skip

    assert pulled(stand_in, mapping).books == stand_in.firm.books


def test_accounts_on_one_side_only_are_listed_and_left_alone(stand_in: Any, mapping: AddeparMapping) -> None:
    known = (*stand_in.firm.accounts[1:], replace(stand_in.firm.accounts[0], account_id="A9", account_number="77"))

    found = pulled(stand_in, mapping, accounts=known)

    assert found.books == stand_in.firm.books[1:]
    listed = [(issue.severity, issue.account_id, issue.found) for issue in found.issues]
    assert listed == [(Severity.WARNING, None, "88-0001"), (Severity.ERROR, "A9", "0 Addepar entities for 77")]


def test_two_of_our_accounts_with_one_number_are_both_fenced(stand_in: Any, mapping: AddeparMapping) -> None:
    twin = replace(stand_in.firm.accounts[0], account_id="A9")

    found = pulled(stand_in, mapping, accounts=(*stand_in.firm.accounts, twin))

    assert found.fenced == ("A1", "A9")


def test_an_account_of_which_addepar_returns_no_holdings_is_fenced(stand_in: Any) -> None:
    mapping = mapping_from_table({"holdings": {"account": "top_level_owner"}}, source="test")

    found = pulled(stand_in, mapping)  # rows of clients, none of which is one of the accounts

    assert found.books == ()
    assert {field for _, _, field in errors(found)} == {"holdings.account"}


def test_an_unknown_household_group_fences_its_accounts(stand_in: Any, mapping: AddeparMapping) -> None:
    first, second = stand_in.firm.reference.households
    reference = replace(stand_in.firm.reference, households=(replace(first, name="Other"), second))

    found = pulled(stand_in, mapping, reference=reference)

    assert found.fenced == ("A1", "A2")
    assert {issue.found for issue in found.issues} == {"The Ashes"}


def test_households_recognised_by_id_take_addepars_name(stand_in: Any) -> None:
    keys = {"household_key": "external_id_lotsmith", "household_field": "household_id",
            "account_key": "external_id_lotsmith", "account_field": "account_id"}  # fmt: skip
    first, second = stand_in.firm.reference.households
    reference = replace(stand_in.firm.reference, households=(replace(first, name="Old"), second))

    found = pulled(stand_in, mapping_from_table({"entities": keys}, source="test"), reference=reference)

    assert found.books == stand_in.firm.books
    assert found.reference.households == (first, second)


@pytest.mark.parametrize(
    ("table", "place"),
    [
        ({"holdings": {"lot": "lot_number"}}, "holdings.lot = 'lot_number'"),
        ({"holdings": {"lot_acquired": "opened"}}, "holdings.lot_acquired = 'opened'"),
        ({"transactions": {"lot_id": "lot_sold"}}, "transactions.lot_id = 'lot_sold'"),
    ],
)
def test_a_key_that_addepar_does_not_know_is_named_by_its_setting(
    stand_in: Any, table: dict[str, Any], place: str
) -> None:
    with pytest.raises(ExternalRefusal, match=place) as refused:
        pulled(stand_in, mapping_from_table(table, source="test"))

    assert "with 400: Unknown" in str(refused.value)


def test_a_currency_that_is_not_the_firms_stops_the_pull(stand_in: Any, mapping: AddeparMapping) -> None:
    with pytest.raises(ExternalRefusal, match="expected EUR, found USD"):
        pulled(stand_in, mapping, reference=replace(stand_in.firm.reference, currency="EUR"))


def test_a_pull_never_goes_back_behind_the_firms_own_day(stand_in: Any, mapping: AddeparMapping) -> None:
    with pytest.raises(DataError, match="not before the firm's own 2026-03-02, found 2026-03-01"):
        pulled(stand_in, mapping, as_of=date(2026, 3, 1))


def test_a_large_firm_is_asked_for_in_chunks_of_accounts(stand_in: Any, mapping: AddeparMapping) -> None:
    seen: list[tuple[str, float]] = []
    firm = stand_in.firm
    with stand_in.client(accounts_per_job=3) as client:
        found = pull(client, mapping, as_of=firm.reference.as_of, priced_on=firm.reference.as_of,
                     reference=firm.reference, accounts=firm.accounts,
                     progress=lambda what, done: seen.append((what, done)))  # fmt: skip

    assert found.books == firm.books
    assert list(dict.fromkeys(done for _, done in seen)) == [0.0, 0.75, 1.0]
    # A quarter is left of two chunks of 5 requests, each of which takes some 3 s by itself.
    assert any(what.startswith("accounts 3 of 4; about 2 requests and 6 s to go; spent ") for what, _ in seen)
    assert stand_in.sandbox.gate.requests.count("POST /api/v1/jobs") == 2
