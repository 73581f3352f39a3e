"""The estimated risk model against markets whose true covariance is known.

756 days at a half-life of 252 are worth some 560 equally weighted ones: a volatility is then known to about
1 / sqrt(2 x 560) = 3 %, one standard error. Tolerances below are a few of those.
"""

import re
from dataclasses import replace

import numpy as np
import pytest

from engine.domain.errors import DataError
from engine.risk.estimate import estimate_risk, judge_imported


def covariance(risk):
    return risk.exposures @ risk.factor_covariance @ risk.exposures.T + np.diag(risk.specific_variance)


def active_portfolios(count, names, seed=99):
    dice = np.random.default_rng(seed)
    return [active - active.mean() for active in dice.normal(size=(count, names))]


@pytest.fixture(scope="module")
def estimated(planted):
    return planted.estimate()


def test_tracking_errors_of_random_portfolios_come_out_within_10_per_cent_and_right_on_average(planted, estimated):
    found, true = covariance(estimated), planted.covariance
    ratios = [np.sqrt(a @ found @ a / (a @ true @ a)) for a in active_portfolios(200, 60)]

    assert np.mean(ratios) == pytest.approx(1.0, abs=0.03)
    assert np.quantile(ratios, 0.025) > 0.90
    assert np.quantile(ratios, 0.975) < 1.10


def test_each_names_volatility_comes_out_within_12_per_cent(planted, estimated):
    ratios = np.sqrt(np.diag(covariance(estimated)) / np.diag(planted.covariance))

    assert np.abs(ratios - 1.0).max() < 0.12
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.03)


def test_the_market_portfolio_has_its_risk_within_10_per_cent(planted, estimated):
    equal = np.full(60, 1 / 60)

    ratio = np.sqrt(equal @ covariance(estimated) @ equal / (equal @ planted.covariance @ equal))

    assert ratio == pytest.approx(1.0, abs=0.10)


def test_planted_betas_to_the_market_come_back(planted, estimated):
    """A beta's sampling error is about 33 % / 16 % / sqrt(560) = 0.09."""
    beta = estimated.exposures[:, 0]

    assert np.sqrt(np.mean((beta - planted.beta) ** 2)) < 0.13
    assert np.corrcoef(beta, planted.beta)[0, 1] > 0.85
    assert beta.mean() == pytest.approx(1.0, abs=0.02)


def test_each_sector_is_a_factor_of_its_own_members_alone(planted, estimated):
    assert estimated.factors[:7] == ("market", *(f"sector:sector {s}" for s in range(6)))
    exposed = estimated.exposures[:, 1:7] != 0
    assert (exposed == np.eye(6, dtype=bool)[planted.sector]).all()


def test_a_planted_style_that_no_sector_explains_is_found_as_a_statistical_factor(planted, estimated):
    """It is 12 % a year, long half of every sector and short the other half."""
    loadings = estimated.exposures[:, estimated.factors.index("statistical:1")]

    assert abs(np.corrcoef(loadings, planted.loading)[0, 1]) > 0.9
    long_short = planted.loading / 60
    found, true = (np.sqrt(long_short @ c @ long_short) for c in (covariance(estimated), planted.covariance))
    assert found == pytest.approx(true, rel=0.10)


def test_where_there_is_nothing_but_market_and_noise_no_statistical_factor_is_found(world):
    """Sectors of three names are too small for a factor, and here their own part is left out."""
    for seed in range(4):
        market = world(seed=seed)
        market.returns = np.random.default_rng(seed).normal(0, 0.02, market.returns.shape)
        market.returns += np.random.default_rng(seed + 50).normal(0, 0.01, (market.days, 1))
        market.sector = np.arange(market.names) // 3

        assert market.estimate().factors == ("market",)


def test_specific_risk_comes_back_within_15_per_cent_for_nine_names_in_ten(planted, estimated):
    ratios = np.sqrt(estimated.specific_variance) / planted.specific

    assert np.quantile(np.abs(ratios - 1.0), 0.9) < 0.15


