"""What a plan shows: its document's figures, sales before purchases, what stays blank, rules and settings in words."""

import io
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pandas as pd
import pytest

from app.steps.why import TradeReason
from app.tables.files import csv_bytes
from app.tables.plan import (
    binding_table,
    not_harvested_table,
    reason_table,
    rule_text,
    sale_table,
    setting_text,
    trade_table,
    wash_table,
)
from engine.domain.plans import Binding, NotHarvested, Washed

# Trades


def test_sales_stand_above_purchases_and_a_purchase_has_neither_gain_nor_term(harvest):
    rows = trade_table(harvest.plan, harvest.market).to_dict("records")

    assert [(row["side"], row["shares"], row["price"], row["amount"], row["terms"]) for row in rows] == [
        ("sell", 12, 100, 1200, "ST"), ("buy", 4, 100, 400, ""), ("buy", 8, 50, 400, ""), ("buy", 20, 20, 400, ""),
    ]  # fmt: skip
    assert rows[0]["gain"] == -480
    assert all(pd.isna(row["gain"]) for row in rows[1:])


def test_sales_go_from_the_largest_loss_to_the_largest_gain_and_purchases_by_their_dollars(harvest):
    sold, bought = harvest.plan.trades[0], harvest.plan.trades[1]
    gained = replace(sold, security_id="gain", lots=(replace(sold.lots[0], gain=Decimal(90)),))
    small = replace(bought, security_id="small", amount=Decimal(1))

    table = trade_table(replace(harvest.plan, trades=(small, gained, bought, sold)), harvest.market)

    assert table["ticker"].tolist() == [sold.security_id, "gain", bought.security_id, "small"]


def test_a_saved_table_of_trades_has_the_figures_of_the_plan_document(harvest):
    document = {trade["security_id"]: trade for trade in harvest.document["trades"]}

    saved = pd.read_csv(io.BytesIO(csv_bytes(trade_table(harvest.plan, harvest.market)))).set_index("ticker")

    assert set(saved.index) == {*document} == {"AAA", "BBB", "CCC", "DDD"}
    for name, trade in document.items():
        written = [saved.loc[name, "shares"], saved.loc[name, "amount"], saved.loc[name, "why"]]
        assert written == [trade["quantity"], trade["amount"], trade["reason"]["sentence"]]
        assert saved.loc[name, "worth_bp"] == pytest.approx(
            trade["reason"]["worth_bp"], abs=5e-5
        )  # written to 4 decimals
    assert saved.loc["AAA", "gain"] == sum(lot["gain"] for lot in document["AAA"]["lots"])


def test_a_lot_sold_has_its_own_shares_dollars_and_gain(harvest):
    [row] = sale_table(harvest.plan, harvest.market).to_dict("records")

    assert (row["ticker"], row["lot"], row["term"]) == ("AAA", "t1-a-loss", "ST")
    assert (row["shares"], row["amount"], row["gain"]) == (12, 1200, -480)


def test_a_loss_that_a_taxable_account_catches_joins_the_basis_of_what_it_buys(harvest):
    [sold, *bought] = harvest.plan.trades
    caught = Washed(
        lot_id="t1-a-loss", transaction_id="x", account_id="T3", on=date(2026, 11, 30), quantity=Decimal("5.50"),
        disallowed=Decimal(220), deferred=True,
    )  # fmt: skip

    trades = (replace(sold, washed=(caught,)), *bought)
    [row] = wash_table(replace(harvest.plan, trades=trades), harvest.market).to_dict("records")

    assert (row["loss"], row["disallowed"]) == (480, 220)
    assert row["goes_to"] == "into the basis of 5.5 shares that T3 buys on 2026-11-30"


def test_a_reason_that_was_not_priced_has_no_line_for_the_plan_without_it_and_no_zero_has_a_sign(harvest):
    parts = (("Risk", -0.0004, Decimal("-0.00")), ("Tax", 1.23456, Decimal("12.35")))
    reason = TradeReason(trade=harvest.plan.trades[0], parts=parts, worth_usd=None, lots=(), lots_sentence="")

    table = reason_table(reason)

    assert table["part"].tolist() == ["Risk", "Tax"]
    assert [str(bp) for bp in table["bp"]] == ["0.0", "1.235"]
    priced = reason_table(replace(reason, worth_usd=Decimal("76.80")))
    assert priced["part"].tolist()[2:] == ["The plan without it, all else solved again"]
    assert priced["usd"].tolist()[2:] == [76.8]


# What binds and what is left


def test_losses_left_go_from_the_largest_and_each_says_why(harvest):
    def left(lot_id, loss, why):
        return NotHarvested(lot_id=lot_id, security_id="AAA", loss=Decimal(loss), code="c", sentence=why)

    some = replace(harvest.plan, not_harvested=(left("a", 10, "Too small."), left("b", 3520, "It moves the account.")))

    assert not_harvested_table(some, harvest.market)[["lot", "loss", "why"]].to_numpy().tolist() == [
        ["b", 3520.0, "It moves the account."], ["a", 10.0, "Too small."],
    ]  # fmt: skip


def test_the_dearest_rule_is_on_top_whatever_its_sign_and_a_price_that_was_never_stored_stays_blank(harvest):
    binding = (
        Binding(rule="max_turnover", price_bp=0.5, detail="of 1 %", price_usd=Decimal(5)),
        Binding(rule="do_not_sell BBB", price_bp=-2.0, detail="a share"),
    )

    table = binding_table(replace(harvest.plan, binding=binding), harvest.market)

    assert table[["rule", "price_bp", "detail"]].to_numpy().tolist() == [
        ["Do not sell BBB", -2.0, "a share"], ["Turnover, one way", 0.5, "of 1 %"],
    ]  # fmt: skip
    assert pd.isna(table["price_usd"][0])
    assert table["price_usd"][1] == 5.0


# Words


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("max_active_weight", 0.0125, "1.25 %"),
        ("max_tracking_error", None, "no limit"),
        ("max_net_gain", Decimal(-1500), "-$1,500"),
        ("cost_bp", 6.25, "6.25 bp"),
        ("risk_aversion", 1250.0, "1,250"),
        ("max_trades", 30, "30"),
        ("enforce", True, "yes"),
        ("wash_sales", "allow", "allow"),
        ("exclude", ("ABC", "sector:Energy"), "ABC, sector:Energy"),
        ("exclude", (), "none"),
    ],
)
def test_a_setting_is_shown_with_its_unit(name, value, text):
    assert setting_text(name, value) == text


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("cash band", "Cash band"),
        ("max_turnover", "Turnover, one way"),
        ("max_sector_active Energy", "Drift of a sector Energy"),
        ("max_active_weight S1", "Drift of a name ABC"),
        ("do_not_sell S1", "Do not sell ABC"),
        ("do_not_hold tag:fossil S1", "Do not hold tag fossil ABC"),
        ("wash_sales S1", "Wash-sale lock on ABC"),
        ("max_weight S9", "Max weight S9"),  # unknown today: as it was stored
    ],
)
def test_a_rule_is_told_in_words_and_its_security_by_its_ticker(market, rule, text):
    assert rule_text(rule, market) == text
