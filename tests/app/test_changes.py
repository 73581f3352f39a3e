"""A link says what differs from an account's own settings, and leads back to exactly those settings."""

from decimal import Decimal as D

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.steps.changes import changed, changes_text
from engine.domain.errors import DataError
from engine.domain.settings import LotMethod, PlanSettings, WashSalePolicy

OWN = PlanSettings(risk_aversion=80.0, max_sector_active=None)

fractions = st.floats(0, 1, allow_nan=False)
numbers = st.floats(0, 1e9, allow_nan=False)
money = st.decimals(0, 10**12, allow_nan=False, allow_infinity=False)
names = st.text(min_size=1).map(str.strip).filter(bool)


def settings_of(cash, **fields):
    return PlanSettings(min_cash=min(cash), max_cash=max(cash), **fields)


any_settings = st.builds(
    settings_of,
    st.tuples(fractions, fractions),
    risk_aversion=numbers,
    tax_weight=numbers,
    net_taxes=st.booleans(),
    max_active_weight=st.none() | fractions,
    max_net_gain=st.none() | st.decimals(-(10**9), 10**9, allow_nan=False, allow_infinity=False),
    min_trade_usd=money,
    max_trades=st.none() | st.integers(0, 10**6),
    wash_sales=st.sampled_from(WashSalePolicy),
    lot_method=st.sampled_from(LotMethod),
    withdrawal=money,
    exclude=st.lists(names).map(tuple),
    tilt=st.dictionaries(names, st.floats(-1, 1, allow_nan=False)),
    liquidate=st.booleans(),
)


@given(any_settings, any_settings)
def test_settings_written_for_a_link_are_read_back_exactly(own, chosen):
    assert changed(own, changes_text(own, chosen)) == chosen


def test_only_what_differs_is_written_and_it_is_short():
    chosen = PlanSettings(risk_aversion=50.0, max_sector_active=None, max_trades=100, exclude=("sector:Energy", "AAPL"),
                          tilt={"tag:quality": 0.01}, withdrawal=D(25_000))  # fmt: skip

    text = changes_text(OWN, chosen)

    assert text == ("risk_aversion:50,max_trades:100,withdrawal:25000,exclude:sector:Energy;AAPL,tilt:tag:quality=0.01")
    assert changes_text(OWN, OWN) == ""
    assert changed(OWN, "") == OWN


def test_a_limit_that_is_taken_away_is_written_as_none():
    text = changes_text(PlanSettings(), PlanSettings(max_active_weight=None))

    assert text == "max_active_weight:none"
    assert changed(PlanSettings(), text).max_active_weight is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("max_trade:5", "the link's settings: unknown setting max_trade; did you mean max_trades?"),
        ("max_trades:many", "the link's settings: max_trades: expected a finite number, found 'many'"),
        (
            "max_trades:1e99999",
            "the link's settings: max_trades: expected a number of at most 15 digits before the point, found '1e99999'",
        ),
        ("max_trades", "the link's settings: max_trades: expected KEY:VALUE"),
        ("max_trades:5,max_trades:6", "the link's settings: max_trades: expected it once, found it twice"),
        ("min_cash:0.5", "settings: expected 0 <= min_cash <= max_cash <= 1, found min_cash = 0.5, max_cash = 0.01"),
        ("tilt:AAPL", "the link's settings: tilt: expected a finite number, found {'': 'AAPL'}"),
    ],
)
def test_a_link_that_makes_no_sense_is_refused_with_the_part_that_makes_none(text, said):
    with pytest.raises(DataError) as refused:
        changed(OWN, text)

    assert str(refused.value) == said
