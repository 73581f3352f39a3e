"""What is shown of an account under watch: signs, units, order, what stays blank, and every word for a state."""

import math
from datetime import date
from decimal import Decimal as D

import pandas as pd
import pytest

from app.tables.monitor import (
    drift_table,
    factor_table,
    group_drifts,
    harvest_table,
    lock_table,
    lot_table,
    move_table,
    name_drifts,
    price_age_text,
    problem_table,
    restriction_table,
    tax_table,
)
from engine.domain.accounts import (
    Account,
    AccountBook,
    AccountSnapshot,
    Household,
    Lot,
    Registration,
    Restriction,
    Rule,
)
from engine.domain.plans import Lock, LockRule, Term
from engine.monitor.drift import GroupDrift, NameDrift
from engine.monitor.harvest import LossLot
from engine.monitor.moves import Move, MoveOf
from engine.monitor.tax_position import TaxPosition

TODAY = date(2026, 11, 20)


# Drift

NAMES = (
    NameDrift(security_id="S1", weight=0.05, target=0.0, active=0.05, restricted=False, outside=True),
    NameDrift(security_id="S9", weight=0.0, target=0.02, active=-0.02, restricted=True, outside=False),
    NameDrift(security_id="S2", weight=0.25, target=0.24, active=0.01, restricted=False, outside=False),
)


def test_drift_is_weight_less_target_in_per_cent_and_an_unknown_security_stands_for_itself(market):
    rows = drift_table(NAMES, market).to_dict("records")

    assert [(row["ticker"], row["sector"], row["state"]) for row in rows] == [
        ("ABC", "Food", "out of balance"), ("S9", "", "restricted"), ("XYZ", "Toys", ""),
    ]  # fmt: skip
    assert [row["weight_pct"] for row in rows] == pytest.approx([5, 0, 25])
    assert [row["target_pct"] for row in rows] == pytest.approx([0, 2, 24])
    assert [row["active_pct"] for row in rows] == pytest.approx([5, -2, 1])


def test_the_picture_of_drift_has_the_figures_of_its_table(market):
    tickers, drifts, states = zip(*name_drifts(NAMES[:2], market), strict=True)

    assert (tickers, states) == (("ABC", "S9"), ("out of balance", "restricted"))
    assert drifts == pytest.approx((5, -2))


def test_an_exposure_to_a_factor_is_a_plain_number_and_a_sectors_drift_is_per_cent():
    drifts = (GroupDrift(name="A", active=-0.25, outside=True), GroupDrift(name="B", active=0.125, outside=False))

    assert group_drifts(drifts, scale=100.0) == [("A", -25.0, "out of balance"), ("B", 12.5, "")]
    assert factor_table(drifts).to_dict("records") == [
        {"factor": "A", "exposure": -0.25, "state": "out of balance"}, {"factor": "B", "exposure": 0.125, "state": ""},
    ]  # fmt: skip


# Lots


def held(*lots):
    account = Account(
        account_id="T1", household_id="H1", registration=Registration.TAXABLE, custodian="One", account_number="1001",
        model_id="M", cash=D(0), st_rate=D("0.4"), lt_rate=D("0.2"), ytd_st_gain=D(0), ytd_lt_gain=D(0),
        st_carryforward=D(0), lt_carryforward=D(0),
    )  # fmt: skip
    book = AccountBook(account=account, lots=lots, transactions=())
    household = Household(household_id="H1", name="Hill", advisor="Ann")
    return AccountSnapshot(as_of=TODAY, household=household, book=book, household_books=(book,))


def lot(lot_id, security_id, quantity, cost, acquired, **more):
    return Lot(
        account_id="T1", lot_id=lot_id, security_id=security_id, quantity=D(quantity), cost_per_share=D(cost),
        acquired=acquired, **more,
    )  # fmt: skip


