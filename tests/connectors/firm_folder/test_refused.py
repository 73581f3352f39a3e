"""A bad folder gives every problem at once, each at its place."""

import gzip

import pytest

from connectors.firm_folder.read import read_firm
from engine.domain.errors import DataError

ID = "an id of at most 64 characters, without control characters or spaces around it"
TEXT = "text without control characters or spaces around it"
DATE = "a date such as 2026-01-31, from 1900 to 2199"

HOSTILE = {
    # files
    "missing file": ("households.csv", None, [
        ("households.csv", None, None, "no such file", "households.csv or households.parquet")]),
    "empty file": ("models.csv", "", [("models.csv", None, None, "no header", "a header row and then the rows")]),
    "no row in firm": ("firm.csv", "as_of,currency,name\n", [("firm.csv", None, None, "no row", "one row")]),
    "two rows in firm": ("firm.csv", "as_of,currency,name\n2026-06-30,USD,A\n2026-06-30,USD,B\n", [
        ("firm.csv", 3, None, "2 rows or more", "at most 1")]),
    "a mistyped file": ("restriction.csv", "scope\n", [
        ("restriction.csv", None, None, "an unknown name", "restrictions.csv?")]),
    "a stray table": ("positions.csv", "x\n", [
        ("positions.csv", None, None, "an unknown name", "only the files of the format")]),
    "a mistyped folder": ("setting/x.toml", "", [("setting", None, None, "an unknown name", "settings?")]),
    # encodings
    "UTF-16": ("models.csv", "model_id\n".encode("utf-16"), [
        ("models.csv", 1, None, "UTF-16 or binary bytes", "UTF-8 text")]),
    "UTF-16 without mark": ("models.csv", "model_id\n".encode("utf-16-le"), [
        ("models.csv", 1, None, "UTF-16 or binary bytes", "UTF-8 text")]),
    "latin-1": ("households.csv", "household_id,name,advisor\nH1,José,Ivy\nH2,Müller,Ivy\n".encode("latin-1"), [
        ("households.csv", 2, None, "byte 0xe9 at position 7", "UTF-8 text"),
        ("households.csv", 3, None, "byte 0xfc at position 5", "UTF-8 text"),
        ("accounts.csv", 2, "household_id", "'H1'", "a known household_id"),
        ("accounts.csv", 3, "household_id", "'H2'", "a known household_id"),
        ("restrictions.csv", 3, "scope", "'H1'", "firm, a household_id or an account_id")]),
    "NUL byte": ("households.csv", "household_id,name,advisor\nH1,A\0sh,Ivy\nH2,B,Ivy\n", [
        ("households.csv", 2, None, "a NUL byte at position 5", "UTF-8 text"),
        ("accounts.csv", 2, "household_id", "'H1'", "a known household_id"),
        ("restrictions.csv", 3, "scope", "'H1'", "firm, a household_id or an account_id")]),
    "a packed file": ("households.csv", gzip.compress(b"household_id,name,advisor\nH1,Ash,Ivy\n", mtime=0), [
        ("households.csv", 1, None, "UTF-16 or binary bytes", "UTF-8 text")]),
    "latin-1 in the header": ("substitutes.csv", "security_id,substitute_id,r\xe4nk\n".encode("latin-1"), [
        ("substitutes.csv", 1, None, "byte 0xe4 at position 28", "UTF-8 text")]),
    # header
    "missing and unknown column": ("households.csv", "household_id,nam,advisor\nH1,Ash,Ivy\nH2,B,Ivy\n", [
        ("households.csv", 1, "'nam'", "an unknown column", "name?"),
        ("households.csv", 1, "name", "no such column", "a column of this name")]),
    "capital letters": ("substitutes.csv", "Security_ID,substitute_id,rank\nS1,S2,1\n", [
        ("substitutes.csv", 1, "'Security_ID'", "an unknown column", "security_id?"),
        ("substitutes.csv", 1, "security_id", "no such column", "a column of this name")]),
    "no column of the ids that other files name": ("households.csv", "name,advisor\nAsh,Ivy\nB,Ivy\n", [
        ("households.csv", 1, "household_id", "no such column", "a column of this name")]),
    "column twice": ("substitutes.csv", "security_id,substitute_id,rank,rank\nS1,S2,1,2\n", [
        ("substitutes.csv", 1, "rank", "the column 2 times", "each column once")]),
    # rows
    "ragged rows": ("models.csv", "model_id,security_id,weight\nM,S1,1\nM,S2\nM,S3,0,\n", [
        ("models.csv", 3, None, "2 cells", "3"), ("models.csv", 4, None, "4 cells", "3")]),
    "a quote never closed": ("models.csv", 'model_id,security_id,weight\nM,"S1,1\nM,S2,1\n', [
        ("models.csv", 2, None, "a stray or unclosed quote in 'M,\"S1,1'",
         'cells in "..." closed on their line, inner quotes doubled')]),
    "text after a quote": ("models.csv", 'model_id,security_id,weight\nM,"S1"x,1\nM,S2,1\n', [
        ("models.csv", 2, None, "a stray or unclosed quote in 'M,\"S1\"x,1'",
         'cells in "..." closed on their line, inner quotes doubled')]),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE.values(), ids=HOSTILE)