@pytest.mark.parametrize("seed", range(4))
def test_the_covariance_is_positive_definite_even_with_more_names_than_days(world, seed):
    risk = world(seed=seed, days=40, names=80).estimate()

    assert np.linalg.eigvalsh(risk.factor_covariance).min() > -1e-12
    assert np.linalg.eigvalsh(covariance(risk)).min() > 0


def test_with_few_days_the_portfolio_that_looks_safest_is_not_taken_for_safe(world):
    """The sample covariance of 80 names over 100 days calls its safest portfolio several times too safe."""
    market = world(seed=1, days=100, names=80)
    found = covariance(market.estimate())
    sample = np.cov(market.returns.T) * 252

    def understatement(matrix):
        safest = np.linalg.eigh(matrix)[1][:, 0]
        return np.sqrt(safest @ market.covariance @ safest / (safest @ matrix @ safest))

    assert understatement(sample) > 3
    assert understatement(found) < 1.5


def test_a_beta_of_a_short_history_is_drawn_to_1_and_that_of_a_long_one_is_kept(world):
    """The two names with the planted beta farthest from 1, one of them seen for 80 days only."""
    market = world(seed=7)
    far = int(np.argmax(np.abs(market.beta - 1.0)))

    long = market.estimate().exposures[far, 0]
    short = market.estimate(first={far: market.days - 80}).exposures[far, 0]
    ordinary = np.polyfit(market.returns[-80:].mean(axis=1), market.returns[-80:, far], 1)[0]

    assert abs(short - 1.0) < 0.9 * abs(ordinary - 1.0)
    assert long == pytest.approx(market.beta[far], abs=0.2)


def test_a_name_with_one_price_gets_beta_1_its_sector_and_a_cautious_specific_risk(world):
    market = world(seed=3)
    risk = market.estimate(first={0: market.days})

    assert risk.security_ids[0] == "S000"
    assert risk.exposures[0, 0] == pytest.approx(1.0)
    assert risk.exposures[0, 1] == pytest.approx(1.0)
    assert (risk.specific_variance[0] >= risk.specific_variance[1:]).mean() >= 0.75
    assert np.isfinite(covariance(risk)).all()


def test_a_name_younger_than_60_days_has_no_statistical_exposure(world):
    market = world(seed=5, style=0.12)
    risk = market.estimate(first={4: market.days - 59, 5: market.days - 60})
    statistical = [k for k, factor in enumerate(risk.factors) if factor.startswith("statistical")]

    assert (risk.exposures[4, statistical] == 0).all()
    assert (risk.exposures[5, statistical] != 0).all()


def test_one_wrong_price_among_750_hardly_moves_the_risk_of_its_name(world):
    market = world(seed=2)
    clean = covariance(market.estimate())[9, 9]

    market.returns[400, 9] = 9.0
    market.returns[401, 9] = -0.9
    dirty = covariance(market.estimate())[9, 9]

    assert np.sqrt(dirty / clean) < 1.15


def test_recent_days_weigh_more(world):
    """A market three times as wild in its last quarter than before."""
    market = world(seed=2)
    market.returns[-189:] *= 3.0
    plain = market.returns.var(axis=0) * 252

    assert (np.diag(covariance(market.estimate())) > plain).mean() > 0.9


def test_the_same_prices_give_the_same_model_whatever_the_order_they_come_in(world):
    market = world(seed=2, days=100)
    histories, securities = market.histories(), market.securities()
    as_of = histories[0].dates[-1]

    one = estimate_risk(histories, securities, as_of=as_of)
    other = estimate_risk(histories[::-1], securities[::-1], as_of=as_of)

    assert one.security_ids == other.security_ids == tuple(sorted(one.security_ids))
    assert (covariance(one) == covariance(other)).all()
    assert one.quality == other.quality


