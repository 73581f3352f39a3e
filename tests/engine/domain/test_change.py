"""A policy change does to settings, restrictions and models what its words say, and nothing else."""

from dataclasses import replace
from datetime import date
from decimal import Decimal as D

import numpy as np
import pytest

from engine.domain.accounts import Restriction, Rule
from engine.domain.change import (
    DEFAULT,
    Lifted,
    PolicyChange,
    default_file,
    described,
    market_under,
    restrictions_under,
    reweighted,
    settings_under,
    versions_under,
)
from engine.domain.errors import DataError
from engine.domain.market import MarketSnapshot, Model, RiskModel
from engine.domain.settings import LotMethod, PlanSettings, settings_from_toml, settings_to_toml

MODEL = Model(model_id="M", weights=(("A", D("0.5")), ("B", D("0.3")), ("C", D("0.2"))))
TEXTS = {"calm": "# ours\n[plan]\nmax_turnover = 0.1\ncost_bp = 3\n", "bold": "[plan]\ncost_bp = 4\n"}


def market(*models):
    risk = RiskModel(security_ids=(), factors=(), exposures=np.zeros((0, 0)), factor_covariance=np.zeros((0, 0)),
                     specific_variance=np.zeros(0), quality="none")  # fmt: skip
    return MarketSnapshot(as_of=date(2026, 11, 20), securities={}, marks={}, substitutes=(), risk=risk,
                          models={model.model_id: model for model in models})  # fmt: skip


def held(scope, target, rule=Rule.DO_NOT_BUY):
    return Restriction(scope=scope, target=target, rule=rule, value=None, until=None, reason="")


@pytest.mark.parametrize(
    ("name", "weight", "expected"),
    [
        ("C", "0", {"A": "0.625", "B": "0.375"}),  # 0.5 / 0.8 and 0.3 / 0.8
        ("A", "0.75", {"A": "0.75", "B": "0.15", "C": "0.1"}),  # the others shrink from 0.5 to 0.25
        ("D", "0.1", {"A": "0.45", "B": "0.27", "C": "0.18", "D": "0.1"}),
    ],
)
def test_a_name_takes_its_weight_and_the_others_share_the_rest_as_they_did(name, weight, expected):
    assert dict(reweighted(MODEL, name, D(weight)).weights) == {key: D(value) for key, value in expected.items()}


def test_a_reweighted_model_sums_to_one_exactly_where_shares_do_not_end():
    sevenths = Model(model_id="M", weights=tuple((str(n), D("0.142857")) for n in range(7)))

    changed = reweighted(sevenths, "3", D(0))

    assert sum(weight for _, weight in changed.weights) == 1
    assert [name for name, _ in changed.weights] == ["0", "1", "2", "4", "5", "6"]


def test_the_last_name_of_a_model_cannot_be_dropped():
    with pytest.raises(DataError, match="expected another name that takes up the rest"):
        reweighted(Model(model_id="M", weights=(("A", D(1)),)), "A", D(0))


@pytest.mark.parametrize(
    "settings",
    [
        PlanSettings(),
        PlanSettings(max_active_weight=None, max_trades=3, withdrawal=D("12.50"), net_taxes=True),
        PlanSettings(exclude=('say "no"', "sector:Ö\tl", "\x7f\\"), tilt={"tag:a b": 0.01, "B": -1e-7},
                     lot_method=LotMethod.HIFO, risk_aversion=1e-7),
    ],
)  # fmt: skip
def test_settings_that_are_written_as_toml_read_back_equal(settings):
    assert settings_from_toml(settings_to_toml(settings), source="test") == settings


def test_every_settings_file_and_the_default_change_where_none_is_named():
    changed = settings_under(PolicyChange(settings={"cost_bp": "9"}), TEXTS)

    read = {name: settings_from_toml(text, source=name) for name, text in changed.items()}
    assert read == {
        "calm": PlanSettings(cost_bp=9.0, max_turnover=0.1),
        "bold": PlanSettings(cost_bp=9.0),
        "default": PlanSettings(cost_bp=9.0),
    }


