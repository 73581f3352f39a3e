"""Accounts of 8 to 60 names from a seed: with each feature alone, then with many of them at once; some are infeasible.

The first seeds, one for each of FEATURES, have that feature and no other; all later ones have a random mix.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal as D
from typing import Any

import numpy as np

from engine.domain.accounts import (
    AccountBook,
    AccountSnapshot,
    Lot,
    Registration,
    Restriction,
    Rule,
    Transaction,
    TransactionType,
)
from engine.domain.market import MarketSnapshot
from engine.domain.plans import Lock
from engine.domain.settings import LotMethod, PlanSettings, WashSalePolicy
from engine.tax.wash_sales import locks

Case = tuple[AccountSnapshot, MarketSnapshot, PlanSettings, tuple[Lock, ...]]
VALUE = 1e6


@dataclass
class Draft:
    """A case while its features are put in. changes: of the settings; fields: of the account."""

    rng: np.random.Generator
    as_of: date
    names: list[str]
    prices: dict[str, float]
    targets: dict[str, float]
    securities: dict[str, dict[str, Any]]
    lots: list[tuple[str, str, Any, Any, Any]]
    restrictions: list[Restriction] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    bought: list[tuple[str, int, int, Registration]] = field(default_factory=list)
    sold_at_a_loss: list[str] = field(default_factory=list)

    def one(self) -> str:
        return self.names[int(self.rng.integers(len(self.names)))]

    def one_held(self) -> str:
        held = sorted({lot[1] for lot in self.lots})
        return held[int(self.rng.integers(len(held)))]

    def restrict(self, target: str, rule: Rule, value: str | None = None) -> None:
        self.restrictions.append(
            Restriction(
                scope="firm",
                target=target,
                rule=rule,
                value=None if value is None else D(value),
                until=None,
                reason="Test",
            )
        )

    def pick(self, *choices: Any) -> Any:
        return choices[int(self.rng.integers(len(choices)))]

    def dollars(self, low: int, high: int) -> D:
        return D(int(self.rng.integers(low, high)))


def _pair(d: Draft) -> None:
    for name in d.names[:2]:
        d.securities[name]["identical_group"] = "PAIR"


def _frozen(d: Draft) -> None:
    d.securities[d.one()]["tradable"] = False


def _own_cost(d: Draft) -> None:
    for name in d.names[::3]:
        d.securities[name]["cost_bp"] = d.dollars(0, 40)


def _household_buys(d: Draft) -> None:
    d.bought += [(d.one_held(), 9, 20, d.pick(*Registration)) for _ in range(2)]


def _wash_sales_allowed(d: Draft) -> None:
    """Replacements that catch a few shares or many, in a taxable account, an IRA, or this account itself."""
    d.changes["wash_sales"] = WashSalePolicy.ALLOW
    for name in sorted({d.one_held() for _ in range(4)}):
        shares = sum(lot[2] for lot in d.lots if lot[1] == name)
        for age in (9, 4)[: d.pick(1, 2)]:
            d.bought.append((name, age, max(int(shares * d.rng.uniform(0.05, 0.5)), 1), d.pick(*Registration)))
    if d.rng.random() < 0.4:
        name = d.one_held()
        cost = round(d.prices[name] * float(d.rng.uniform(0.9, 1.1)), 2)
        d.lots.append((f"{name}.new", name, 15, cost, d.as_of - timedelta(6)))


def _netted(d: Draft) -> None:
    d.changes |= {"net_taxes": True, "carryforward_value": d.pick(0.0, 0.3, 0.5, 1.0)}
    for key in ("ytd_st_gain", "ytd_lt_gain"):
        d.fields[key] = d.pick(D(0), d.dollars(-30_000, 60_000))
    for key in ("st_carryforward", "lt_carryforward"):
        d.fields[key] = d.pick(D(0), d.dollars(0, 30_000))


def _without_a_sector(d: Draft, *, by_rule: bool = False) -> None:
    """What the sector leaves goes to the two others, which have just room enough for it."""
    if by_rule:
        d.restrict("sector:Few", Rule.DO_NOT_HOLD)
    else:
        d.changes["exclude"] = ("sector:Few",)
    gone = sum(w for name, w in d.targets.items() if d.securities[name]["sector"] == "Few")
    d.changes["max_sector_active"] = round(gone * float(d.rng.uniform(0.5, 0.9)) + 0.01, 4)


def _set(**choices: tuple[Any, ...]) -> Callable[[Draft], None]:
    def change(d: Draft) -> None:
        for key, values in choices.items():
            d.changes[key] = d.pick(*values)

    return change


FEATURES: dict[str, Callable[[Draft], None]] = {
    "nothing": lambda d: None,
    "impact": lambda d: d.changes.update(impact_bp=d.pick(50.0, 300.0, 2000.0)),
    "tracking_error": _set(max_tracking_error=(0.025, 0.04, 0.06)),
    "max_trades": lambda d: d.changes.update(max_trades=min(d.pick(2, 3, 5, 8), len(d.names) - 1)),
    "max_names": lambda d: d.changes.update(max_names=round(len(d.names) * d.pick(0.6, 0.75, 0.9))),
    "net_taxes": _netted,
    "wash_sales_allowed": _wash_sales_allowed,
    "liquidate": lambda d: d.changes.update(liquidate=True),
    "exclude_sector": _without_a_sector,
    "no_holding_of_a_sector": lambda d: _without_a_sector(d, by_rule=True),
    "pair": _pair,
    "frozen": _frozen,
    "own_cost": _own_cost,
    "do_not_buy": lambda d: d.restrict(d.one(), Rule.DO_NOT_BUY),
    "do_not_sell": lambda d: d.restrict(d.one_held(), Rule.DO_NOT_SELL),
    "do_not_hold": lambda d: d.restrict(d.one_held(), Rule.DO_NOT_HOLD),
    "max_weight": lambda d: d.restrict(d.one_held(), Rule.MAX_WEIGHT, "0.03"),
    "min_weight": lambda d: d.restrict(d.one(), Rule.MIN_WEIGHT, "0.05"),
    "max_sector_weight": lambda d: d.restrict("sector:Odd", Rule.MAX_WEIGHT, d.pick("0.4", "0.5")),
    "min_sector_weight": lambda d: d.restrict("sector:Few", Rule.MIN_WEIGHT, d.pick("0.1", "0.2")),
    "household_buys": _household_buys,
    "household_sells_at_a_loss": lambda d: d.sold_at_a_loss.extend({d.one(), d.one()}),
    "ira": lambda d: d.fields.update(registration=Registration.IRA),
    "max_active_weight": _set(max_active_weight=(0.02, 0.05, 0.1)),
    "max_sector_active": _set(max_sector_active=(0.02, 0.1)),
    "max_factor_active": _set(max_factor_active=(0.1, 0.3)),
    "max_turnover": lambda d: d.changes.update(max_turnover=float(d.rng.uniform(0.1, 0.4))),
    "max_net_gain": lambda d: d.changes.update(max_net_gain=d.dollars(-20_000, 40_000)),
    "min_trade": lambda d: d.changes.update(min_trade_usd=d.dollars(1_000, 40_000)),
    "harvest_min_loss_usd": _set(harvest_min_loss_usd=(D(3_000), D(10_000))),
    "harvest_min_loss_pct": _set(harvest_min_loss_pct=(0.05, 0.2)),
    "fifo": lambda d: d.changes.update(lot_method=LotMethod.FIFO),
    "lifo": lambda d: d.changes.update(lot_method=LotMethod.LIFO),
    "hifo": lambda d: d.changes.update(lot_method=LotMethod.HIFO),
    "min_tax": lambda d: d.changes.update(lot_method=LotMethod.MIN_TAX),
    "deposit": lambda d: d.changes.update(deposit=d.dollars(20_000, 200_000)),
    "withdrawal": lambda d: d.changes.update(withdrawal=d.dollars(20_000, 200_000)),
    "exclude": lambda d: d.changes.update(exclude=(d.one_held(),)),
    "tilt": lambda d: d.changes.update(tilt={d.one(): 0.004, "sector:Odd": -0.002}),
    "enforce": lambda d: d.changes.update(enforce=True, max_active_weight=0.1),
    "breach_penalty": lambda d: d.changes.update(breach_penalty=d.pick(0.0, 100.0), max_active_weight=0.03),
    "tax_weight": _set(tax_weight=(0.0, 0.4, 2.0)),
    "risk_aversion": _set(risk_aversion=(0.0, 2.0, 1000.0)),
}
LOT_METHODS = ("fifo", "lifo", "hifo", "min_tax")
RARE = ("liquidate", "enforce", "ira", "exclude_sector", "no_holding_of_a_sector", "min_sector_weight",
        "breach_penalty", "tax_weight", "risk_aversion")  # fmt: skip
NEW = ("impact", "tracking_error", "max_trades", "max_names", "net_taxes", "wash_sales_allowed")


def features_of(seed: int) -> tuple[str, ...]:
    """Return the features of a seed's case."""
    if seed < len(FEATURES):
        return (list(FEATURES)[seed],)
    rng = np.random.default_rng([seed, 1])
    chosen = []
    for feature in FEATURES:
        share = 0.05 if feature in (*RARE, *LOT_METHODS) else 0.3 if feature in NEW else 0.15
        if rng.random() < share and not (feature in LOT_METHODS and set(chosen) & set(LOT_METHODS)):
            chosen.append(feature)
    return tuple(chosen)