def test_prices_after_the_day_asked_for_change_nothing(world):
    market = world(seed=2, days=200)
    as_of = market.histories()[0].dates[150]

    before = estimate_risk(market.histories(), market.securities(), as_of=as_of)
    market.returns[150:] *= 5
    after = estimate_risk(market.histories(), market.securities(), as_of=as_of)

    assert (covariance(before) == covariance(after)).all()


@pytest.mark.parametrize("days", [0, 19])
def test_fewer_than_20_days_are_refused_with_what_was_found(world, days):
    with pytest.raises(DataError, match=rf"expected at least 20 days of returns to estimate it, found {days}"):
        world(seed=1, days=days, names=10).estimate()


def test_twenty_days_are_enough_for_a_model_and_too_few_to_test_it(world):
    risk = world(seed=1, days=20, names=10).estimate()

    assert risk.quality.endswith("Too little history to test it out of sample.")
    assert np.isfinite(covariance(risk)).all()


def test_the_quality_sentence_says_what_was_estimated_and_how_it_did_on_days_it_had_not_seen(planted, estimated):
    """In a market that stays as it is, risk met over risk predicted is near 1. 252 days: 1.96 / sqrt(504) = 0.09."""
    found = re.fullmatch(
        r"Estimated from 756 days of returns of 60 securities: market, 6 sectors, (\d+) statistical factors\. "
        r"Fitted anew every 21 days and held against the 252 days that followed, it met active risk (\d\.\d\d) times "
        r"as large as it predicted \(bias statistic over 40 active portfolios; 1 is perfect; (\d+)% of them between "
        r"0\.91 and 1\.09, where 95 in 100 are if a model is right\)\.",
        estimated.quality,
    )

    assert found is not None
    assert int(found[1]) == len(estimated.factors) - 7
    assert float(found[2]) == pytest.approx(1.0, abs=0.05)
    assert int(found[3]) >= 70


def test_the_quality_sentence_admits_a_market_that_turned_twice_as_wild(world):
    """21 of the 252 days tested are new: the square of the bias is then about 1 + 3 / 12."""
    market = world(seed=5)
    market.returns[-21:] *= 2.0

    bias = float(re.search(r"(\d\.\d\d) times", market.estimate().quality)[1])

    assert bias == pytest.approx(np.sqrt(1.25), abs=0.05)


@pytest.mark.parametrize(("names", "in_sector"), [(2, 2), (6, 2), (6, 6), (12, 4)])
def test_a_small_universe_does_not_take_its_own_names_for_the_market(world, names, in_sector):
    """The mean of six names is one sixth of each of them; twelve markets, a hundred portfolios in each."""
    ratios = []
    for seed in range(12):
        market = world(seed=seed, names=names, in_sector=in_sector)
        found, true = covariance(market.estimate()), market.covariance
        ratios += [np.sqrt(a @ found @ a / (a @ true @ a)) for a in active_portfolios(100, names)]

    assert np.mean(ratios) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize(("in_sector", "sectors"), [(3, 0), (4, 3)])
def test_a_sector_of_fewer_than_four_names_is_no_factor(world, in_sector, sectors):
    risk = world(seed=1, names=12, in_sector=in_sector, days=100).estimate()

    assert sum(factor.startswith("sector:") for factor in risk.factors) == sectors


def test_names_seen_for_200_of_756_days_have_their_risk_too(world):
    market = world(seed=4)
    young = list(range(0, 60, 3))
    risk = covariance(market.estimate(first=dict.fromkeys(young, market.days - 200)))

    ratios = np.sqrt(np.diag(risk) / np.diag(market.covariance))[young]

    assert np.mean(ratios) == pytest.approx(1.0, abs=0.06)
    assert np.abs(ratios - 1.0).max() < 0.25


