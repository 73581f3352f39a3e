"""Which accounts is the engine measured on? Six families of 500 or 3,000 names, each account with a life of its own.

Every account of a family lives in the same market and was bought lot by lot along its prices; losses were harvested up
to two months ago. A tenth of the model's names are not held. The household bought some names in its IRA within 30 days,
so that their losses are locked, and sold others at a loss, so that they may not be bought. There are names never to
hold, to buy or to sell, a cash band, bands for 11 sectors, a beta band and four style bands.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache
from typing import Any, Final

import numpy as np

from benchmarks.world import AS_OF, MODEL, SECTORS, World, made_world
from engine.domain.accounts import (
    Account,
    AccountBook,
    AccountSnapshot,
    Household,
    Lot,
    Registration,
    Restriction,
    Rule,
    Transaction,
    TransactionType,
)
from engine.domain.identifiers import AccountId, HouseholdId, LotId, TransactionId
from engine.domain.market import MarketSnapshot
from engine.domain.settings import PlanSettings
from engine.plan.problem import Problem, Row, build_problem
from engine.plan.propose import household_locks
from engine.plan.search import search
from engine.plan.sides import Found

TAXABLE: Final = AccountId("A")
IRA: Final = AccountId("B")
HOUSEHOLD: Final = HouseholdId("H")
STYLES: Final = 4
BETA_BAND: Final = 0.02
STYLE_BAND: Final = 0.05
UNHELD: Final = 0.1
BUDGET: Final = 0.15  # a gains budget is below the net gain without one by this part of the gains that make it up
_LOCKED: Final = 0.04  # share of names with a purchase in the last 30 days, and as many with a sale at a loss
_HARVESTED_DAYS: Final = 60
_HARVESTS: Final = 8
_HARVEST_LOSS: Final = 0.0
_LEGACY: Final = (0.25, 0.12, 0.08)  # weights of the legacy positions of an account in transition
_LEGACY_LOTS: Final = 20
_BANNED: Final = ((Rule.DO_NOT_HOLD, 3), (Rule.DO_NOT_BUY, 5), (Rule.DO_NOT_SELL, 5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """days: age of the accounts. drift, shock: of the market, see made_world. Flows are fractions of the value."""

    name: str
    days: int
    step_days: int
    drift: float
    shock: float = 0.0
    legacy: bool = False
    deposit: float = 0.0
    withdrawal: float = 0.0
    has_gains_budget: bool = False


FAMILIES: Final = (
    Family(name="rally", days=365, step_days=1, drift=0.08, shock=0.15),
    Family(name="drawdown", days=600, step_days=1, drift=0.08, shock=-0.2),
    Family(name="embedded", days=3650, step_days=7, drift=0.1),
    Family(name="transition", days=3650, step_days=7, drift=0.1, legacy=True),
    Family(name="deposit", days=1095, step_days=3, drift=0.08, deposit=0.1),
    Family(name="withdrawal", days=2555, step_days=7, drift=0.16, withdrawal=0.15, has_gains_budget=True),
)


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One account of a family, with the settings it is planned under."""

    family: str
    number: int
    snapshot: AccountSnapshot
    market: MarketSnapshot
    settings: PlanSettings

    def problem(self, **changes: Any) -> Problem:
        """Return the problem with the beta and style bands, under settings with these changes."""
        problem = build_problem(
            self.snapshot,
            self.market,
            replace(self.settings, **changes),
            locks=household_locks(self.snapshot, self.market),
        )
        return replace(problem, rows=(*problem.rows, *_bands(problem)))


def instances(family: Family, *, names: int, factors: int, count: int, first: int = 0) -> list[Instance]:
    """Return accounts of a family, number first and those that follow; lots are four for each name."""
    world = _world(family, names, factors)
    return [_instance(family, world, number) for number in range(first, first + count)]


def fresh(problem: Problem) -> Problem:
    """Return the problem as prepared input: its flat arrays are there, whatever a search has worked out is not."""
    clean = replace(problem)
    vars(clean)["prepared"], vars(clean)["frame"] = problem.prepared, problem.frame
    return clean


@lru_cache(maxsize=4)
def _world(family: Family, names: int, factors: int) -> World:
    rng = np.random.default_rng([FAMILIES.index(family), names, factors])
    return made_world(
        rng,
        names=names,
        factors=factors,
        days=family.days,
        step_days=family.step_days,
        drift=family.drift,
        shock=family.shock,
    )


