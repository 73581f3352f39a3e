"""The demo world looks like a large-cap market: sizes, sectors, correlations, fat tails, a split and a delisting."""

from datetime import date
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest

from data.demo.market import demo_market
from data.demo.sessions import AS_OF, sessions
from data.demo.universe import universe
from engine.domain.accounts import Rule
from engine.risk.estimate import estimate_risk

SECTOR_COUNTS = {
    "Information Technology": 69, "Financials": 72, "Health Care": 60, "Industrials": 78, "Consumer Discretionary": 51,
    "Communication Services": 23, "Consumer Staples": 38, "Energy": 22, "Utilities": 31, "Real Estate": 31,
    "Materials": 25}  # fmt: skip


@pytest.fixture(scope="module")
def index(demo):
    """(weights, sectors, daily log returns) of the cap-weighted index, in order of id."""
    weights = {
        name: float(weight) for model in demo.models if model.model_id == "US500" for name, weight in model.weights
    }
    held = [history for history in demo.prices if history.security_id in weights]
    sectors = {security.security_id: security.sector for security in demo.securities}
    adjusted = np.array([[float(price) for price in history.adjusted] for history in held]).T
    return (np.array([weights[h.security_id] for h in held]), np.array([sectors[h.security_id] for h in held]),
            np.diff(np.log(adjusted), axis=0))  # fmt: skip


def test_the_name_says_that_it_is_not_real(demo):
    assert demo.name == "Lotsmith demo firm (generated, not real)"
    assert (demo.as_of, demo.currency, demo.risk) == (date(2026, 11, 20), "USD", None)


def test_the_index_has_five_hundred_names_in_the_proportions_of_its_sectors(demo):
    [model] = [model for model in demo.models if model.model_id == "US500"]
    sectors = {security.security_id: security.sector for security in demo.securities}
    counts = {name: sum(sectors[held] == name for held, _ in model.weights) for name in SECTOR_COUNTS}

    assert len(model.weights) == 500
    # A second share class takes the sector of its first, and the largest ranks have fixed sectors.
    assert all(abs(counts[name] - SECTOR_COUNTS[name]) <= 3 for name in SECTOR_COUNTS)


def test_weights_are_those_of_a_large_cap_index(index):
    weights, sectors, _ = index
    ranked = np.sort(weights)[::-1]

    assert 0.05 < ranked[0] < 0.08
    assert 0.25 < ranked[:10].sum() < 0.40
    assert ranked[-1] < 0.001
    assert 0.2 < weights[sectors == "Information Technology"].sum() < 0.5


def test_every_model_sums_to_one_exactly(demo):
    assert [(model.model_id, len(model.weights), sum(w for _, w in model.weights)) for model in demo.models][:2] == [
        ("US250", 250, Decimal(1)), ("US500", 500, Decimal(1))]  # fmt: skip
    assert sum(w for _, w in demo.models[2].weights) == 1


def test_the_model_without_fossil_fuels_holds_none(demo):
    tags = {security.security_id: security.tags for security in demo.securities}
    [model] = [model for model in demo.models if model.model_id == "US500-ESG"]

    assert 400 < len(model.weights) < 490
    assert not any({"fossil", "tobacco", "weapons"} & set(tags[name]) for name, _ in model.weights)


def test_returns_have_fat_tails(index):
    weights, _, returns = index
    market = returns @ weights
    excess = [((x - x.mean()) ** 4).mean() / x.var() ** 2 - 3 for x in (market, *returns.T)]

    assert excess[0] > 1
    assert np.median(excess[1:]) > 1


def test_the_market_moves_like_one(index):
    weights, _, returns = index

    assert 0.10 < (returns @ weights).std() * np.sqrt(252) < 0.22
    assert 0.2 < np.median(returns.std(axis=0)) * np.sqrt(252) < 0.45


def test_names_go_together_and_more_so_within_a_sector(index):
    _, sectors, returns = index
    correlation = np.corrcoef(returns.T)
    pairs = ~np.eye(len(sectors), dtype=bool)
    same = (sectors[:, None] == sectors) & pairs

    assert 0.15 < correlation[pairs].mean() < 0.5
    assert correlation[same].mean() > correlation[pairs & ~same].mean() + 0.05


