"""Settings say what was wrong and what was meant."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.errors import DataError
from engine.domain.settings import (
    LotMethod,
    PlanSettings,
    WashSalePolicy,
    override,
    settings_from_dict,
    settings_from_toml,
    settings_to_dict,
)


def test_every_kind_of_value_is_read_from_toml():
    text = """
[plan]
risk_aversion = 50
max_turnover = 0.2
deposit = 1000.5
max_trades = 3
whole_shares = false
wash_sales = "allow"
lot_method = "hifo"
exclude = ["ACME", "tag:coal"]
[plan.tilt]
"sector:Energy" = 0.01
"""
    settings = settings_from_toml(text, source="x.toml")

    assert settings == PlanSettings(
        risk_aversion=50.0,
        max_turnover=0.2,
        deposit=Decimal("1000.5"),
        max_trades=3,
        whole_shares=False,
        wash_sales=WashSalePolicy.ALLOW,
        lot_method=LotMethod.HIFO,
        exclude=("ACME", "tag:coal"),
        tilt={"sector:Energy": 0.01},
    )


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("risk_averson = 5", "unknown setting risk_averson; did you mean risk_aversion?"),
        ("max_trades = 1.5", "max_trades: expected a whole number, found 1.5"),
        ('wash_sales = "perhaps"', "wash_sales: expected one of block, allow, found 'perhaps'"),
        ("deposit = nan", "deposit: expected a finite number, found nan"),
        (
            "deposit = 1e15",
            "deposit: expected a number of at most 15 digits before the point, found 1000000000000000.0",
        ),
        (
            'deposit = "-1e999999"',
            "deposit: expected a number of at most 15 digits before the point, found '-1e999999'",
        ),
        (
            'deposit = "1e-999999"',
            "deposit: expected a number of at most 15 digits before the point, found '1e-999999'",
        ),
        ('max_trades = "1e400000"', "max_trades: expected a number of at most 15 digits before the point, found"),
        ('"tilt" = "A=1e16"', "tilt: expected a number of at most 15 digits before the point, found 'A=1e16'"),
        ("enforce = 3", "enforce: expected true or false, found 3"),
        ("min_cash = 0.5", "expected 0 <= min_cash <= max_cash <= 1"),
        ("max_turnover = -1", "max_turnover must be a number >= 0"),
        ("= 3", "not TOML"),
    ],
)
def test_a_bad_line_names_the_source_the_key_and_what_was_expected(line, message):
    with pytest.raises(DataError) as caught:
        settings_from_toml(f"[plan]\n{line}", source="x.toml")

    assert message in str(caught.value)


def test_a_number_of_fifteen_digits_is_the_longest():
    assert settings_from_toml("[plan]\ndeposit = 999999999999999", source="x.toml").deposit == 10**15 - 1


def test_a_stray_section_is_refused():
    with pytest.raises(DataError, match="found also plam"):
        settings_from_toml("[plam]\nx = 1", source="x.toml")


def test_the_command_line_writes_none_lists_and_tilts_as_text():
    changed = override(
        PlanSettings(),
        {"max_active_weight": "none", "exclude": "ACME,tag:coal", "tilt": "tag:green=0.02"},
        source="--set",
    )

    assert changed.max_active_weight is None
    assert changed.exclude == ("ACME", "tag:coal")
    assert changed.tilt == {"tag:green": 0.02}


@given(
    aversion=st.floats(0, 1e6),
    deposit=st.decimals(0, 10**9, places=2),
    trades=st.none() | st.integers(0, 1000),
    tilt=st.dictionaries(st.text(min_size=1, max_size=8), st.floats(-1, 1), max_size=3),
)
def test_settings_survive_their_own_json(aversion, deposit, trades, tilt):
    settings = PlanSettings(risk_aversion=aversion, deposit=deposit, max_trades=trades, tilt=dict(sorted(tilt.items())))

    assert settings_from_dict(settings_to_dict(settings)) == settings