def test_a_file_that_is_not_named_stays_as_it_was_written():
    changed = settings_under(PolicyChange(settings={"cost_bp": "9"}, files=("bold",)), TEXTS)

    assert changed["calm"] == TEXTS["calm"]
    assert changed.keys() == TEXTS.keys()
    assert settings_from_toml(changed["bold"], source="bold").cost_bp == 9


def test_a_file_of_the_firm_that_is_called_default_is_not_taken_for_accounts_that_name_none():
    texts = {DEFAULT: "[plan]\ncost_bp = 1\n"}

    assert default_file(texts) == "default_"
    assert settings_under(PolicyChange(settings={"tax_weight": "2"}), texts).keys() == {"default", "default_"}


def test_a_value_that_clashes_with_a_file_names_the_file():
    with pytest.raises(DataError, match=r"calm.*0 <= min_cash <= max_cash"):
        settings_under(PolicyChange(settings={"min_cash": "0.5"}, files=("calm",)), TEXTS)


def test_restrictions_are_lifted_by_scope_target_and_rule_and_added_for_their_scope_alone():
    present = (held("firm", "A"), held("firm", "B"), held("H1", "A"), held("firm", "A", Rule.DO_NOT_SELL))
    change = PolicyChange(
        added=(held("H1", "C"), held("H2", "C")),
        lifted=(Lifted(scope="firm", target="A", rule=Rule.DO_NOT_BUY),),
    )

    assert restrictions_under(change, present, {"firm", "H1"}) == (*present[1:], held("H1", "C"))


def test_a_change_is_told_in_words_with_what_moves_most_in_an_index():
    change = PolicyChange(
        settings={"max_turnover": "0.1", "exclude": ["A", "B"], "net_taxes": True, "max_trades": None},
        files=("calm",), risk=None, added=(replace(held("firm", "A"), rule=Rule.MAX_WEIGHT, value=D("0.02")),),
        lifted=(Lifted(scope="H1", target="B", rule=Rule.DO_NOT_BUY),), models=(reweighted(MODEL, "C", D(0)),),
    )  # fmt: skip

    assert described(change, market(MODEL)) == (
        "max_turnover = 0.1 in calm",
        "exclude = A, B in calm",
        "net_taxes = true in calm",
        "max_trades = none in calm",
        "new: firm A max_weight 0.02",
        "lifted: H1 B do_not_buy",
        "model M: C 20.00% → 0.00%, A 50.00% → 62.50%, B 30.00% → 37.50%; 3 names change, 20.00% one way",
    )


def version(effective, weight):
    return Model(model_id="M", weights=(("A", D(weight)), ("B", 1 - D(weight))), effective=effective)


SUMMER, WINTER = date(2026, 6, 1), date(2027, 1, 4)


def test_a_version_of_a_model_takes_the_place_of_its_own_day_alone():
    present = (version(None, "0.1"), version(SUMMER, "0.2"), version(WINTER, "0.3"))

    found = versions_under(PolicyChange(models=(version(SUMMER, "0.7"),)), present)

    assert found == (version(None, "0.1"), version(SUMMER, "0.7"), version(WINTER, "0.3"))


@pytest.mark.parametrize(
    ("tried", "weight", "told"),
    [
        (version(SUMMER, "0.7"), "0.7",
         "model M: A 20.00% → 70.00%, B 80.00% → 30.00%; 2 names change, 50.00% one way"),
        (version(date(2026, 11, 20), "0.7"), "0.7",
         "model M: A 20.00% → 70.00%, B 80.00% → 30.00%; 2 names change, 50.00% one way"),
        (version(WINTER, "0.7"), "0.2",
         "model M effective 2027-01-04: not in force on 2026-11-20, tonight's book is the same"),
        (version(None, "0.7"), "0.2", "model M: not in force on 2026-11-20, tonight's book is the same"),
    ],
)  # fmt: skip
def test_tonights_book_follows_the_latest_version_of_today_or_before(tried, weight, told):
    """In force on 20 November is the version of 1 June, which gives A 20 %."""
    change, tonight = PolicyChange(models=(tried,)), market(version(SUMMER, "0.2"))

    assert dict(market_under(change, tonight).models["M"].weights)["A"] == D(weight)
    assert described(change, tonight) == (told,)