def test_what_market_and_sector_leave_has_styles_in_it(index):
    """Cross-sectional estimates of the style returns: 3 % a year by design, hardly 1 % for exposures out of the air."""
    _, sectors, returns = index
    left = returns.copy()
    for name in SECTOR_COUNTS:
        left[:, sectors == name] -= returns[:, sectors == name].mean(axis=1, keepdims=True)

    def volatility(exposures):
        return (left @ exposures / (exposures**2).sum()).std() * np.sqrt(252)

    exposures = universe(1).styles[: len(sectors)].T
    chance = np.random.default_rng(0)
    assert all(0.02 < volatility(style) < 0.05 for style in exposures)
    assert all(volatility(chance.permutation(style)) < 0.018 for style in exposures)


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_every_seed_tells_the_same_story_with_other_names(seed, demo):
    market = demo_market(seed)
    weights = market.index_weights(-1)
    level = (market.comparable * (market.world.caps / market.comparable[-1]))[:, :500].sum(axis=1)
    returns = np.diff(np.log(level))

    assert market.world.tickers != tuple(security.ticker for security in demo.securities)
    assert 0.05 < weights.max() < 0.08
    assert 1.3 < level[-1] / level[0] < 2.5
    assert -0.14 < np.log(level[-1] / level[-46]) < -0.03
    assert 0.10 < returns.std() * np.sqrt(252) < 0.22
    assert ((returns - returns.mean()) ** 4).mean() / returns.var() ** 2 > 4


def test_the_last_day_is_a_market_move_with_something_to_harvest(index):
    weights, _, returns = index

    assert -0.03 < (returns @ weights)[-1] < -0.015
    assert (returns @ weights)[-45:].sum() < -0.04


def test_prices_are_those_of_every_session_of_four_years(demo):
    assert (sessions()[0], sessions()[-1], len(sessions())) == (date(2022, 11, 21), AS_OF, 1004)
    assert date(2025, 1, 9) not in sessions()  # a day of mourning: the exchange was closed
    assert {history.dates for history in demo.prices if len(history.dates) == 1004} == {sessions()}


def test_one_name_split_four_for_one_and_its_adjusted_closes_do_not_notice(demo):
    jumps = []
    for history in demo.prices:
        closes, adjusted = np.array(
            [[float(a), float(b)] for a, b in zip(history.closes, history.adjusted, strict=True)]
        ).T
        day = int(np.argmin(closes[1:] / closes[:-1])) + 1
        if closes[day] / closes[day - 1] < 0.4:
            jumps.append((history.security_id, closes[day - 1] / closes[day], adjusted[day - 1] / adjusted[day]))

    [(_, close, adjusted)] = jumps
    assert close == pytest.approx(4, rel=0.15)
    assert adjusted == pytest.approx(close / 4, rel=0.002)


def test_one_name_was_delisted_six_weeks_ago(demo):
    [gone] = [history for history in demo.prices if history.dates[-1] != AS_OF]
    [security] = [security for security in demo.securities if security.tradable is False]

    assert gone.security_id == security.security_id
    assert 35 <= (AS_OF - gone.dates[-1]).days <= 50
    assert all(security.security_id not in dict(model.weights) for model in demo.models)


def test_two_companies_have_two_share_classes_that_move_as_one(demo, index):
    groups = {}
    for security in demo.securities:
        if security.identical_group:
            groups.setdefault(security.identical_group, []).append(security.security_id)
    order = [history.security_id for history in demo.prices]

    assert sorted(map(len, groups.values())) == [2, 2]
    for first, second in groups.values():
        pair = index[2][:, [order.index(first), order.index(second)]]
        assert np.corrcoef(pair.T)[0, 1] > 0.8


def test_small_names_cost_more_to_trade_than_large_ones(demo):
    costs = [security.cost_bp for security in demo.securities[:500]]

    assert Decimal(1) <= costs[0] <= Decimal(5)
    assert sum(first > second for first, second in pairwise(costs)) <= 2  # second share classes are smaller
    assert costs[-1] > 4 * costs[0]


def test_tickers_names_and_cusips_are_distinct_and_of_the_private_range(demo):
    for field in ("security_id", "ticker", "name", "cusip"):
        assert len({getattr(security, field) for security in demo.securities}) == len(demo.securities)
    assert all(security.cusip.startswith("99") and len(security.cusip) == 9 for security in demo.securities)
    assert all(2 < len(security.ticker) <= 5 for security in demo.securities)


def test_rules_of_every_scope_are_there(demo):
    households = {household.household_id for household in demo.households}
    scopes = {"firm" if r.scope == "firm" else "household" if r.scope in households else "account": r.rule
              for r in demo.restrictions}  # fmt: skip

    assert set(scopes) == {"firm", "household", "account"}
    assert {r.rule for r in demo.restrictions} == {
        Rule.DO_NOT_BUY, Rule.DO_NOT_HOLD, Rule.DO_NOT_SELL, Rule.MAX_WEIGHT}  # fmt: skip


def test_the_risk_model_finds_the_sectors_in_the_prices(demo):
    risk = estimate_risk(demo.prices, demo.securities, as_of=demo.as_of)

    assert len(risk.security_ids) == len(demo.securities)
    assert {f"sector:{name}" for name in SECTOR_COUNTS} <= set(risk.factors)