def test_lots_go_from_the_largest_loss_to_the_largest_gain_and_those_without_a_price_are_last(market):
    snapshot = held(
        lot("gain", "S1", 100, 40, date(2025, 11, 19)),  # long-term from the day after a year: today
        lot("unpriced", "S3", 10, 7, date(2025, 1, 2)),
        lot("loss", "S2", 50, 30, date(2025, 11, 20)),  # from tomorrow
    )

    table = lot_table(snapshot, market)

    assert table["lot"].tolist() == ["loss", "gain", "unpriced"]
    assert table["term"].tolist() == ["ST", "LT", "LT"]
    assert table["days_short"].tolist()[0] == 1
    assert table["days_short"].isna().tolist() == [False, True, True]
    assert table["basis"].tolist() == [1500.0, 4000.0, 70.0]
    assert table["value"].tolist()[:2] == [1000.0, 5000.0]
    assert table["gain"].tolist()[:2] == [-500.0, 1000.0]
    assert table["gain_pct"].tolist()[:2] == pytest.approx([-100 / 3, 25])
    assert table.iloc[2][["value", "gain", "gain_pct"]].isna().all()


def test_a_disallowed_loss_is_in_the_basis_and_without_a_basis_a_gain_has_no_per_cent(market):
    table = lot_table(
        held(
            lot("washed", "S1", 10, 40, TODAY, wash_adjustment=D(60)),  # 400 + 60 against 500
            lot("free", "S1", 2, 0, TODAY),
        ),
        market,
    ).set_index("lot")

    assert table.loc["washed", ["basis", "gain", "wash_adjustment"]].tolist() == [460.0, 40.0, 60.0]
    assert table.loc["free", "gain"] == 100.0
    assert table.loc["free", ["gain_pct", "wash_adjustment"]].isna().all()


def test_a_gift_at_a_loss_counts_from_the_day_and_the_value_of_the_gift(market):
    # The giver paid 90 a share in 2020; worth 60 on 1 September 2026, 50 today. 2 September 2027 is 286 days away.
    snapshot = held(lot("gift", "S1", 10, 90, date(2020, 1, 2), gift_price=D(60), gift_date=date(2026, 9, 1)))

    [row] = lot_table(snapshot, market).to_dict("records")

    assert (row["basis"], row["gain"], row["term"], row["days_short"]) == (600.0, -100.0, "ST", 286)


# Harvest and tax


def loss_lot(blocked=None, until=None):
    return LossLot(
        lot_id="l", security_id="S1", quantity=D("12.5"), term=Term.SHORT, loss=D(400), tax_saved=D(160),
        blocked=blocked, until=until,
    )  # fmt: skip


def test_a_loss_that_can_be_taken_has_its_saving_and_no_reason_against_it(market):
    [row] = harvest_table([loss_lot()], market).to_dict("records")

    assert (row["ticker"], row["term"], row["shares"]) == ("ABC", "ST", 12.5)
    assert (row["loss"], row["tax_saved"]) == (400.0, 160.0)
    assert (row["blocked"], row["until"]) == ("", None)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("wash_sale_lock", "bought in the household within 30 days: a wash sale"),
        ("restricted", "a restriction says not to sell it"),
        ("not_tradable", "it cannot be traded"),
        ("pending", "an order for it is on its way"),
        ("below_threshold", "the loss is smaller than the settings ask for"),
    ],
)
def test_why_a_loss_must_wait_is_told_in_words(market, code, words):
    until = date(2026, 12, 1)

    [row] = harvest_table([loss_lot(code, until)], market).to_dict("records")

    assert (row["blocked"], row["until"]) == (words, until)


def test_losses_carried_in_and_losses_to_take_are_below_zero_and_net_is_what_is_left_of_the_gains():
    position = TaxPosition(
        st_gain=D(3000), lt_gain=D(-1000), st_carryforward=D(500), lt_carryforward=D(2000), tax=D(0),
        st_harvest=D(400), lt_harvest=D(600), budget=None,
    )  # fmt: skip

    table = tax_table(position).set_index("figure")

    assert {figure: row.tolist() for figure, row in table.iterrows()} == {
        "Realised so far": [3000, -1000, 2000],
        "Losses carried in": [-500, -2000, -2500],
        "Net of the year": [2500, -3000, -500],
        "Losses that could be taken today": [-400, -600, -1000],
    }


