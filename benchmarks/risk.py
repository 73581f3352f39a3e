"""How far can the estimated risk model be trusted? Walked forward through markets, against two plain methods.

    python -m benchmarks.risk [--months 24] [--prices build/prices] [--sizes 500 3000]

Prints one JSON. Each month every method is fitted anew to the last three years and held against the next 21 days.
Markets: the demo firm's generated prices; a market whose true covariance is known, where the truth itself is judged
too; and, where the folder of --prices holds them, prices of real shares. Two public packages carry such prices:

    pip download --no-deps --dest build/prices skfolio==1.12.2 universal-portfolios==0.4.17

The measures are explained in docs/risk-model.md. Set OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 for one core.
"""

import argparse
import csv
import gzip
import io
import json
import multiprocessing
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.linalg import solve

from data.demo.reference import demo_reference
from engine.domain.identifiers import SecurityId
from engine.domain.market import Array
from engine.risk.factors import fit_factors
from engine.risk.out_of_sample import judge_estimates
from engine.risk.returns import DailyReturns, daily_returns

WINDOW: Final = 756  # days that a model is fitted to
MONTH: Final = 21  # days that it is then held against
YEAR: Final = 252
SEED: Final = 11
SECTORS: Final = 11
FIRST_DAY: Final = date(2015, 1, 1)
REAL_MONTHS: Final = 150  # of real prices there is more, and of many years a model must be tried in
PORTFOLIOS: Final = 30  # of each random kind
REPLICATING: Final = 8