def test_a_bad_file_is_reported_with_its_place(folder, problems, case):
    name, content, expected = case
    path = folder / name
    if content is None:
        path.unlink()
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    assert problems(folder) == expected


BAD_CELLS = [
    ("firm.csv", "USD", "EUR", [("firm.csv", 2, "currency", "'EUR'", "USD, the only currency")]),
    ("firm.csv", "2026-06-30", "30.06.2026", [("firm.csv", 2, "as_of", "'30.06.2026'", DATE)]),
    ("firm.csv", "2026-06-30", "20260630", [("firm.csv", 2, "as_of", "'20260630'", DATE)]),
    ("securities.csv", "S3,CCC,=Gamma", "S2,CCC,=Gamma", [
        ("securities.csv", 4, "security_id", "'S2' again", "no second row like line 3"),
        ("prices.csv", 5, "security_id", "'S3'", "a known security_id"),
        ("prices.csv", 6, "security_id", "'S3'", "a known security_id"),
        ("models.csv", 4, "security_id", "'S3'", "a known security_id"),
        ("lots.csv", 4, "security_id", "'S3'", "a known security_id"),
        ("restrictions.csv", 2, "target", "'S3'", "a known security_id, sector:NAME or tag:NAME"),
        ("substitutes.csv", 2, "substitute_id", "'S3'", "a known security_id"),
        ("risk/exposures.csv", 4, "security_id", "'S3'", "a known security_id"),
        ("risk/specific.csv", 4, "security_id", "'S3'", "a known security_id")]),
    ("securities.csv", "fossil;esg_laggard", "fossil;;x", [
        ("securities.csv", 2, "tags", "'fossil;;x'", "different tags with ; between them and no spaces around them"),
        ("restrictions.csv", 3, "target", "'tag:fossil'", "a known security_id, sector:NAME or tag:NAME")]),
    ("securities.csv", "Beta Ltd", "Beta\tLtd", [("securities.csv", 3, "name", r"'Beta\tLtd'", TEXT)]),
    ("securities.csv", ",false,", ",no,", [("securities.csv", 3, "tradable", "'no'", "true or false")]),
    ("prices.csv", "S2,2026-06-30,20.5", "S2,2026-06-30,NaN", [
        ("prices.csv", 4, "close", "'NaN'", "a number such as 0.50 > 0")]),
    ("prices.csv", "20.5", "inf", [("prices.csv", 4, "close", "'inf'", "a number such as 0.50 > 0")]),
    ("prices.csv", "20.5", "0", [("prices.csv", 4, "close", "'0'", "a number such as 0.50 > 0")]),
    ("prices.csv", "20.5", "1e999", [("prices.csv", 4, "close", "'1e999'", "a number such as 0.50 > 0")]),
    ("prices.csv", "20.5", "1000000000000000.01", [
        ("prices.csv", 4, "close", "'1000000000000000.01'", "a number such as 0.50 > 0")]),
    ("prices.csv", "20.5", "1.00000000000000000000000000001", [
        ("prices.csv", 4, "close", "'1.00000000000000000000000000001'", "a number such as 0.50 > 0")]),
    ("prices.csv", "20.5", '"1,020.5"', [("prices.csv", 4, "close", "'1,020.5'", "a number such as 0.50 > 0")]),
    ("prices.csv", "20.5", "\u0662\u0660", [
        ("prices.csv", 4, "close", "'\u0662\u0660'", "a number such as 0.50 > 0")]),
    ("prices.csv", "S1,2026-06-30,11", "S1,2026-06-29,11", [
        ("prices.csv", 3, "date", "'S1', '2026-06-29' again", "no second row like line 2")]),
    ("prices.csv", "S1,2026-06-30", "S1,2026-02-30", [("prices.csv", 3, "date", "'2026-02-30'", DATE)]),
    ("models.csv", "0.5\n", "0.500002\n", [
        ("models.csv", 2, "weight", "weights of 'M' that sum to 1.000002", "a sum of 1 within 0.000001")]),
    ("models.csv", "M,S1,0.5", "M,S1,-0.5", [
        ("models.csv", 2, "weight", "'-0.5'", "a number such as 0.50 >= 0 and <= 1"),
        ("models.csv", 2, "weight", "weights of 'M' that sum to 0.50", "a sum of 1 within 0.000001")]),
    ("models.csv", "M,S2", "M,S9", [("models.csv", 3, "security_id", "'S9'", "a known security_id")]),
    ("accounts.csv", "taxable", "Taxable", [
        ("accounts.csv", 2, "registration", "'Taxable'", "one of taxable, ira, roth")]),
    ("accounts.csv", "0.408", "40.8", [
        ("accounts.csv", 2, "st_rate", "'40.8'", "a number such as 0.50 >= 0 and <= 1")]),
    ("accounts.csv", "2000", "-2000", [
        ("accounts.csv", 2, "lt_carryforward", "'-2000'", "a number such as 0.50 >= 0")]),
    ("accounts.csv", "A2,H2,ira,Q,78,M", "A2,H2,ira,Q,78,N", [
        ("accounts.csv", 3, "model_id", "'N'", "a known model_id")]),
    ("accounts.csv", ",close", ",clos", [
        ("accounts.csv", 2, "settings", "'clos'", "the name of a file settings/NAME.toml; close?")]),
    ("accounts.csv", "A2,H2", "A1,H2", [
        ("accounts.csv", 3, "account_id", "'A1' again", "no second row like line 2"),
        ("lots.csv", 4, "account_id", "'A2'", "a known account_id")]),
    ("accounts.csv", "A2,H2", "A1 ,H2", [
        ("accounts.csv", 3, "account_id", "'A1 '", ID),
        ("lots.csv", 4, "account_id", "'A2'", "a known account_id")]),
    ("accounts.csv", "-12.50", "nan", [("accounts.csv", 2, "cash", "'nan'", "a number such as 0.50")]),
    ("accounts.csv", "-12.50", "-1e16", [("accounts.csv", 2, "cash", "'-1e16'", "a number such as 0.50")]),
    ("accounts.csv", "A1,H1", "A1,H3", [("accounts.csv", 2, "household_id", "'H3'", "a known household_id")]),
    ("households.csv", "H2,", "H1,", [
        ("households.csv", 3, "household_id", "'H1' again", "no second row like line 2"),
        ("accounts.csv", 3, "household_id", "'H2'", "a known household_id")]),
    ("models.csv", "M,S2,0.25", "M,S1,0.25", [
        ("models.csv", 3, "security_id", "'M', 'S1' again", "no second row like line 2")]),
    ("models.csv", "0.5\n", "Infinity\n", [
        ("models.csv", 2, "weight", "'Infinity'", "a number such as 0.50 >= 0 and <= 1"),
        ("models.csv", 2, "weight", "weights of 'M' that sum to 0.50", "a sum of 1 within 0.000001")]),
    ("lots.csv", "10.5000", "1e999", [("lots.csv", 2, "quantity", "'1e999'", "a number such as 0.50 > 0")]),
    ("lots.csv", "10.5000", "9" * 16, [("lots.csv", 2, "quantity", f"'{'9' * 16}'", "a number such as 0.50 > 0")]),
    ("lots.csv", "10.5000", "0", [("lots.csv", 2, "quantity", "'0'", "a number such as 0.50 > 0")]),
    ("lots.csv", "A2,L1,S3", "A2,L1,S4", [("lots.csv", 4, "security_id", "'S4'", "a known security_id")]),
    ("lots.csv", "12.34", "-12.34", [
        ("lots.csv", 3, "wash_adjustment", "'-12.34'", "a number such as 0.50 >= 0")]),
    ("transactions.csv", "T1,A1", "T1,A3", [("transactions.csv", 3, "account_id", "'A3'", "a known account_id")]),
    ("transactions.csv", "2025-06-02,S1", "2025-06-02,S7", [
        ("transactions.csv", 3, "security_id", "'S7'", "a known security_id")]),
    ("transactions.csv", "sell,9.5", "sell,-9.5", [
        ("transactions.csv", 3, "quantity", "'-9.5'", "a number such as 0.50 > 0")]),
    ("transactions.csv", "78.375", "NaN", [
        ("transactions.csv", 3, "basis", "'NaN'", "a number such as 0.50 >= 0")]),
    ("substitutes.csv", "S1,S2,2", "S1,S3,2", [
        ("substitutes.csv", 3, "substitute_id", "'S1', 'S3' again", "no second row like line 2")]),
    ("risk/exposures.csv", "S3,1.1", "S2,1.1", [
        ("risk/exposures.csv", 4, "security_id", "'S2' again", "no second row like line 3"),
        ("risk/specific.csv", None, None, "with also S3", "exactly the securities of risk/exposures")]),
    ("lots.csv", "10.5000", "-10.5", [("lots.csv", 2, "quantity", "'-10.5'", "a number such as 0.50 > 0")]),
    ("lots.csv", "A1,L2", "A1,L1", [
        ("lots.csv", 3, "lot_id", "'A1', 'L1' again", "no second row like line 2")]),
    ("lots.csv", "2025-01-02", "2026-07-01", [
        ("lots.csv", 2, "acquired", "'2026-07-01'", "a date up to as_of, 2026-06-30")]),
    ("lots.csv", "12.34,2026-01-05", "12.34,2026-07-05", [
        ("lots.csv", 3, "holding_start", "'2026-07-05'", "a date up to as_of, 2026-06-30"),
        ("lots.csv", 3, "holding_start", "'2026-07-05'", "a date up to acquired, 2026-06-30")]),
    ("lots.csv", "4.50,2025-12-24", ",2025-12-24", [
        ("lots.csv", 4, "gift_price", "nothing", "a value, as gift_date is given")]),
    ("lots.csv", "4.50,2025-12-24", "4.50,", [
        ("lots.csv", 4, "gift_date", "nothing", "a value, as gift_price is given")]),
    ("lots.csv", "4.50,2025-12-24", "4.50,2020-02-28", [
        ("lots.csv", 4, "gift_date", "'2020-02-28'", "a date from acquired, 2020-02-29, on")]),
    ("lots.csv", "4.50,2025-12-24", "4.50,2026-07-01", [
        ("lots.csv", 4, "gift_date", "'2026-07-01'", "a date up to as_of, 2026-06-30")]),
    ("lots.csv", "4.50,2025-12-24", "-4.50,2025-12-24", [
        ("lots.csv", 4, "gift_price", "'-4.50'", "a number such as 0.50 >= 0")]),
    ("transactions.csv", "78.375,,", "78.375,9,2025-06-01", [
        ("transactions.csv", 3, "gift_price", "'9'", "nothing for sell")]),
    ("transactions.csv", "buy,20,8.25,,,,", "transfer_in,20,8.25,,,9,2025-01-03", [
        ("transactions.csv", 2, "gift_date", "'2025-01-03'", "a date up to trade_date, 2025-01-02")]),
    ("transactions.csv", "buy,20,8.25,,,,", "transfer_in,20,8.25,,,9,", [
        ("transactions.csv", 2, "gift_date", "nothing", "a value, as gift_price is given")]),
    ("lots.csv", "8.25", "", [("lots.csv", 2, "cost_per_share", "nothing", "a number such as 0.50 >= 0")]),
    ("transactions.csv", "T2,", "T9,", [
        ("transactions.csv", 4, "transaction_id", "'T9' again", "no second row like line 2")]),
    ("transactions.csv", "2025-01-02", "2027-01-02", [
        ("transactions.csv", 2, "trade_date", "'2027-01-02'", "a date up to as_of, 2026-06-30 and 92 days")]),
    ("transactions.csv", "A1,2025-06-02,S2,split", "A1,2026-07-02,S2,split", [
        ("transactions.csv", 4, "trade_date", "'2026-07-02'", "a date up to as_of, 2026-06-30, for split")]),
    ("transactions.csv", ",split,", ",spinoff,", [
        ("transactions.csv", 4, "type", "'spinoff'",
         "one of buy, sell, reinvest, transfer_in, transfer_out, split, gift, exchange_out, exchange_in, spin_off")]),
    ("restrictions.csv", "firm,S3", "Firm,S3", [
        ("restrictions.csv", 2, "scope", "'Firm'", "firm, a household_id or an account_id")]),
    ("restrictions.csv", "sector:Energy", "sector:Enerji", [
        ("restrictions.csv", 4, "target", "'sector:Enerji'", "a known security_id, sector:NAME or tag:NAME")]),
    ("restrictions.csv", "max_weight,0.30", "max_weight,", [
        ("restrictions.csv", 4, "value", "nothing", "a weight from 0 to 1 for max_weight")]),
    ("restrictions.csv", "do_not_hold,,", "do_not_hold,0.1,", [
        ("restrictions.csv", 3, "value", "'0.1'", "nothing for do_not_hold")]),
    ("substitutes.csv", "S1,S2,2", "S1,S1,2", [
        ("substitutes.csv", 3, "substitute_id", "'S1'", "another security")]),
    ("substitutes.csv", "S1,S2,2", "S1,S2,0", [
        ("substitutes.csv", 3, "rank", "'0'", "a whole number from 1 to 999999")]),
    ("risk/specific.csv", "S3,0.3333333333333333\n", "", [
        ("risk/specific.csv", None, None, "without S3", "exactly the securities of risk/exposures")]),
    ("risk/specific.csv", "S2,0.1", "S2,-0.1", [
        ("risk/specific.csv", 3, "specific_volatility", "'-0.1'", "a number such as 0.25 from 0 to 1000000")]),
    ("risk/factor_covariance.csv", "factor,market,value", "factor,market,size", [
        ("risk/factor_covariance.csv", None, None, "without value", "exactly the factors of risk/exposures"),
        ("risk/factor_covariance.csv", None, None, "with also size", "exactly the factors of risk/exposures")]),
    ("risk/factor_covariance.csv", "value,0.001,", "value,0.002,", [
        ("risk/factor_covariance.csv", None, None, "entries that differ by 0.001 from their mirror image",
         "a symmetric matrix")]),
    ("risk/factor_covariance.csv", "0.0016", "-0.0016", [
        ("risk/factor_covariance.csv", None, None, "an eigenvalue of -0.00164",
         "no negative eigenvalue (a positive semidefinite matrix)")]),
    ("risk/exposures.csv", "S2,0.9", "S2,nan", [
        ("risk/exposures.csv", 3, "market", "'nan'", "a number such as 0.25, at most 1000000 in size")]),
    ("settings/close.toml", "risk_aversion", "risk_aversoin", [
        ("settings/close.toml", None, None,
         "unknown setting risk_aversoin; did you mean risk_aversion?",
         "one section [plan] of known settings")]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "old", "new", "expected"), BAD_CELLS,
                         ids=[f"{name}: {new or 'nothing'}" for name, _, new, _ in BAD_CELLS])  # fmt: skip