def test_with_fewer_days_than_factors_no_correlation_of_factors_is_believed_and_with_many_it_is(world):
    """20 days against the market and 20 sectors; 756 days against the market and 6."""
    few = world(seed=6, names=80, in_sector=4, days=20).estimate().factor_covariance[:21, :21]
    many = world(seed=6).estimate().factor_covariance[:7, :7]

    assert (few == np.diag(np.diag(few))).all()
    assert (np.abs(many[~np.eye(7, dtype=bool)]) > 0).all()


def test_the_risk_along_a_statistical_factor_is_neither_over_nor_understated_for_having_been_looked_for(world):
    """The direction in which a sample varies most varies less in truth: a weak style, one year, twelve markets."""
    ratios = []
    for seed in range(12):
        market = world(seed=seed, days=252, style=0.08)
        risk = market.estimate()
        portfolio = risk.exposures[:, risk.factors.index("statistical:1")] / market.specific**2
        ratios.append(portfolio @ covariance(risk) @ portfolio / (portfolio @ market.covariance @ portfolio))

    assert np.mean(ratios) == pytest.approx(1.0, abs=0.06)


def test_the_sign_of_a_statistical_factor_is_that_of_its_larger_side(world):
    for seed in range(4):
        risk = world(seed=seed, style=0.12).estimate()
        statistical = [k for k, factor in enumerate(risk.factors) if factor.startswith("statistical")]

        assert (risk.exposures[:, statistical].sum(axis=0) >= 0).all()


@pytest.mark.parametrize(("days", "sentence"), [(80, "Too little history"), (81, "against the 21 days that followed")])
def test_the_model_is_tested_where_60_days_are_left_to_fit_it(world, days, sentence):
    assert sentence in world(seed=1, days=days, names=10).estimate().quality


def test_weekly_prices_give_the_annual_risk_that_daily_ones_give(world):
    """Three years of weeks are 156: a volatility is known to 1 / sqrt(2 x 120) = 6 %, the mean of 60 better."""
    market = world(seed=8, days=780)
    weekly = [
        replace(h, dates=h.dates[::5], closes=h.closes[::5], adjusted=h.adjusted[::5]) for h in market.histories()
    ]

    risk = covariance(estimate_risk(weekly, market.securities(), as_of=weekly[0].dates[-1]))

    assert np.mean(np.sqrt(np.diag(risk) / np.diag(market.covariance))) == pytest.approx(1.0, abs=0.08)


def test_a_market_twice_as_wild_for_a_quarter_has_half_of_that_quarter_in_its_risk(world):
    """Half-life of a quarter: variance is half the calm one and half four times it, 2.5 in all, in every name."""
    market = world(seed=9)
    market.returns[-63:] *= 2.0

    ratios = np.sqrt(np.diag(covariance(market.estimate())) / np.diag(market.covariance))

    assert np.median(ratios) == pytest.approx(np.sqrt(2.5), rel=0.08)


def test_names_with_a_third_of_the_history_have_the_whole_of_a_style(world):
    """The half of all names that is young must not look half as exposed: on average over them, not by name."""
    shares = []
    for seed in range(6):
        market = world(seed=seed, style=0.16)
        young = [name for name in range(60) if name % 4 == 1]
        risk = market.estimate(first=dict.fromkeys(young, market.days - 200))
        size = np.abs(risk.exposures[:, risk.factors.index("statistical:1")])
        shares.append(size[young].mean() / np.delete(size, young).mean())

    assert np.mean(shares) == pytest.approx(1.0, abs=0.12)


@pytest.mark.parametrize("seed", range(4))
def test_bursts_of_volatility_that_all_names_share_are_no_factor(world, seed):
    """Each day's independent returns times the day's own wildness, which wanders by e to the power of about 1."""
    market = world(seed=seed, names=120)
    dice = np.random.default_rng(seed)
    wild = np.exp(np.cumsum(dice.normal(0, 0.04, market.days)))
    market.returns = dice.normal(0, 0.015, market.returns.shape) + dice.normal(0, 0.01, (market.days, 1))
    market.returns *= (wild / wild.mean())[:, None]
    market.sector = np.arange(market.names) // 3

    assert market.estimate().factors == ("market",)