def _instance(family: Family, world: World, number: int) -> Instance:
    rng = np.random.default_rng([number, FAMILIES.index(family), len(world.ids)])
    value = float(np.exp(rng.normal(np.log(5e6), 0.5))) * len(world.ids) / 500
    parts = _purchases(world, value, rng)
    if family.legacy:
        parts = _with_legacy(world, parts, value, rng)
    lots = _lots(world, parts)
    invested = sum(float(lot.quantity) * world.path[-1, i] for lot, (i, _, _) in zip(lots, parts, strict=True))
    taxable = AccountBook(
        account=_account(TAXABLE, Registration.TAXABLE, cash=0.01 * invested, value=invested, rng=rng),
        lots=tuple(lots),
        transactions=(),
    )
    ira = AccountBook(account=_account(IRA, Registration.IRA, cash=0.0, value=0.0, rng=rng), lots=(), transactions=())
    taxable, ira = _with_recent_trades(world, taxable, ira, rng)
    snapshot = AccountSnapshot(
        as_of=AS_OF,
        household=Household(household_id=HOUSEHOLD, name="Synthetic", advisor="Nobody"),
        book=taxable,
        household_books=(taxable, ira),
        restrictions=_restrictions(world, rng),
    )
    instance = Instance(
        family=family.name,
        number=number,
        snapshot=snapshot,
        market=world.market,
        settings=PlanSettings(
            deposit=Decimal(round(family.deposit * invested)), withdrawal=Decimal(round(family.withdrawal * invested))
        ),
    )
    return _with_budget(instance) if family.has_gains_budget else instance


