"""A good folder becomes the firm that it says, whatever a spreadsheet did to its files."""

from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from connectors.firm_folder.read import read_firm
from connectors.firm_folder.write import write_firm
from engine.domain.accounts import Registration, Rule, TransactionType


def test_a_folder_becomes_the_firm_it_says(folder):
    reference, books = read_firm(folder)

    assert (reference.as_of, reference.currency, reference.name) == (date(2026, 6, 30), "USD", "Hand & Co")
    first, second, third = reference.securities
    assert (first.name, first.identical_group, first.cost_bp, first.tags) == (
        "Alpha, Inc.", "G1", Decimal("2.50"), ("fossil", "esg_laggard"))  # fmt: skip
    assert (second.tradable, second.adv_usd, second.tags) == (False, Decimal(1_000_000), ())
    assert (third.name, third.cusip, third.lot_size) == ("=Gamma", "123456789", Decimal(100))
    assert reference.prices[0].closes == (Decimal("10.00"), Decimal(11))
    assert reference.prices[0].adjusted == (Decimal("9.9"), None)
    assert reference.prices[2].dates == (date(2026, 6, 30), date(2026, 7, 1))
    assert reference.models[0].weights == (("S1", Decimal("0.5")), ("S2", Decimal("0.25")), ("S3", Decimal("0.25")))
    assert [h.segment for h in reference.households] == [None, "core"]
    assert [h.not_visible for h in reference.households] == [("401(k)", "Spouse IRA"), None]
    assert [(r.rule, r.value, r.until) for r in reference.restrictions] == [
        (Rule.DO_NOT_BUY, None, date(2026, 12, 31)), (Rule.DO_NOT_HOLD, None, None),
        (Rule.MAX_WEIGHT, Decimal("0.30"), None)]  # fmt: skip
    assert [(s.substitute_id, s.rank) for s in reference.substitutes] == [("S3", 1), ("S2", 2)]
    assert reference.settings == {"close": "# close\n[plan]\nrisk_aversion = 400\n"}
    taxable, ira = books
    assert (taxable.account.cash, taxable.account.settings) == (Decimal("-12.50"), "close")
    assert (ira.account.registration, str(ira.account.cash), ira.account.settings) == (Registration.IRA, "1E+3", None)
    assert [str(lot.quantity) for lot in taxable.lots] == ["10.5000", "3"]
    assert (taxable.lots[1].wash_adjustment, taxable.lots[1].holding_start) == (Decimal("12.34"), date(2026, 1, 5))
    assert [t.transaction_id for t in taxable.transactions] == ["T9", "T1", "T2"]
    assert [t.type for t in taxable.transactions] == [TransactionType.BUY, TransactionType.SELL, TransactionType.SPLIT]
    assert (taxable.transactions[1].lot_id, taxable.transactions[1].basis) == ("L1", Decimal("78.375"))
    assert (taxable.transactions[0].lot_id, taxable.transactions[0].basis) == (None, None)
    assert (ira.lots[0].acquired, ira.transactions) == (date(2020, 2, 29), ())


def test_an_imported_risk_model_keeps_every_number(folder):
    risk = read_firm(folder)[0].risk

    assert (risk.security_ids, risk.factors) == (("S1", "S2", "S3"), ("market", "value"))
    assert risk.exposures.tolist() == [[1.0, -0.25], [0.9, 0.1], [1.1, 1e-05]]
    assert risk.factor_covariance.tolist() == [[0.0225, 0.001], [0.001, 0.0016]]
    assert np.sqrt(risk.specific_variance).tolist() == [0.2, 0.1, 0.3333333333333333]
    assert risk.quality == "imported with the firm folder"


def test_the_books_may_be_gone_through_twice(folder):
    _, books = read_firm(folder)

    assert list(books) == list(books)


def test_what_was_checked_is_what_is_given_out_even_if_the_folder_changes_in_between(folder):
    _, books = read_firm(folder)
    (folder / "lots.csv").write_text("gone")

    assert [len(book.lots) for book in books] == [2, 1]


def test_progress_ends_at_the_whole(folder):
    seen = []

    read_firm(folder, progress=lambda name, fraction: seen.append((name, fraction)))

    assert [name for name, _ in seen][:3] == ["firm.csv", "securities.csv", "prices.csv"]
    assert seen[-1][1] == pytest.approx(1.0)
    assert [fraction for _, fraction in seen] == sorted(fraction for _, fraction in seen)


@pytest.mark.parametrize("name", ["restrictions.csv", "substitutes.csv"])
def test_optional_files_may_be_missing(folder, problems, name):
    (folder / name).unlink()

    assert problems(folder) == []


def test_optional_columns_may_be_missing_and_the_others_in_any_order(folder, canonical):
    (folder / "households.csv").write_text("advisor,name,household_id\nIvy,Ash,H1\nIvy,Öst,H2\n")
    without_tags = [line.rsplit(",", 1)[0] for line in canonical["securities.csv"].splitlines()]
    (folder / "securities.csv").write_text("\n".join(without_tags) + "\n")
    (folder / "restrictions.csv").unlink()  # one is of a tag

    reference, _ = read_firm(folder)

    assert [(each.name, each.segment) for each in reference.households] == [("Ash", None), ("Öst", None)]
    assert [each.tags for each in reference.securities] == [(), (), ()]