def with_twin(market, *, own, group="G"):
    """Make name 1 a share class of name 0, apart from an annual volatility of its own."""
    market.returns[:, 1] = market.returns[:, 0] + np.random.default_rng(77).normal(0, own, market.days) * np.sqrt(
        1 / 252
    )
    market.sector[1] = market.sector[0]
    securities = [replace(s, identical_group=group if k < 2 else None) for k, s in enumerate(market.securities())]
    return estimate_risk(market.histories(), securities, as_of=market.histories()[0].dates[-1])


def test_a_switch_between_two_share_classes_has_the_risk_of_what_they_do_not_share(world):
    """They differ by 3 % a year; strangers of their volatility would by 42 %. Correlation is capped at 0.999."""
    risk = with_twin(world(seed=3), own=0.03)
    switch = np.zeros(60)
    switch[:2] = 1.0, -1.0

    assert risk.factors[-1] == "company:G"
    assert np.sqrt(switch @ covariance(risk) @ switch) == pytest.approx(0.03, abs=0.01)


def test_share_classes_keep_their_own_volatility(world):
    market = world(seed=3)
    risk = with_twin(market, own=0.03)

    found = np.sqrt(np.diag(covariance(risk))[:2] / market.covariance[0, 0])

    assert found == pytest.approx([1.0, 1.0], abs=0.12)


def test_names_of_one_group_that_do_not_move_together_are_no_company(world):
    risk = with_twin(world(seed=3), own=0.6)

    assert not [factor for factor in risk.factors if factor.startswith("company:")]


def test_an_imported_model_in_monthly_variances_is_found_out_by_the_prices(planted):
    """Risk met is sqrt(12) = 3.46 times the risk of a model whose variances are those of a month."""
    right = planted.estimate()
    monthly = replace(
        right,
        factor_covariance=right.factor_covariance / 12,
        specific_variance=right.specific_variance / 12,
        quality="imported with the firm folder",
        judged=None,
    )

    judged = judge_imported(monthly, planted.histories(), planted.securities(), as_of=planted.histories()[0].dates[-1])

    assert judged.judged is not None
    assert judged.judged.bias == pytest.approx(np.sqrt(12), rel=0.05)
    assert judged.judged.hindsight
    assert judged.quality.startswith("Imported with the firm folder. Held against the last 252 days, which it may have")
    assert (covariance(judged) == covariance(monthly)).all()


def test_an_imported_model_without_prices_to_try_it_on_stays_as_it_is(world):
    market = world(seed=1, days=20, names=10)
    model = replace(market.estimate(), judged=None, quality="imported")

    assert judge_imported(model, [], market.securities(), as_of=market.histories()[0].dates[-1]) is model
    assert judge_imported(model, *strangers(market), as_of=market.histories()[0].dates[-1]) is model


def strangers(market):
    names = [replace(security, security_id=f"T{k}") for k, security in enumerate(market.securities())]
    return [replace(h, security_id=f"T{k}") for k, h in enumerate(market.histories())], names


def test_the_figures_of_a_model_count_its_names_and_its_short_histories(world):
    market = world(seed=2, days=400)
    judged = market.estimate(first={3: market.days - 59, 4: market.days - 60, 5: market.days - 10}).judged

    assert (judged.names, judged.short_histories) == (60, 2)
    assert (judged.from_day, judged.to_day) == (market.histories()[0].dates[1], market.histories()[0].dates[-1])
    assert (judged.test_days, len(judged.months), judged.hindsight) == (126, 6, False)
    assert judged.months[-1].ends == judged.to_day
    assert (judged.low, judged.high) == pytest.approx((1 - 1.96 / np.sqrt(252), 1 + 1.96 / np.sqrt(252)))