def featured_case(
    seed: int,
    market_of: Callable[..., MarketSnapshot],
    account_of: Callable[..., AccountSnapshot],
    *,
    coarse: bool = False,
) -> Case:
    """Return the case of a seed, an account of about a million dollars.

    coarse: of three names only, and so dear that a few shares are all the money there is.
    """
    rng = np.random.default_rng(seed)
    prices = (60_000.0, 160_000.0) if coarse else (5.0, 200.0)
    n, k = (3, 1) if coarse else (_size(seed, rng), int(rng.integers(0, 4)))
    market_fields, d = _draft(rng, account_of(0).as_of, n=n, k=k, prices=prices)
    d.changes |= {"max_cash": 0.3} if coarse else {}
    for feature in features_of(seed):
        FEATURES[feature](d)
    market = market_of(d.prices, d.targets, **market_fields, **d.securities)
    cash = round(VALUE * float(rng.uniform(0, 0.04)))
    snapshot = account_of(cash, *d.lots, restrictions=tuple(d.restrictions), **d.fields)
    snapshot = replace(snapshot, household_books=(snapshot.book, *_other_books(d, account_of)))
    settings = PlanSettings(
        **{
            "risk_aversion": float(rng.choice([5.0, 50.0, 300.0])),
            "cost_bp": float(rng.choice([0.0, 5.0, 40.0])),
            "max_active_weight": None,
            "max_sector_active": None,
            "gap_tolerance_bp": 0.001,
            "whole_shares": False,
            **d.changes,
        }
    )
    groups = {name: security.group for name, security in market.securities.items()}
    return snapshot, market, settings, locks(snapshot.household_books, as_of=snapshot.as_of, groups=groups)


