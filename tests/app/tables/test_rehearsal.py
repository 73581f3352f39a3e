"""The tables of a rehearsal hold each account's figures now and then, chosen by what became worse."""

from dataclasses import replace

import numpy as np
import pytest

from app.tables.rehearsal import CHOICES, account_table, name_table, total_table
from engine.domain.market import MarketSnapshot, RiskModel, Security
from engine.review.rehearsed import AccountFigures, Compared, totals

CALM = AccountFigures(
    account_id="A", household_id="H", household="Hill", advisor="Ann", registration="taxable", model_id="M",
    outcome="calm", nav=1_000.0, te_before=0.02, te_after=0.02, trades=(), st_gain=0.0, lt_gain=0.0, liability=0.0,
    harvested=0.0, breaches=(), cause="",
)  # fmt: skip
SELLS = replace(CALM, outcome="proposed", te_after=0.01, trades=(("X", -100.0), ("Y", 60.0)), st_gain=-5.0, lt_gain=2.0,
                liability=-1.2, harvested=5.0)  # fmt: skip
FAILS = replace(CALM, outcome="exception", cause="none fits", breaches=("cash high",))


def test_an_account_has_its_figures_under_both_policies():
    [row] = account_table([Compared(now=CALM, then=SELLS)]).to_dict("records")

    assert (row["account"], row["household"], row["changed_usd"], row["nav"]) == ("A", "Hill", 160.0, 1_000.0)
    assert (row["outcome_now"], row["outcome_then"]) == ("calm", "proposed")
    assert (row["trades_now"], row["trades_then"], row["traded_now"], row["traded_then"]) == (0, 2, 0.0, 160.0)
    assert (row["tax_now"], row["tax_then"], row["net_gain_then"], row["harvested_then"]) == (0.0, -1.2, -3.0, 5.0)
    assert (row["te_today_pct"], row["te_now_pct"], row["te_then_pct"]) == (2.0, 2.0, 1.0)
    assert (row["turnover_now_pct"], row["turnover_then_pct"]) == (0.0, pytest.approx(8.0))
    assert (row["net_gain_now"], row["harvested_now"]) == (0.0, 0.0)
    assert (row["advisor"], row["registration"], row["model"]) == ("Ann", "taxable", "M")


def test_the_cause_is_that_of_the_changed_policy_or_else_of_the_present_one():
    [row] = account_table([Compared(now=replace(FAILS, cause="lost"), then=FAILS)]).to_dict("records")
    [before] = account_table([Compared(now=FAILS, then=SELLS)]).to_dict("records")
    [new] = account_table([Compared(now=CALM, then=FAILS)]).to_dict("records")

    assert (row["cause_text"], row["new_breaches"]) == ("none fits", [])
    assert (before["cause_text"], before["new_breaches"]) == ("none fits", [])
    assert (new["cause_text"], new["new_breaches"]) == ("none fits", ["cash high"])


@pytest.mark.parametrize(
    ("now", "then", "chosen"),
    [
        (CALM, CALM, set()),
        (CALM, SELLS, {"anything differs", "starts to trade"}),
        (SELLS, CALM, {"anything differs", "stops trading"}),
        (SELLS, FAILS, {"anything differs", "stops trading", "newly broken rule", "newly not planned"}),
        (FAILS, FAILS, set()),
    ],
)
def test_accounts_are_chosen_by_what_became_of_them(now, then, chosen):
    pair = Compared(now=now, then=then)

    assert {name for name, keeps in CHOICES.items() if keeps(pair)} == {"all accounts", *chosen}


def test_the_sums_are_told_with_their_unit_and_signed_difference():
    table = total_table((totals([SELLS]), totals([FAILS])))

    assert [tuple(row.values()) for row in table.to_dict("records")] == [
        ("Accounts: exception", "0", "1", "+1"),
        ("Accounts: proposed", "1", "0", "-1"),
        ("Trades", "2", "0", "-2"),
        ("Traded", "$160", "$0", "-$160"),
        ("Turnover, one way", "8.000%", "0.000%", "-8.000 pp"),  # 80 of 1,000
        ("Tax (below zero: saved)", "-$1", "$0", "+$1"),
        ("Net short-term gain", "-$5", "$0", "+$5"),
        ("Net long-term gain", "$2", "$0", "-$2"),
        ("Harvested loss", "$5", "$0", "-$5"),
        ("Tracking error before, median", "2.000%", "2.000%", "+0.000 pp"),
        ("Tracking error after, median", "1.000%", "2.000%", "+1.000 pp"),
        ("Tracking error after, by value", "1.000%", "2.000%", "+1.000 pp"),
        ("Accounts with a broken rule", "0", "1", "+1"),
        ("Broken rules", "0", "1", "+1"),
    ]


def test_a_figure_that_a_side_lacks_has_no_difference():
    table = total_table((totals([SELLS]), totals([]))).set_index("figure")

    assert list(table.loc["Tracking error after, median"]) == ["1.000%", "", ""]


def test_a_name_has_what_the_whole_book_buys_less_what_it_sells():
    none = np.zeros((0, 0))
    risk = RiskModel(security_ids=(), factors=(), exposures=none, factor_covariance=none, specific_variance=np.zeros(0))
    securities = {name: Security(security_id=name, ticker=f"T{name}", name=name, sector="S") for name in "XY"}
    market = MarketSnapshot(as_of=None, securities=securities, marks={}, models={}, substitutes=(), risk=risk)
    other = replace(SELLS, account_id="B", trades=(("X", 30.0),))

    table = name_table([Compared(now=CALM, then=SELLS), Compared(now=other, then=other)], market)

    assert table.to_dict("records") == [
        {"ticker": "TX", "name": "X", "sector": "S", "net_now": 30.0, "net_then": -70.0, "net_change": -100.0},
        {"ticker": "TY", "name": "Y", "sector": "S", "net_now": 0.0, "net_then": 60.0, "net_change": 60.0},
    ]