def _purchases(world: World, value: float, rng: np.random.Generator) -> list[tuple[int, int, float]]:
    """Return (name, step of purchase, dollars of today) of each lot: four lots a name on average, more in large ones.

    A third is the first funding, the rest is spread over the life of the account. Lots that stood at a loss two months
    ago were mostly sold then and bought again on another day.
    """
    names, steps = len(world.ids), len(world.dates)
    count = 1 + rng.multinomial(round(3.4 * names), world.weights / world.weights.sum())
    held = rng.random(names) >= UNHELD
    last, harvest = _step(world, 35), _step(world, _HARVESTED_DAYS)
    parts = []
    for i in np.flatnonzero(held):
        shares = rng.dirichlet(np.full(count[i], 2.0)) * value * world.weights[i] * rng.uniform(0.6, 1.4)
        early = rng.random(count[i]) < 1 / 3
        when = np.where(early, rng.integers(0, max(steps // 12, 1), count[i]), rng.integers(0, last, count[i]))
        for _ in range(_HARVESTS):
            at_loss = (world.path[when, i] > (1 + _HARVEST_LOSS) * world.path[harvest, i]) & (when < harvest)
            when = np.where(at_loss, rng.integers(0, last, count[i]), when)
        parts += [(int(i), int(s), float(dollars)) for s, dollars in zip(when, shares, strict=True)]
    return parts


def _step(world: World, days: int) -> int:
    """Return the first step of the last so many days."""
    return next(s for s, day in enumerate(world.dates) if day > AS_OF - timedelta(days=days))


def _with_legacy(
    world: World, parts: list[tuple[int, int, float]], value: float, rng: np.random.Generator
) -> list[tuple[int, int, float]]:
    """Return the lots of an account that brought a few large positions with it, bought long ago for little."""
    gain = world.path[-1] / world.path[: len(world.dates) // 4].mean(axis=0)
    grown = np.argsort(-gain)[: 20 * len(_LEGACY)]
    chosen = rng.choice(grown, len(_LEGACY), replace=False)
    kept = [(i, s, dollars * (1 - sum(_LEGACY))) for i, s, dollars in parts]
    for i, weight in zip(chosen, _LEGACY, strict=True):
        shares = rng.dirichlet(np.full(_LEGACY_LOTS, 2.0)) * value * weight
        when = rng.integers(0, len(world.dates) // 4, _LEGACY_LOTS)
        kept += [(int(i), int(s), float(dollars)) for s, dollars in zip(when, shares, strict=True)]
    return kept


def _lots(world: World, parts: Sequence[tuple[int, int, float]]) -> list[Lot]:
    return [
        Lot(
            account_id=TAXABLE,
            lot_id=LotId(f"L{k:05d}"),
            security_id=world.ids[i],
            quantity=Decimal(max(round(dollars / world.path[-1, i]), 1)),
            cost_per_share=Decimal(f"{world.path[step, i]:.4f}"),
            acquired=world.dates[step],
        )
        for k, (i, step, dollars) in enumerate(parts)
    ]


def _account(
    account_id: AccountId, registration: Registration, *, cash: float, value: float, rng: np.random.Generator
) -> Account:
    st_rate = rng.uniform(0.32, 0.5)
    st_gain, lt_gain = rng.uniform(-0.01, 0.01, 2) * value
    return Account(
        account_id=account_id,
        household_id=HOUSEHOLD,
        registration=registration,
        custodian="One",
        account_number=str(account_id),
        model_id=MODEL,
        cash=Decimal(round(cash)),
        st_rate=Decimal(f"{st_rate:.3f}"),
        lt_rate=Decimal(f"{st_rate * rng.uniform(0.5, 0.7):.3f}"),
        ytd_st_gain=Decimal(round(st_gain)),
        ytd_lt_gain=Decimal(round(lt_gain)),
        st_carryforward=Decimal(0),
        lt_carryforward=Decimal(round(rng.choice([0.0, 0.005]) * value)),
    )


def _with_recent_trades(
    world: World, taxable: AccountBook, ira: AccountBook, rng: np.random.Generator
) -> tuple[AccountBook, AccountBook]:
    """Return the books with what the household did in the last 30 days: bought in the IRA, sold at a loss."""
    names = len(world.ids)
    count = round(_LOCKED * names)
    chosen = rng.choice(names, 2 * count, replace=False)
    price = world.path[-1]
    bought, sold = [], []
    for k, i in enumerate(chosen):
        on = AS_OF - timedelta(days=int(rng.integers(2, 29)))
        common = {"trade_date": on, "security_id": world.ids[i], "quantity": Decimal(10)}
        if k < count:
            bought.append(
                Transaction(
                    transaction_id=TransactionId(f"B{k:04d}"),
                    account_id=IRA,
                    type=TransactionType.BUY,
                    price=Decimal(f"{price[i]:.2f}"),
                    **common,
                )
            )
        else:
            sold.append(
                Transaction(
                    transaction_id=TransactionId(f"T{k:04d}"),
                    account_id=TAXABLE,
                    type=TransactionType.SELL,
                    price=Decimal(f"{price[i]:.2f}"),
                    lot_id=LotId(f"G{k:04d}"),
                    basis=Decimal(f"{price[i] * 13:.2f}"),
                    **common,
                )
            )
    lots = tuple(
        Lot(
            account_id=IRA,
            lot_id=LotId(t.transaction_id),
            security_id=t.security_id,
            quantity=t.quantity,
            cost_per_share=t.price,
            acquired=t.trade_date,
        )
        for t in bought
    )
    by_day = sorted(bought, key=lambda t: t.trade_date), sorted(sold, key=lambda t: t.trade_date)
    return replace(taxable, transactions=tuple(by_day[1])), replace(ira, lots=lots, transactions=tuple(by_day[0]))


def _restrictions(world: World, rng: np.random.Generator) -> tuple[Restriction, ...]:
    chosen = iter(rng.choice(len(world.ids), sum(count for _, count in _BANNED), replace=False))
    return tuple(
        Restriction(
            scope=str(HOUSEHOLD), target=world.ids[next(chosen)], rule=rule, value=None, until=None, reason="asked for"
        )
        for rule, count in _BANNED
        for _ in range(count)
    )


def _with_budget(instance: Instance) -> Instance:
    problem = instance.problem()
    found = search(problem)
    if found is None:
        raise RuntimeError(f"{instance.family} {instance.number}: no plan obeys the rules")
    return replace(instance, settings=replace(instance.settings, max_net_gain=gains_budget(problem, found)))


def gains_budget(problem: Problem, free: Found) -> Decimal:
    """Return a budget that binds, in whole thousands of USD. free: a plan that has none."""
    gains = losses = 0.0
    for order, u in zip(free.orders(problem), free.trade, strict=False):
        left = max(-float(u), 0.0)
        for entry in order:
            part = min(left, entry.weight)
            left -= part
            gains += part * max(entry.gain, 0.0)
            losses += part * min(entry.gain, 0.0)
    budget = ((1 - BUDGET) * gains + losses) * float(problem.value)
    return Decimal(round(budget)).quantize(Decimal("1E3"), rounding=ROUND_CEILING)


def _bands(problem: Problem) -> list[Row]:
    """Return limits on the active beta and on four styles; one that is broken already is priced."""
    risk = problem.market.risk
    exposures = risk.exposures[[risk.position[name.security.security_id] for name in problem.names]]
    rows = []
    for k in (0, *range(1 + SECTORS, min(1 + SECTORS + STYLES, exposures.shape[1]))):
        band, weights = STYLE_BAND if k else BETA_BAND, exposures[:, k]
        start = -float(weights @ problem.shortfall)
        rows.append(
            Row(
                rule=f"active {risk.factors[k]}",
                up=weights,
                down=-weights,
                lo=-band - start,
                hi=band - start,
                slack_below=max(-band - start, 0.0),
                slack_above=max(start - band, 0.0),
            )
        )
    return rows
