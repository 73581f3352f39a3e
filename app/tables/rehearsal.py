"""What a rehearsal shows: the sums side by side, every account under both policies, the names traded otherwise."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import pandas as pd

from app.tables.parts import named, table_of, usd
from engine.domain.identifiers import SecurityId
from engine.domain.market import MarketSnapshot
from engine.review.rehearsed import Compared, Totals

ALL: Final = "all accounts"
DIFFERS: Final = "anything differs"
NEW_BREACH: Final = "newly broken rule"
NEW_EXCEPTION: Final = "newly not planned"
STARTS: Final = "starts to trade"
STOPS: Final = "stops trading"
_TRADES: Final = "proposed"
CHOICES: Final[dict[str, Callable[[Compared], bool]]] = {
    ALL: lambda pair: True,  # noqa: ARG005
    DIFFERS: lambda pair: not pair.same,
    NEW_BREACH: lambda pair: bool(pair.new_breaches),
    NEW_EXCEPTION: lambda pair: pair.newly_not_planned,
    STARTS: lambda pair: pair.then.outcome == _TRADES != pair.now.outcome,
    STOPS: lambda pair: pair.now.outcome == _TRADES != pair.then.outcome,
}
"""By which accounts can be chosen, in the order in which they are offered."""
_COLUMNS: Final = (
    "account household advisor changed_usd outcome_now outcome_then trades_now trades_then traded_now traded_then "
    "turnover_now_pct turnover_then_pct tax_now tax_then net_gain_now net_gain_then harvested_now harvested_then "
    "te_now_pct te_then_pct te_today_pct new_breaches cause_text registration model nav"
)


def account_table(pairs: Sequence[Compared]) -> pd.DataFrame:
    """Return one row an account in the given order, its figures now (the present policy) and then (the changed one)."""
    return table_of([_row(pair) for pair in pairs], _COLUMNS)


def total_table(totals: tuple[Totals, Totals]) -> pd.DataFrame:
    """Return one row a figure of the whole book, as text with its unit: now, then and the difference."""
    now, then = totals
    outcomes = sorted({*now.outcomes, *then.outcomes})
    rows = [
        *(_count(f"Accounts: {name}", now.outcomes.get(name, 0), then.outcomes.get(name, 0)) for name in outcomes),
        _count("Trades", now.trades, then.trades),
        _money("Traded", now.traded, then.traded),
        _percent("Turnover, one way", now.turnover, then.turnover),
        _money("Tax (below zero: saved)", now.tax, then.tax),
        _money("Net short-term gain", now.st_gain, then.st_gain),
        _money("Net long-term gain", now.lt_gain, then.lt_gain),
        _money("Harvested loss", now.harvested, then.harvested),
        _percent("Tracking error before, median", now.te_before, then.te_before),
        _percent("Tracking error after, median", now.te_after, then.te_after),
        _percent("Tracking error after, by value", now.mean_te_after, then.mean_te_after),
        _count("Accounts with a broken rule", now.in_breach, then.in_breach),
        _count("Broken rules", now.breaches, then.breaches),
    ]
    return table_of(rows, "figure now then difference")


def name_table(pairs: Sequence[Compared], market: MarketSnapshot) -> pd.DataFrame:
    """Return one row a security traded under either policy: bought less sold, USD; what differs most comes first."""
    now, then = _by_name(pairs, then=False), _by_name(pairs, then=True)
    rows: list[dict[str, Any]] = [
        {
            **named(market, name),
            "net_now": now.get(name, 0.0),
            "net_then": then.get(name, 0.0),
            "net_change": round(then.get(name, 0.0) - now.get(name, 0.0), 2),
        }
        for name in sorted({*now, *then})
    ]
    rows.sort(key=lambda row: (-abs(row["net_change"]), row["ticker"]))
    return table_of(rows, "ticker name sector net_now net_then net_change")


def _row(pair: Compared) -> dict[str, Any]:
    now, then = pair.now, pair.then
    told: dict[str, Any] = {
        "account": now.account_id,
        "household": now.household,
        "advisor": now.advisor,
        "registration": now.registration,
        "model": now.model_id,
        "nav": now.nav,
        "changed_usd": pair.changed_usd,
        "te_today_pct": _hundredfold(now.te_before),
        "new_breaches": list(pair.new_breaches),
        "cause_text": then.cause or now.cause,
    }
    for when, side in (("now", now), ("then", then)):
        told |= {
            f"outcome_{when}": side.outcome,
            f"trades_{when}": len(side.trades),
            f"traded_{when}": side.traded,
            f"turnover_{when}_pct": 100 * side.turnover,
            f"tax_{when}": side.liability,
            f"net_gain_{when}": side.net_gain,
            f"harvested_{when}": side.harvested,
            f"te_{when}_pct": _hundredfold(side.te_after),
        }
    return told


def _by_name(pairs: Sequence[Compared], *, then: bool) -> dict[SecurityId, float]:
    found: dict[SecurityId, float] = {}
    for pair in pairs:
        for name, amount in (pair.then if then else pair.now).trades:
            found[name] = round(found.get(name, 0.0) + amount, 2)
    return found


def _count(figure: str, now: int, then: int) -> dict[str, str]:
    return {"figure": figure, "now": f"{now:,}", "then": f"{then:,}", "difference": f"{then - now:+,}"}


def _money(figure: str, now: float, then: float) -> dict[str, str]:
    sign = "+" if then > now else ""
    return {"figure": figure, "now": usd(now), "then": usd(then), "difference": f"{sign}{usd(then - now)}"}


def _percent(figure: str, now: float | None, then: float | None) -> dict[str, str]:
    texts = ["" if value is None else f"{value:.3%}" for value in (now, then)]
    difference = "" if now is None or then is None else f"{100 * (then - now) + 0.0:+.3f} pp"
    return {"figure": figure, "now": texts[0], "then": texts[1], "difference": difference}


def _hundredfold(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction
