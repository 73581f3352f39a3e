"""What is written reads back as the same firm, and equal firms are equal bytes."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.firm_folder.read import read_firm
from connectors.firm_folder.write import write_firm
from engine.domain.accounts import (
    Account,
    AccountBook,
    FirmReference,
    Household,
    Lot,
    Registration,
    Restriction,
    Rule,
    Transaction,
    TransactionType,
)
from engine.domain.errors import DataError
from engine.domain.market import Model, PriceHistory, RiskModel, Security, Substitute

AS_OF = date(2026, 6, 30)


def test_a_canonical_folder_is_written_back_byte_for_byte(folder, tmp_path, files_of):
    write_firm(tmp_path / "again", *read_firm(folder))

    assert files_of(tmp_path / "again") == files_of(folder)


def test_books_may_come_in_any_order(folder, tmp_path, files_of):
    reference, books = read_firm(folder)

    write_firm(tmp_path / "again", reference, reversed(list(books)))

    assert files_of(tmp_path / "again") == files_of(folder)


def test_an_earlier_export_is_replaced_and_nothing_is_left_beside_it(folder, tmp_path, files_of):
    reference, books = read_firm(folder)
    (tmp_path / "empty").mkdir()
    write_firm(tmp_path / "empty", reference, books)

    write_firm(folder, replace(reference, risk=None, restrictions=()), books)

    assert "risk/specific.csv" in files_of(tmp_path / "empty")
    assert "risk/specific.csv" not in files_of(folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "firm"]


def test_a_folder_with_anything_else_in_it_is_left_alone(folder, files_of):
    reference, books = read_firm(folder)
    (folder / "taxes.xlsx").write_text("precious")
    before = files_of(folder)

    with pytest.raises(DataError, match=r"found taxes\.xlsx in it; expected a new folder"):
        write_firm(folder, reference, books)

    assert files_of(folder) == before


def test_a_file_in_the_place_of_the_folder_is_left_alone(folder, tmp_path):
    (tmp_path / "file").write_text("precious")

    with pytest.raises(DataError, match="found a file; expected a new folder"):
        write_firm(tmp_path / "file", *read_firm(folder))


def test_an_export_that_breaks_off_leaves_what_was_there(folder, tmp_path, files_of):
    reference, books = read_firm(folder)
    before = files_of(folder)

    def breaking():
        yield next(iter(books))
        raise OSError("the database went away")

    with pytest.raises(OSError, match="went away"):
        write_firm(folder, reference, breaking())

    assert files_of(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["firm"]


@pytest.mark.parametrize("name", ["../evil", ".hidden", "a/b", "", "x" * 65])
def test_a_settings_name_cannot_lead_out_of_the_folder(folder, tmp_path, name):
    reference, books = read_firm(folder)

    with pytest.raises(DataError, match="expected the name of a file"):
        write_firm(tmp_path / "again", replace(reference, settings={name: "[plan]\n"}), books)


def test_a_value_that_could_not_be_read_back_is_refused(folder, tmp_path):
    reference, books = read_firm(folder)

    with pytest.raises(DataError, match=r"households\.csv: found 'two\\nlines' in the row of 'H9'"):
        write_firm(
            tmp_path / "again",
            replace(reference, households=(Household(household_id="H9", name="two\nlines", advisor="x"),)),
            books,
        )


text = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12).filter(
    lambda s: s == s.strip()
)
dollars = st.decimals(0, 10**9, places=4, allow_nan=False)
shares = st.decimals("0.0001", 10**6, places=4, allow_nan=False)
fractions = st.decimals(0, 1, places=6, allow_nan=False)
days = st.integers(0, 3000).map(lambda back: AS_OF - timedelta(days=back))


def maybe(strategy):
    return st.none() | strategy


@st.composite
def firms(draw):
    n = draw(st.integers(1, 4))
    names = [f"S{i}" for i in range(n)]
    securities = tuple(
        Security(security_id=name, ticker=draw(text), name=draw(text), sector=draw(text), cusip=draw(maybe(text)),
                 identical_group=draw(maybe(text)), lot_size=draw(maybe(shares)), tradable=draw(maybe(st.booleans())),
                 cost_bp=draw(maybe(fractions)), adv_usd=draw(maybe(dollars)),
                 tags=tuple(draw(st.lists(text.filter(lambda s: ";" not in s), max_size=3, unique=True))))
        for name in names
    )  # fmt: skip
    prices = []
    for name in draw(st.lists(st.sampled_from(names), unique=True).map(sorted)):
        dates = tuple(sorted(draw(st.lists(days, min_size=1, max_size=4, unique=True))))
        closes = tuple(draw(shares) for _ in dates)
        prices.append(PriceHistory(security_id=name, dates=dates, closes=closes,
                                   adjusted=tuple(draw(maybe(shares)) for _ in dates)))  # fmt: skip
    weights = [Decimal(1).scaleb(-6) * k for k in draw(st.lists(st.integers(0, 10**6 // n), min_size=n, max_size=n))]
    weights[0] += 1 - sum(weights)
    k = draw(st.integers(1, 3))
    loadings = np.array(draw(st.lists(st.lists(st.floats(-3, 3), min_size=k, max_size=k), min_size=k, max_size=k)))
    volatility = np.array(draw(st.lists(st.floats(0, 2), min_size=n, max_size=n)))
    risk = RiskModel(security_ids=tuple(names), factors=tuple(f"f{i}" for i in range(k)),
                     exposures=np.array(draw(st.lists(st.floats(-5, 5), min_size=n * k, max_size=n * k))).reshape(n, k),
                     factor_covariance=loadings @ loadings.T, specific_variance=volatility**2,
                     quality="imported with the firm folder")  # fmt: skip
    restrictions = (
        Restriction(scope="firm", target=names[0], rule=Rule.DO_NOT_BUY, value=None, until=None, reason=draw(text)),
        Restriction(scope="H1", target=f"sector:{securities[0].sector}", rule=Rule.MAX_WEIGHT, value=draw(fractions),
                    until=draw(days), reason=draw(text)),
    )  # fmt: skip
    reference = FirmReference(
        as_of=AS_OF, currency="USD", name=draw(text), securities=securities, prices=tuple(prices),
        models=(Model(model_id="M", weights=tuple(zip(names, weights, strict=True))),),
        households=(Household(household_id="H1", name=draw(text), advisor=draw(text), segment=draw(maybe(text))),),
        restrictions=restrictions if draw(st.booleans()) else (),
        substitutes=(Substitute(security_id="S0", substitute_id="S1", rank=1),) if n > 1 else (),
        risk=draw(st.sampled_from([None, risk])), settings={"a b": "[plan]\r\n# \u00fc\n", "x": ""},
    )  # fmt: skip
    return reference, tuple(draw(books(f"A{i}", names)) for i in range(draw(st.integers(0, 2))))


@st.composite
def books(draw, account_id, names):
    account = Account(
        account_id=account_id, household_id="H1", registration=draw(st.sampled_from(Registration)),
        custodian=draw(text), account_number=draw(text), model_id="M",
        cash=draw(st.decimals(-(10**9), 10**9, places=2)),
        st_rate=draw(fractions), lt_rate=draw(fractions), ytd_st_gain=draw(dollars), ytd_lt_gain=-draw(dollars),
        st_carryforward=draw(dollars), lt_carryforward=draw(dollars),
        settings=draw(st.sampled_from([None, "x", "a b"])),
    )  # fmt: skip
    lots = []
    for i in range(draw(st.integers(0, 3))):
        acquired = draw(days)
        start = draw(maybe(st.integers(0, 400).map(lambda back, day=acquired: day - timedelta(days=back))))
        lots.append(Lot(account_id=account_id, lot_id=f"{i}", security_id=draw(st.sampled_from(names)),
                        quantity=draw(shares), cost_per_share=draw(dollars), acquired=acquired,
                        wash_adjustment=draw(maybe(dollars)), holding_start=start))  # fmt: skip
    dates = sorted(draw(st.lists(days, max_size=3)))
    transactions = tuple(
        draw(transactions_of(account_id, names, f"{account_id}-{9 - i}", day)) for i, day in enumerate(dates)
    )
    return AccountBook(account=account, lots=tuple(lots), transactions=transactions)


@st.composite
def transactions_of(draw, account_id, names, transaction_id, day):
    row = Transaction(
        transaction_id=transaction_id, account_id=account_id, trade_date=day, security_id=draw(st.sampled_from(names)),
        type=draw(st.sampled_from(TransactionType)), quantity=draw(shares), price=draw(dollars),
        lot_id=draw(maybe(text)), basis=draw(maybe(dollars)),
    )  # fmt: skip
    told = {"lot_id": draw(text), "basis": draw(dollars)}
    given_up = {**told, "acquired": draw(days), "holding_start": draw(maybe(days))}
    match row.type:
        case TransactionType.EXCHANGE_OUT:
            return replace(row, **given_up, cash=draw(maybe(dollars)))
        case TransactionType.SPIN_OFF:
            return replace(row, **given_up, basis_fraction=draw(fractions))
        case TransactionType.EXCHANGE_IN:
            return replace(row, **told, origin=draw(text))
        case _:
            return row


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(firms())
def test_any_firm_reads_back_as_it_was_written(firm):
    reference, written = firm
    with TemporaryDirectory() as place:
        first, second = Path(place) / "first", Path(place) / "second"
        write_firm(first, reference, written)
        again, read = read_firm(first)
        read = tuple(read)
        write_firm(second, again, read)

        assert repr(read) == repr(written)  # repr tells Decimal("1.50") from Decimal("1.5")
        assert repr(replace(again, risk=None)) == repr(replace(reference, risk=None))
        if reference.risk is not None:
            assert again.risk is not None
            assert again.risk.exposures.tolist() == reference.risk.exposures.tolist()
            assert again.risk.factor_covariance.tolist() == reference.risk.factor_covariance.tolist()
            assert again.risk.specific_variance.tolist() == reference.risk.specific_variance.tolist()
        for path in first.rglob("*.*"):
            assert path.read_bytes() == (second / path.relative_to(first)).read_bytes()
