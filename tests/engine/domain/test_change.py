"""A policy change does to settings, restrictions and models what its words say, and nothing else."""

from dataclasses import replace
from datetime import date
from decimal import Decimal as D

import numpy as np
import pytest

from engine.domain.accounts import Account, Registration, Restriction, Rule
from engine.domain.change import (
    DEFAULT,
    Lifted,
    PolicyChange,
    PolicyScope,
    account_under,
    default_file,
    described,
    market_under,
    require_sense,
    restrictions_under,
    reweighted,
    settings_under,
    versions_under,
)
from engine.domain.errors import DataError
from engine.domain.market import MarketSnapshot, Model, RiskModel, Security
from engine.domain.settings import LotMethod, PlanSettings, settings_from_toml, settings_to_toml

MODEL = Model(model_id="M", weights=(("A", D("0.5")), ("B", D("0.3")), ("C", D("0.2"))))
TEXTS = {"calm": "# ours\n[plan]\nmax_turnover = 0.1\ncost_bp = 3\n", "bold": "[plan]\ncost_bp = 4\n"}
RISK = RiskModel(security_ids=(), factors=(), exposures=np.zeros((0, 0)), factor_covariance=np.zeros((0, 0)),
                 specific_variance=np.zeros(0))  # fmt: skip
MARKET = MarketSnapshot(
    as_of=date(2026, 11, 20), marks={}, substitutes=(), risk=RISK,
    models={"M": MODEL, "N": replace(MODEL, model_id="N")},
    securities={name: Security(security_id=name, ticker=name, name=name, sector="Any", tags=("t",)) for name in "ABC"},
)  # fmt: skip


def market(*models):
    risk = RiskModel(security_ids=(), factors=(), exposures=np.zeros((0, 0)), factor_covariance=np.zeros((0, 0)),
                     specific_variance=np.zeros(0), quality="none")  # fmt: skip
    return MarketSnapshot(as_of=date(2026, 11, 20), securities={}, marks={}, substitutes=(), risk=risk,
                          models={model.model_id: model for model in models})  # fmt: skip


def held(scope, target, rule=Rule.DO_NOT_BUY):
    return Restriction(scope=scope, target=target, rule=rule, value=None, until=None, reason="")


SCOPE = PolicyScope(
    market=MARKET, settings=TEXTS, restrictions=(held("firm", "A"),), households=frozenset("H"),
    accounts=frozenset({"ACC"}),
)  # fmt: skip


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


@pytest.mark.parametrize(
    ("name", "weight", "told"),
    [
        ("A", "1", "expected a weight from 0 up to below 1, found 1"),
        ("A", "-0.1", "expected a weight from 0 up to below 1, found -0.1"),
        ("D", "0", "expected a name of it to drop, found D"),
        ("B", "0", "expected another name that takes up the rest, found none"),
    ],
)
def test_a_weight_that_a_model_cannot_have_is_refused(name, weight, told):
    of_two = Model(model_id="M", weights=(("A", D(0)), ("B", D(1))))

    with pytest.raises(DataError, match=told):
        reweighted(of_two, name, D(weight))


def test_the_largest_of_the_others_takes_what_rounding_leaves():
    """Thirds of 12 decimals leave 1e-12; of names alike the last one is the largest."""
    thirds = Model(model_id="M", weights=(("A", D("0.2")), ("B", D("0.2")), ("C", D("0.2")), ("D", D("0.4"))))

    assert dict(reweighted(thirds, "D", D(0)).weights) == {
        "A": D("0.333333333333"), "B": D("0.333333333333"), "C": D("0.333333333334")
    }  # fmt: skip


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


LIMIT = replace(held("firm", "A", Rule.MAX_WEIGHT), value=D(1))


def with_weights(*weights):
    return PolicyChange(models=(Model(model_id="M", weights=tuple(zip("ABC", map(D, weights), strict=False))),))


