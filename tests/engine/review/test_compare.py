"""The figures that are laid side by side, worked out by hand for the small account."""

from decimal import Decimal as D

from engine.review.compare import active_after, summarise


def test_a_plan_in_figures(plan, snapshot, market):
    summary = summarise(plan, snapshot, market)

    assert summary.turnover == D("0.145")  # (10,000 sold + 19,000 bought) / 2 / 100,000
    assert summary.trades == 3
    assert summary.tax_now == D(-750)
    assert summary.harvested_loss == D(3000)
    assert summary.cash_weight == D("0.009855")


def test_active_weights_after_trading(plan, snapshot, market):
    # ALFA 300 x 100 = 30 % against 40 %; BETA 595 x 100 = 59.5 % against 50 %; GAMA 190 x 50 = 9.5 % against 10 %
    expected = {"ALFA": D("-0.1"), "BETA": D("0.095"), "GAMA": D("-0.005")}

    assert active_after(plan, snapshot, market) == expected
    assert summarise(plan, snapshot, market).largest_active == tuple(expected.items())