def test_a_bad_cell_is_reported_with_its_place(folder, amend, problems, name, old, new, expected):
    amend(name, old, new)

    assert problems(folder) == expected


def test_everything_wrong_is_reported_at_once(folder, amend, problems):
    amend("firm.csv", "USD", "CHF")
    amend("prices.csv", "20.5", "-1")
    amend("lots.csv", "10.5000", "many")
    (folder / "households.csv").unlink()

    assert [(file, row, column) for file, row, column, _, _ in problems(folder)] == [
        ("households.csv", None, None), ("firm.csv", 2, "currency"), ("prices.csv", 4, "close"),
        ("lots.csv", 2, "quantity")]  # fmt: skip


def test_the_error_says_how_many_problems_there_are_and_that_nothing_was_read(folder, amend):
    amend("firm.csv", "USD", "CHF")
    amend("prices.csv", "20.5", "-1")

    with pytest.raises(DataError, match=r"found 2 problems in firm\.csv, prices\.csv; .* so nothing was read"):
        read_firm(folder)


def test_thousands_of_problems_are_counted_but_not_all_listed(folder, problems):
    rows = "".join(f"S{number},2026-06-30,-1,\n" for number in range(4, 1504))
    (folder / "prices.csv").write_text("security_id,date,close,adjusted_close\n" + rows)

    found = problems(folder)

    assert len(found) == 1_001
    assert found[-1] == ("prices.csv", None, None, "2,000 more problems", "at most 1,000 to list")


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(DataError, match=r"nowhere: found no such folder; expected one with firm\.csv"):
        read_firm(tmp_path / "nowhere")


