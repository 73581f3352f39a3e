"""What the screen shows of a value: filters, signs and units, against values worked out by hand."""

from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from app.charts.sensitivity import sensitivity_figure
from app.tables.parts import literal, short_usd, usd
from app.tables.plan import rule_text, sensitivity_table, setting_text
from engine.domain.market import MarketSnapshot, RiskModel, Security
from engine.plan.fractional import Figures
from engine.plan.sensitivity import Sensitivities, Sensitivity, Step

MARKET = MarketSnapshot(
    as_of=date(2026, 11, 20),
    securities={"S1": Security(security_id="S1", ticker="ABC", name="Alphabet Soup", sector="Food")},
    marks={},
    models={},
    substitutes=(),
    risk=RiskModel(
        security_ids=(), factors=(), exposures=np.zeros((0, 0)), factor_covariance=np.zeros((0, 0)),
        specific_variance=np.zeros(0),
    ),
)  # fmt: skip


def test_of_two_amounts_in_a_sentence_no_dollar_sign_begins_a_formula():
    assert literal("sells $1,200 and buys $900, 5% less") == r"sells \$1,200 and buys \$900, 5% less"


@pytest.mark.parametrize(
    ("amount", "text"), [(Decimal("1234.5"), "$1,234"), (-161718.2, "-$161,718"), (Decimal(0), "$0"), (-0.2, "$0")]
)
def test_dollars_carry_their_sign_before_the_dollar_sign(amount, text):
    assert usd(amount) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0.0, "$0"), (949.6, "$950"), (999.6, "$1k"), (1499.0, "$1k"), (12_600.0, "$13k"), (999_600.0, "$1.0M"),
        (3_440_000.0, "$3.4M"), (1_204_000_000.0, "$1.20B"), (-12_600.0, "-$13k"),
    ],
)  # fmt: skip
def test_a_tile_rounds_dollars_to_what_people_say(amount, text):
    assert short_usd(amount) == text


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


def figures(tax, tracking_error, objective, trades):
    return Figures(
        tracking_error=tracking_error, tax_usd=Decimal(tax), objective_bp=objective, gap_bp=0.01, trades=trades
    )


STEPS = Sensitivities(
    base=figures(1000, 0.01, 5.0, 20),
    settings=(
        Sensitivity(
            setting="max_turnover", value=0.1, same_measure=True,
            tighter=Step(value=0.09, figures=None), looser=Step(value=0.11, figures=figures(900, 0.0095, 4.5, 23)),
        ),
        Sensitivity(
            setting="tax_weight", value=0.0, same_measure=False,
            tighter=Step(value=0.1, figures=figures(400, 0.012, 3.0, 18)), looser=None,
        ),
        Sensitivity(
            setting="max_cash", value=0.01, same_measure=True,
            tighter=Step(value=0.009, figures=figures(1000, 0.01, 5.0, 20)), looser=None,
        ),
    ),
)  # fmt: skip


def test_a_row_a_step_tells_its_change_and_says_where_there_is_no_plan_or_no_common_measure():
    rows = sensitivity_table(STEPS).to_dict("records")

    assert [(row["setting"], row["direction"], row["moved"]) for row in rows] == [
        ("Turnover, one way", "tighter", "10 % → 9 %"),
        ("Turnover, one way", "looser", "10 % → 11 %"),
        ("Weight of tax", "tighter", "0 → 0.1"),
        ("Most cash", "tighter", "1 % → 0.9 %"),
    ]
    assert rows[0]["state"] == "no plan obeys the rules then"
    assert (rows[1]["tax_change"], rows[1]["te_change_pp"], rows[1]["objective_change_bp"]) == (-100.0, -0.05, -0.5)
    assert (rows[1]["trades_change"], rows[1]["state"]) == (3, "")
    assert rows[2]["tax_change"] == -600.0
    assert pd.isna(rows[2]["objective_change_bp"])


def test_the_setting_that_moves_most_is_on_top_and_one_that_moves_nothing_is_named_apart():
    figure, idle = sensitivity_figure(STEPS, "Tax")

    assert idle == ("Most cash",)
    assert list(figure.data[0].y) == ["Turnover, one way", "Weight of tax"]  # drawn from below
    assert list(figure.data[0].x) == [0.0, -600.0]
    assert list(figure.data[1].x) == [-100.0, 0.0]


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
def test_a_rule_is_told_in_words_and_its_security_by_its_ticker(rule, text):
    assert rule_text(rule, MARKET) == text