@pytest.mark.parametrize(
    "change",
    [
        PolicyChange(settings={"cost_bp": "9"}, files=(DEFAULT, "calm")),
        PolicyChange(added=(held("firm", "A"), held("H", "sector:Any"), held("ACC", "tag:t"))),
        PolicyChange(added=(LIMIT, replace(LIMIT, value=D(0)))),
        PolicyChange(lifted=(Lifted(scope="firm", target="A", rule=Rule.DO_NOT_BUY),)),
        PolicyChange(risk=RISK),
        with_weights("0.5", "0.499999"),
        with_weights("0.5", "0.500001"),
    ],
)
def test_a_change_of_one_part_makes_sense(change):
    assert require_sense(change, SCOPE) is None  # nothing is wrong with it, so nothing is raised


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (PolicyChange(), "expected a setting, a restriction, a risk model or a model, found none"),
        (PolicyChange(files=("calm",)), "expected settings to change in calm, found none"),
        (
            PolicyChange(settings={"cost_bp": "9"}, files=("mine",)),
            r"a settings file of the firm \(bold, calm, default\)",
        ),
        (PolicyChange(settings={"max_turnover": "often"}), "expected a finite number, found 'often'"),
        (PolicyChange(added=(held("H9", "A"),)), "expected firm, a household or an account .* found H9"),
        (PolicyChange(added=(held("firm", "D"),)), "expected a security, sector:NAME or tag:NAME .* found D"),
        (PolicyChange(added=(replace(LIMIT, value=D("1.01")),)), "expected a weight from 0 to 1, found 1.01"),
        (PolicyChange(added=(replace(LIMIT, value=D("-0.01")),)), "expected a weight from 0 to 1, found -0.01"),
        (PolicyChange(added=(replace(LIMIT, value=None),)), "expected a weight from 0 to 1, found None"),
        (PolicyChange(added=(replace(held("firm", "A"), value=D(1)),)), "expected no value, found 1"),
        (PolicyChange(lifted=(Lifted(scope="firm", target="A", rule=Rule.DO_NOT_SELL),)), "found none such"),
        (PolicyChange(models=(replace(MODEL, model_id="O"),)), r"a model of the firm \(M, N\), found O"),
        (PolicyChange(models=(MODEL, MODEL)), "model M: expected one change of it, found two"),
        (
            PolicyChange(models=(Model(model_id="M", weights=(("D", D(1)),)),)),
            "expected securities of the firm, found D",
        ),
        (with_weights("0.5", "0.4999989"), "sum to 1 within 0.000001, found 0.9999989"),
        (with_weights("0.5", "0.5000011"), "sum to 1 within 0.000001, found 1.0000011"),
    ],
)
def test_a_change_that_a_firm_cannot_make_is_refused_with_what_was_expected(change, told):
    with pytest.raises(DataError, match=told):
        require_sense(change, SCOPE)


def test_an_account_that_names_no_settings_names_those_that_the_change_gives_it():
    free = Account(
        account_id="ACC", household_id="H", registration=Registration.IRA, custodian="C", account_number="1",
        model_id="M", cash=D(0), st_rate=D(0), lt_rate=D(0), ytd_st_gain=D(0), ytd_lt_gain=D(0), st_carryforward=D(0),
        lt_carryforward=D(0), settings=None,
    )  # fmt: skip
    bound, cost = replace(free, settings="calm"), {"cost_bp": "9"}

    for files in ((), (DEFAULT,), ("calm", DEFAULT)):
        assert account_under(PolicyChange(settings=cost, files=files), free, TEXTS).settings == DEFAULT
    assert account_under(PolicyChange(settings=cost, files=("calm",)), free, TEXTS) is free
    assert account_under(PolicyChange(added=(LIMIT,)), free, TEXTS) is free
    assert account_under(PolicyChange(settings=cost), bound, TEXTS) is bound


def test_a_market_has_the_models_and_the_risk_model_of_a_change_in_place_of_its_own():
    quieter, changed = replace(RISK, quality="quieter"), replace(MODEL, weights=(("A", D(1)),))

    assert market_under(PolicyChange(added=(LIMIT,)), MARKET) is MARKET
    assert market_under(PolicyChange(models=(changed,)), MARKET) == replace(
        MARKET, models={"M": changed, "N": MARKET.models["N"]}
    )
    assert market_under(PolicyChange(risk=quieter), MARKET) == replace(MARKET, risk=quieter)


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


def test_a_model_of_many_changes_is_told_by_the_three_that_move_most_and_a_limit_of_nothing_as_such():
    before = Model(model_id="M", weights=tuple((name, D("0.2")) for name in "EDCBA"))
    after = Model(
        model_id="M", weights=(("A", D("0.3")), ("B", D("0.3")), ("C", D("0.1")), ("D", D("0.1")), ("E", D("0.2")))
    )
    change = PolicyChange(models=(after,), added=(replace(LIMIT, value=D(0)),))

    assert described(change, market(before)) == (
        "new: firm A max_weight 0",
        "model M: A 20.00% → 30.00%, B 20.00% → 30.00%, C 20.00% → 10.00%; 4 names change, 20.00% one way",
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
