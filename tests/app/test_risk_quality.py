"""What the app tells of the risk model in use: figures on the firm's own prices, which no plan sees."""

import shutil
from datetime import date, timedelta

import numpy as np
import pytest

from app.charts.risk import risk_figure
from app.steps.market import judged_risk, todays_market
from engine.domain.market import RiskMonth


def test_an_imported_model_without_a_history_of_prices_is_not_judged(desk):
    services = desk.services()

    risk = judged_risk(services)

    assert risk.judged is None
    assert risk.quality == "imported with the firm folder"
    services.database.close()


def test_an_imported_model_that_says_half_the_volatility_is_told_so_and_plans_use_it_as_it_came(
    desk, hand_firm, tmp_path
):
    """The model says 20 % for each name, and the prices move by 40 %, each alone."""
    folder = shutil.copytree(hand_firm, tmp_path / "firm")
    dice = np.random.default_rng(3)
    days = [date(2026, 11, 20) - timedelta(days=k) for k in range(300, 0, -1)]
    with (folder / "prices.csv").open("a") as prices:
        for name in ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF"):
            closes = 100 * np.cumprod(1 + dice.normal(0, 0.4 / np.sqrt(252), len(days)))
            prices.writelines(f"{name},{day},{close:.6f}\n" for day, close in zip(days, closes, strict=True))
    said = desk.run("import", str(folder))
    services = desk.services()

    judged = judged_risk(services).judged

    assert said.code == 0, said.err
    assert judged is not None
    assert judged.bias == pytest.approx(2.0, rel=0.08)
    assert (judged.hindsight, judged.test_days) == (True, 252)
    assert todays_market(services).risk.judged is None
    services.database.close()


def test_the_picture_shows_both_tracking_errors_in_per_cent():
    months = [
        RiskMonth(ends=date(2026, 1, 30), predicted=0.011, realised=0.012),
        RiskMonth(ends=date(2026, 2, 27), predicted=0.0105, realised=0.009),
    ]

    predicted, realised = risk_figure(months).data

    assert (predicted.name, list(predicted.y)) == ("predicted", pytest.approx([1.1, 1.05]))
    assert (realised.name, list(realised.y)) == ("realised", pytest.approx([1.2, 0.9]))
    assert list(realised.x) == [date(2026, 1, 30), date(2026, 2, 27)]