def test_an_id_that_is_a_household_and_an_account_is_no_scope(folder, amend, problems):
    amend("accounts.csv", "A2,H2", "H1,H2")
    amend("lots.csv", "A2,L1", "H1,L1")

    assert problems(folder) == [
        ("restrictions.csv", 3, "scope", "'H1', both a household and an account", "an id that means one of them")
    ]


def test_ids_do_not_take_the_words_of_scopes_and_targets(folder, amend, problems):
    amend("accounts.csv", "A2,H2", "firm,H2")
    amend("lots.csv", "A2,L1", "firm,L1")
    amend("securities.csv", "S2,BBB", "tag:S2,BBB")

    assert ("accounts.csv", 3, "account_id", "'firm'", "an id other than the scope word firm") in problems(folder)
    assert ("securities.csv", 3, "security_id", "'tag:S2'", "an id that does not begin with sector: or tag:"
            ) in problems(folder)  # fmt: skip


def test_a_risk_model_comes_whole_or_not_at_all(folder, problems):
    (folder / "risk/specific.csv").unlink()

    assert problems(folder) == [
        ("risk/specific.csv", None, None, "no such readable file", "all three risk files or none")]  # fmt: skip


def test_every_fault_of_an_action_is_reported_at_once(folder):
    (folder / "corporate_actions.csv").write_text(
        "security_id,ex_date,kind,value,successor,cash,price,basis_fraction,taxable,ticker\n"
        "S1,2026-06-30,merger,0.5,,,,,,\n"
        "S1,2026-07-01,merger,0,S3,,,,false,\n"
        "S2,2026-06-30,spin_off,0.5,S2,,,1,,X\n"
        "S3,2026-06-30,ticker_change,2,,,,,,\n"
        "S3,2026-06-30,split,0,S1,,,,,\n"
    )

    with pytest.raises(DataError) as error:
        read_firm(folder)

    assert [(problem.row, problem.column) for problem in error.value.problems] == [
        (2, "successor"), (2, "taxable"),
        (3, "cash"), (3, "successor"), (3, "taxable"), (3, "kind"),
        (4, "ticker"), (4, "successor"), (4, "basis_fraction"),
        (5, "value"), (5, "ticker"),
        (6, "successor"), (6, "value"),
    ]  # fmt: skip