@pytest.mark.parametrize("bytes_", [
    pytest.param(lambda text: b"\xef\xbb\xbf" + text.encode(), id="byte order mark"),
    pytest.param(lambda text: text.replace("\n", "\r\n").encode(), id="CRLF"),
    pytest.param(lambda text: text.rstrip("\n").encode(), id="no last line end"),
    pytest.param(lambda text: text.replace("\n", "\n\n").encode(), id="empty lines"),
    pytest.param(lambda text: text.replace("A1", '"A1"').encode(), id="needless quotes"),
    pytest.param(lambda text: (text.rstrip("\n") + "\r").encode(), id="CR at the very end"),
])  # fmt: skip
def test_what_spreadsheets_do_to_a_file_is_understood(folder, canonical, bytes_):
    expected = list(read_firm(folder)[1])
    (folder / "lots.csv").write_bytes(bytes_(canonical["lots.csv"]))

    assert list(read_firm(folder)[1]) == expected


def test_rows_may_come_in_any_order_except_that_a_day_keeps_its_own(folder, canonical):
    reference, books = read_firm(folder)
    expected = (reference.prices, reference.models, tuple(books))
    for name in ("prices.csv", "models.csv", "lots.csv", "accounts.csv"):
        header, *rows = canonical[name].splitlines()
        (folder / name).write_text("\n".join([header, *reversed(rows)]) + "\n")
    header, buy, sell, split = canonical["transactions.csv"].splitlines()
    (folder / "transactions.csv").write_text("\n".join([header, sell, split, buy]) + "\n")

    reference, books = read_firm(folder)

    assert (reference.prices, reference.models, tuple(books)) == expected


def test_a_gift_is_read_from_lots_and_from_transfers_in(folder, amend):
    amend("transactions.csv", "buy,20,8.25,,,,", "transfer_in,20,8.25,,165,9.50,2025-01-02")

    first, second = read_firm(folder)[1]

    assert (second.lots[0].gift_price, second.lots[0].gift_date) == (Decimal("4.50"), date(2025, 12, 24))
    assert (first.lots[0].gift_price, first.lots[0].gift_date) == (None, None)
    row = first.transactions[0]
    assert (row.gift_price, row.gift_date) == (Decimal("9.50"), date(2025, 1, 2))


def test_files_without_the_columns_of_a_gift_mean_that_nothing_was_given(folder, canonical):
    for name in ("lots.csv", "transactions.csv"):
        rows = [line.rsplit(",", 2)[0] for line in canonical[name].splitlines()]
        (folder / name).write_text("\n".join(rows) + "\n")

    books = list(read_firm(folder)[1])

    assert {lot.gift_price for book in books for lot in book.lots} == {None}
    assert {row.gift_date for book in books for row in book.transactions} == {None}


WITH_ACTIONS = {
    "corporate_actions.csv": (
        "security_id,ex_date,kind,value,successor,cash,price,basis_fraction,taxable,ticker\n"
        "S1,2026-06-30,dividend,0.125,,,,,,\nS1,2026-07-01,spin_off,0.25,S3,,,0.1875,,\n"
        "S2,2026-07-01,merger,0.50,S3,12.50,48.10,,false,\nS3,2026-06-30,ticker_change,1,,,,,,NEW\n"
    ),
    "models.csv": (
        "model_id,security_id,weight,effective\nM,S1,0.5,\nM,S2,0.25,\nM,S3,0.25,\n"
        "M,S1,0.6,2026-07-20\nM,S3,0.4,2026-07-20\n"
    ),
    "transactions.csv": (
        "transaction_id,account_id,trade_date,security_id,type,quantity,price,lot_id,basis,gift_price,gift_date,origin,"
        "acquired,holding_start,basis_fraction,cash\n"
        "T9,A1,2025-01-02,S1,buy,20,8.25,,,,,,,,,\n"
        "T1,A1,2025-06-02,S2,exchange_out,10,50,L9,400,,,,2024-01-10,2023-11-20,,125.00\n"
        "T2,A1,2025-06-02,S1,exchange_in,5,0,L9,375,,,T1,,,,\n"
        "T3,A1,2025-06-02,S1,spin_off,9,0,L8,75.00,,,,2024-01-10,,0.1875,\n"
    ),
}


def test_actions_dated_models_and_the_rows_that_book_them_are_written_back_byte_for_byte(folder, tmp_path):
    for name, text in WITH_ACTIONS.items():
        (folder / name).write_text(text)

    reference, books = read_firm(folder)
    write_firm(tmp_path / "again", reference, books)

    assert {name: (tmp_path / "again" / name).read_text() for name in WITH_ACTIONS} == WITH_ACTIONS