def _draft(
    rng: np.random.Generator, as_of: date, *, n: int, k: int, prices: tuple[float, float]
) -> tuple[dict[str, Any], Draft]:
    names = [f"N{i:02d}" for i in range(n)]
    price_of = {name: round(float(rng.uniform(*prices)), 2) for name in names}
    weights = rng.dirichlet(np.full(n, 3.0)) * (rng.random(n) < 0.9)
    targets = {name: round(float(w / weights.sum()), 6) for name, w in zip(names, weights, strict=True)}
    targets[names[0]] = round(targets[names[0]] + 1 - sum(targets.values()), 6)
    held = rng.dirichlet(np.ones(n)) * (rng.random(n) < 0.8)
    lots = []
    for i, name in enumerate(names):
        count = int(rng.integers(1, 4))
        for j in range(count):
            shares = round(VALUE * held[i] / held.sum() / count / price_of[name])
            cost = round(price_of[name] * float(rng.uniform(0.6, 1.6)), 2)
            acquired = as_of - timedelta((900 if rng.random() < 0.5 else 100) - j)
            if shares > 0:
                lots.append((f"{name}.{j}", name, shares, cost, acquired))
    market_fields = {
        "specific": rng.uniform(0.01, 0.15, n),
        "exposures": rng.normal(0, 1, (n, k)),
        "covariance": np.diag(rng.uniform(0.001, 0.03, k)),
    }
    sectors = ["Few" if i % 7 == 3 else "Odd" if i % 2 else "Even" for i in range(n)]
    securities = {
        name: {"sector": sector, "adv_usd": None if rng.random() < 0.2 else D(int(rng.uniform(1e6, 5e7)))}
        for name, sector in zip(names, sectors, strict=True)
    }
    return market_fields, Draft(
        rng=rng, as_of=as_of, names=names, prices=price_of, targets=targets, securities=securities, lots=lots
    )


def _size(seed: int, rng: np.random.Generator) -> int:
    """Most accounts are small enough to be solved by brute strength; every eighth has more names, one in forty many."""
    low, high = (40, 61) if seed % 40 == 39 else (20, 31) if seed % 8 == 7 else (8, 15)
    return int(rng.integers(low, high))


def _other_books(d: Draft, account_of: Callable[..., AccountSnapshot]) -> list[AccountBook]:
    """Return the household's other accounts, one of each registration: what they bought lately, or sold at a loss."""
    books = []
    for registration in Registration:
        label = f"B-{registration.value}"
        lots, rows = [], []
        for k, (name, age, shares, where) in enumerate(d.bought):
            if where is registration:
                row = _row(d, label, f"{label}-{k}", TransactionType.BUY, name, age, shares, lot_id=f"{label}-{k}")
                rows.append(row)
                lots.append(
                    Lot(account_id=label, lot_id=f"{label}-{k}", security_id=name, quantity=row.quantity,
                        cost_per_share=row.price, acquired=row.trade_date)
                )  # fmt: skip
        if registration is Registration.TAXABLE:
            for name in sorted(set(d.sold_at_a_loss)):
                row = _row(d, label, f"sold {name}", TransactionType.SELL, name, 9, 10, lot_id="gone")
                rows.append(replace(row, basis=2 * row.quantity * row.price))
        account = replace(account_of(1000, registration=registration).account, account_id=label)
        rows.sort(key=lambda row: row.trade_date)
        books.append(AccountBook(account=account, lots=tuple(lots), transactions=tuple(rows)))
    return books


def _row(
    d: Draft, account: str, label: str, kind: TransactionType, name: str, age: int, shares: int, **fields: Any
) -> Transaction:
    return Transaction(
        transaction_id=label,
        account_id=account,
        trade_date=d.as_of - timedelta(age),
        security_id=name,
        type=kind,
        quantity=D(shares),
        price=D(str(d.prices[name])),
        **fields,
    )