def test_rows_that_book_an_action_tell_their_lots_and_no_other_row_does(folder):
    (folder / "transactions.csv").write_text(
        "transaction_id,account_id,trade_date,security_id,type,quantity,price,lot_id,basis,origin,acquired\n"
        "T1,A1,2025-06-02,S2,exchange_out,10,50,,400,,\n"
        "T2,A1,2025-06-02,S1,exchange_in,5,0,L9,375,,\n"
        "T3,A1,2025-06-02,S1,buy,5,10,,,T1,2025-01-01\n"
    )

    with pytest.raises(DataError) as error:
        read_firm(folder)

    assert [(problem.row, problem.column) for problem in error.value.problems] == [
        (2, "lot_id"), (2, "acquired"), (3, "origin"), (4, "origin"), (4, "acquired")
    ]  # fmt: skip


def test_a_model_that_only_begins_later_is_refused(folder):
    (folder / "models.csv").write_text("model_id,security_id,weight,effective\nM,S1,1,2026-07-20\n")

    with pytest.raises(DataError, match="found 1 problem in") as error:
        read_firm(folder)

    assert [(problem.row, problem.column) for problem in error.value.problems] == [(2, "effective")]


ACTION_COLUMNS = "security_id,ex_date,kind,value,successor,cash,price,basis_fraction,taxable,ticker\n"


@pytest.mark.parametrize(
    ("rows", "place", "found", "told"),
    [
        ("S1,2026-06-30,delisting,0,,,,,,\n", (2, "kind"), "'delisting'", "for a delisting that pays money a merger"),
        ("S1,2026-06-30,merger,0.5,S2,,,,false,\nS1,2026-06-30,merger,0.2,S3,,,,false,\n", (3, "successor"),
         "'S3', a second successor of 'S1'", "a merger that gives several securities is not booked"),
    ],
)  # fmt: skip
def test_an_action_that_is_not_booked_here_is_refused_by_its_name(folder, rows, place, found, told):
    (folder / "corporate_actions.csv").write_text(ACTION_COLUMNS + rows)

    with pytest.raises(DataError) as error:
        read_firm(folder)

    [problem] = [each for each in error.value.problems if (each.row, each.column) == place]
    assert problem.found == found
    assert told in problem.expected