Method = Callable[[DailyReturns], Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A market: returns (days, n); target: index weights; covariance: the true daily one where it is known."""

    name: str
    returns: Array
    sectors: tuple[str, ...]
    target: Array
    covariance: Array | None = None

    def window(self, end: int) -> DailyReturns:
        """Return what was known on the morning of a day: the last three years before it."""
        start = max(end - WINDOW, 0)
        count = self.returns.shape[1]
        return DailyReturns(
            security_ids=tuple(SecurityId(f"S{i:04d}") for i in range(count)),
            sectors=self.sectors,
            days=tuple(FIRST_DAY + timedelta(days=k) for k in range(start, end)),
            matrix=self.returns[start:end],
        )


def lotsmith(returns: DailyReturns) -> Array:
    """Return the covariance of this program's own model."""
    model = fit_factors(returns)
    exposures = model.exposures
    covariance = exposures @ model.factor_covariance @ exposures.T + np.diag(model.specific_variance)
    return np.asarray(covariance / YEAR)


def ledoit_wolf(returns: DailyReturns) -> Array:
    """Return the sample covariance shrunk to constant correlation. Source: Ledoit & Wolf 2004, Honey, I shrunk."""
    x = np.nan_to_num(returns.matrix)
    days, count = x.shape
    sample = x.T @ x / days
    sigma = np.sqrt(np.maximum(np.diag(sample), 1e-12))
    correlation = sample / np.outer(sigma, sigma)
    mean = (correlation.sum() - count) / (count * (count - 1))
    target = mean * np.outer(sigma, sigma)
    np.fill_diagonal(target, sigma**2)
    square = x**2
    asymptotic = square.T @ square / days - sample**2  # of each entry of the sample, times days
    third = (x**3).T @ x / days - (sigma**2)[:, None] * sample
    np.fill_diagonal(third, 0.0)
    cross = np.trace(asymptotic) + mean * float((np.outer(1 / sigma, sigma) * third).sum())
    distance = float(((sample - target) ** 2).sum())
    share = min(max((float(asymptotic.sum()) - cross) / max(distance, 1e-300) / days, 0.0), 1.0)
    return np.asarray(share * target + (1.0 - share) * sample)


def single_index(returns: DailyReturns) -> Array:
    """Return the covariance of a market and each name's own risk. Source: Sharpe 1963."""
    x = np.nan_to_num(returns.matrix)
    market = x.mean(axis=1)
    power = float(market @ market)
    beta = x.T @ market / power
    own = ((x - np.outer(market, beta)) ** 2).mean(axis=0)
    return np.asarray(np.outer(beta, beta) * power / len(x) + np.diag(np.maximum(own, 1e-12)))


METHODS: Final[Mapping[str, Method]] = {
    "lotsmith": lotsmith,
    "ledoit_wolf": ledoit_wolf,
    "single_index": single_index,
}


def single_names(world: World) -> Array:
    """Return each name alone, at most 200 of them: (p, n)."""
    step = max(len(world.target) // 200, 1)
    return np.eye(len(world.target))[::step]


def long_only(world: World) -> Array:
    """Return random long-only portfolios of a tenth of all names, but at least five: (p, n)."""
    dice, count = np.random.default_rng(SEED), len(world.target)
    weights = np.zeros((PORTFOLIOS, count))
    for row in weights:
        chosen = dice.choice(count, max(count // 10, 5), replace=False)
        row[chosen] = dice.exponential(size=len(chosen))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def random_active(world: World) -> Array:
    """Return active weights without pattern that sum to 0, 10 % of the value in all: (p, n)."""
    active = np.random.default_rng(SEED + 1).normal(size=(PORTFOLIOS, len(world.target)))
    active -= active.mean(axis=1, keepdims=True)
    return np.asarray(0.1 * active / np.abs(active).sum(axis=1, keepdims=True))


def replicating(world: World, covariance: Array) -> Array:
    """Return the active weights of direct-indexing portfolios that follow the index without 15 % of its names: (p, n).

    Weights of the names that may be held are those of least predicted tracking error, none below zero. So each method
    picks its own portfolios, and pays for its own optimism.
    """
    dice, count = np.random.default_rng(SEED + 2), len(world.target)
    found = []
    for _ in range(REPLICATING):
        fixed = np.zeros(count, bool)
        fixed[dice.choice(count, max(round(0.15 * count), 1), replace=False)] = True
        for _ in range(6):
            active = np.where(fixed, -world.target, 0.0)
            free = np.flatnonzero(~fixed)
            pull = covariance[np.ix_(free, np.flatnonzero(fixed))] @ active[fixed]
            solved = solve(covariance[np.ix_(free, free)], np.column_stack([-pull, np.ones(len(free))]), assume_a="pos")
            active[free] = (
                solved[:, 0] + solved[:, 1] * (-active[fixed].sum() - solved[:, 0].sum()) / solved[:, 1].sum()
            )
            below = active < -world.target - 1e-12
            if not below.any():
                break
            fixed |= below
        found.append(np.maximum(active, -world.target))
    return np.array(found)


def walk(world: World, method: Method, months: int) -> dict[str, Any]:
    """Return the measures of one method in one market, by kind of portfolio."""
    days = len(world.returns)
    starts = [days - MONTH * (m + 1) for m in range(months)][::-1]
    starts = [start for start in starts if start >= min(WINDOW, days // 2)]
    fixed = {"single_names": single_names(world), "long_only": long_only(world), "active": random_active(world)}
    predicted: dict[str, list[Array]] = {}
    realised: dict[str, list[Array]] = {}
    likelihood = []
    for start in starts:
        covariance = method(world.window(start))
        future = np.nan_to_num(world.returns[start : start + MONTH])
        for kind, weights in {**fixed, "replicating": replicating(world, covariance)}.items():
            variance = np.einsum("pn,nm,pm->p", weights, covariance, weights, optimize=True)
            predicted.setdefault(kind, []).append(np.sqrt(np.maximum(variance, 1e-300)))
            realised.setdefault(kind, []).append(future @ weights.T)
        likelihood.append(_log_likelihood(covariance, future))
    return {
        "months": len(starts),
        "log_likelihood": float(np.mean(likelihood)),
        **{kind: measures(np.array(predicted[kind]), np.array(realised[kind])) for kind in predicted},
    }


def measures(predicted: Array, realised: Array) -> dict[str, float]:
    """Return how forecasts (months, p), daily, came out in returns (months, days, p).

    bias: the median portfolio's standard deviation of standardised monthly returns; in_band: the share of portfolios
    whose bias lies within 1 +- sqrt(2 / months); robust: the same from the median absolute deviation; daily: from
    daily returns, all portfolios together; q: mean of v - ln v - 1, where v is realised over predicted variance of a
    month; predicted and realised are annual volatilities, in per cent, root mean square.
    """
    months, days, _ = realised.shape
    z = realised.sum(axis=1) / (predicted * np.sqrt(days))
    bias = np.sqrt((z**2).mean(axis=0))
    band = np.sqrt(2.0 / months)
    ratio = np.maximum((realised**2).mean(axis=1) / predicted**2, 1e-12)
    return {
        "bias": float(np.median(bias)),
        "in_band": float(np.mean(np.abs(bias - 1.0) <= band)),
        "robust": float(1.4826 * np.median(np.abs(z))),
        "daily": float(np.sqrt(np.mean(realised**2 / predicted[:, None, :] ** 2))),
        "q": float(np.mean(ratio - np.log(ratio) - 1.0)),
        "predicted": float(100 * np.sqrt(YEAR * np.mean(predicted**2))),
        "realised": float(100 * np.sqrt(YEAR * np.mean(realised**2))),
    }


def _log_likelihood(covariance: Array, future: Array) -> float:
    """Return the normal log-likelihood of a month, for each name and day, without its constant, returns in per cent."""
    root = np.linalg.cholesky(covariance * 1e4)
    white = np.linalg.solve(root, 100 * future.T)
    logs = 2.0 * float(np.log(np.diag(root)).sum())
    return -0.5 * (float((white**2).sum()) / len(future) + logs) / len(covariance)


def demo_world() -> World:
    """Return the demo firm's market as its prices tell it: four years, one name gone on the way."""
    reference = demo_reference(1, 1)
    whole = daily_returns(reference.prices, reference.securities, as_of=reference.as_of)
    # The same reading of prices, a year earlier, gives the first of the four years.
    earlier = daily_returns(reference.prices, reference.securities, as_of=whole.days[0])
    weights = dict(next(model.weights for model in reference.models if model.model_id == "US500"))
    target = np.array([float(weights.get(name, 0)) for name in whole.security_ids])
    return World(
        name="demo",
        returns=np.vstack([earlier.matrix, whole.matrix]),
        sectors=whole.sectors,
        target=target,
    )


def known_world(*, names: int = 300, days: int = WINDOW + 24 * MONTH, seed: int = SEED) -> World:
    """Return a market whose true covariance is known and never changes: betas, sectors, three styles, fat tails."""
    dice = np.random.default_rng(seed)
    sector = np.arange(names) % SECTORS
    beta = dice.normal(1.0, 0.25, names)
    member = np.eye(SECTORS)[sector] * dice.uniform(0.7, 1.3, names)[:, None]
    style = dice.normal(size=(names, 3))
    loadings = np.column_stack([0.16 * beta, 0.08 * member, 0.03 * style])
    own = 0.24 * np.exp(dice.normal(0, 0.3, names))
    fat = dice.standard_t(5, size=(days, loadings.shape[1] + names)) * np.sqrt(3 / 5 / YEAR)
    target = dice.lognormal(0, 1.1, names)
    return World(
        name="known",
        returns=fat[:, : loadings.shape[1]] @ loadings.T + fat[:, loadings.shape[1] :] * own,
        sectors=tuple(f"Sector {k:02d}" for k in sector),
        target=target / target.sum(),
        covariance=(loadings @ loadings.T + np.diag(own**2)) / YEAR,
    )


def real_worlds(folder: Path) -> list[World]:
    """Return the markets of real shares in the packages of a folder: none where it is not there."""
    worlds = []
    for wheel in sorted(folder.glob("skfolio-*.whl")):
        with zipfile.ZipFile(wheel) as package:
            text = gzip.decompress(package.read("skfolio/datasets/data/sp500_dataset.csv.gz")).decode()
        prices = np.array([[float(cell) for cell in row[1:]] for row in list(csv.reader(io.StringIO(text)))[1:]])
        worlds.append(_real("us_20_shares_1990_2022", prices[1:] / prices[:-1] - 1.0))
    for wheel in sorted(folder.glob("universal_portfolios-*.whl")):
        with zipfile.ZipFile(wheel) as package:
            for file, name in (("nyse_o", "nyse_36_shares_1962_1984"), ("tse", "toronto_88_shares_1994_1998")):
                text = package.read(f"universal/data/{file}.csv").decode()
                rows = list(csv.reader(io.StringIO(text)))[1:]
                wealth = np.array([[float(cell) if cell else np.nan for cell in row] for row in rows])
                worlds.append(_real(name, wealth[1:] / wealth[:-1] - 1.0))
    return worlds


def _real(name: str, returns: Array) -> World:
    count = returns.shape[1]
    return World(name=name, returns=returns, sectors=("Unknown",) * count, target=np.full(count, 1.0 / count))


def estimation(names: int) -> dict[str, float]:
    """Return what one estimate costs in a process of its own: seconds to fit and to judge, MB beyond the returns."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=_estimate, args=(names, answers))
    process.start()
    cost: dict[str, float] = answers.get()
    process.join()
    return cost


def _estimate(names: int, answers: Any) -> None:
    returns = known_world(names=names, days=WINDOW).window(WINDOW)
    began = time.perf_counter()
    fit_factors(returns)
    fitted = time.perf_counter()
    judge_estimates(returns, made="")
    judged = time.perf_counter()
    tracemalloc.start()
    fit_factors(returns)
    _, peak = tracemalloc.get_traced_memory()
    answers.put({"fit_s": fitted - began, "judge_s": judged - fitted, "fit_peak_mb": peak / 2**20})


def main() -> None:
    """Print the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--prices", type=Path, default=Path("build/prices"))
    parser.add_argument("--sizes", type=int, nargs="*", default=[500, 3000])
    asked = parser.parse_args()
    began = time.perf_counter()
    markets: dict[str, Any] = {}
    for world in (demo_world(), known_world(days=WINDOW + asked.months * MONTH)):
        methods = {**METHODS, **({} if world.covariance is None else {"truth": _truth(world.covariance)})}
        markets[world.name] = {name: walk(world, method, asked.months) for name, method in methods.items()}
    for world in real_worlds(asked.prices):
        markets[world.name] = {name: walk(world, method, REAL_MONTHS) for name, method in METHODS.items()}
    answer = {
        "markets": markets,
        "estimation": {str(names): estimation(names) for names in asked.sizes},
        "seconds": time.perf_counter() - began,
    }
    print(json.dumps(_rounded(answer), indent=1))


def _truth(covariance: Array) -> Method:
    return lambda _: covariance


def _rounded(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    return round(value, 4) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