# Locks, moves, rules and data


def test_a_lock_names_every_security_that_it_is_on_and_the_first_free_day(market):
    locks = (
        Lock(household_id="H1", identical_group="XYLO", cause="t1", rule=LockRule.NO_BUY, until=date(2026, 12, 2)),
        Lock(household_id="H1", identical_group="S9", cause="t2", rule=LockRule.NO_LOSS_SALE, until=TODAY),
    )

    assert lock_table(locks, market).to_dict("records") == [
        {"ticker": "XYZ, XYZB", "rule": "do not buy", "free_from": date(2026, 12, 2), "cause": "t1"},
        {"ticker": "S9", "rule": "do not sell at a loss", "free_from": TODAY, "cause": "t2"},
    ]


def test_a_move_says_what_moved_by_how_many_per_cent_and_what_it_did_in_dollars(market):
    moves = (
        Move(of=MoveOf.ACCOUNT, key="T1", change=-0.03125, sigmas=4.5, dollars=D(-3125)),
        Move(of=MoveOf.SECTOR, key="Toys", change=-0.0625, sigmas=None, dollars=D(-2500)),
        Move(of=MoveOf.NAME, key="S1", change=0.125, sigmas=5.0, dollars=D("12.50")),
    )

    table = move_table(moves, market)

    assert table[["moving", "ticker", "name", "sector"]].to_numpy().tolist() == [
        ["account", "", "whole account", ""], ["sector", "", "", "Toys"], ["name", "ABC", "Alphabet Soup", "Food"],
    ]  # fmt: skip
    assert table[["change_pct", "dollars"]].to_numpy().tolist() == [[-3.125, -3125.0], [-6.25, -2500.0], [12.5, 12.5]]
    assert table["sigmas"].tolist() == pytest.approx([4.5, math.nan, 5.0], nan_ok=True)  # no risk is known of Toys


@pytest.mark.parametrize(
    ("days", "text"),
    [
        (None, "No holding has a price."),
        (0, "Prices of 20 November 2026."),
        (1, "The newest price is 1 day older than 20 November 2026."),
        (3, "The newest price is 3 days older than 20 November 2026."),
    ],
)
def test_the_age_of_prices_is_told_and_no_day_is_claimed_where_there_is_no_price(days, text):
    assert price_age_text(days, TODAY) == text


def test_what_fences_an_account_off_stands_above_warnings_and_then_it_goes_by_account():
    def problem(severity, sentence, security_id=None):
        return {"code": "c", "severity": severity, "security_id": security_id, "sentence": sentence}

    documents = {
        "T2": {"problems": [problem("warn", "Old price.", "S1"), problem("fence", "No price.", "S3")]},
        "T1": {"problems": [problem("warn", "Cash is short.")]},
        "T3": {"problems": []},
    }

    assert problem_table(documents).to_numpy().tolist() == [
        ["T2", "fence", "No price.", "S3"], ["T1", "warn", "Cash is short.", ""], ["T2", "warn", "Old price.", "S1"],
    ]  # fmt: skip


def test_a_restriction_has_its_limit_in_per_cent_where_it_is_a_limit_and_no_day_where_it_is_for_ever(market):
    restrictions = (
        Restriction(scope="firm", target="tag:fossil", rule=Rule.DO_NOT_HOLD, value=None, until=None, reason="policy"),
        Restriction(scope="T1", target="S1", rule=Rule.MAX_WEIGHT, value=D("0.05"), until=TODAY, reason="her employer"),
    )

    table = restriction_table(restrictions, market)

    assert table[["scope", "target", "rule", "until", "reason"]].to_numpy().tolist() == [
        ["firm", "tag:fossil", "do not hold", None, "policy"], ["T1", "ABC", "max weight", TODAY, "her employer"],
    ]  # fmt: skip
    assert pd.isna(table["limit_pct"][0])
    assert table["limit_pct"][1] == pytest.approx(5)
