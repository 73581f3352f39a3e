"""What would each setting change? Certified plans with one setting a step tighter, and a step looser, at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from engine.domain.accounts import AccountSnapshot
from engine.domain.market import MarketSnapshot
from engine.domain.plans import Lock
from engine.domain.settings import PlanSettings
from engine.plan.applies import inapplicable
from engine.plan.fractional import Figures, figures
from engine.plan.problem import build_problem, value_after_flow
from engine.plan.propose import household_locks
from engine.plan.search import search

Value = float | int | Decimal
_DIGITS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A setting's other value, and what its plan comes to; None where no plan obeys the rules then."""

    value: Value
    figures: Figures | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """One setting. tighter, looser: None where there is no step that way.

    same_measure: whether the objective means the same before and after the step. It does where the setting is a limit;
    a weight or a price is itself a part of the measure, and the two objectives cannot be set against each other.
    """

    setting: str
    value: Value
    tighter: Step | None
    looser: Step | None
    same_measure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivities:
    """The plan under the settings as they are, and one Sensitivity for each numeric setting in force."""

    base: Figures
    settings: tuple[Sensitivity, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a step changes: later less now. objective_bp: above zero is worse; None where it is another measure.

    gap_bp: of the plan after the step, not its change.
    """

    tax_usd: Decimal
    tracking_error: float
    objective_bp: float | None
    trades: int
    gap_bp: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    """How far a step goes: a share of the value, `least` at least. up: whether more of it is tighter.

    measure: whether it is a part of the objective itself.
    """

    up: bool
    share: float = 0.0
    least: float = 0.0
    lowest: float = 0.0
    highest: float = float("inf")
    measure: bool = False


_RULES: Final[Mapping[str, _Rule]] = {
    "risk_aversion": _Rule(up=True, share=0.25, measure=True),
    "tax_weight": _Rule(up=True, least=0.1, measure=True),
    "cost_bp": _Rule(up=True, share=0.25, least=1.0, measure=True),
    "impact_bp": _Rule(up=True, share=0.25, measure=True),
    "carryforward_value": _Rule(up=False, least=0.1, highest=1.0, measure=True),
    "min_cash": _Rule(up=True, least=0.001),
    "max_cash": _Rule(up=False, least=0.001, highest=1.0),
    "max_active_weight": _Rule(up=False, share=0.25, least=0.0005),
    "max_sector_active": _Rule(up=False, share=0.25, least=0.001),
    "max_factor_active": _Rule(up=False, share=0.25, least=0.01),
    "max_tracking_error": _Rule(up=False, share=0.1, least=0.0005),
    "max_turnover": _Rule(up=False, share=0.1, least=0.005),
    "max_net_gain": _Rule(up=False, share=0.1, least=1000.0, lowest=float("-inf")),
    "min_trade_usd": _Rule(up=True, share=0.25, least=100.0),
    "max_trades": _Rule(up=False, share=0.1, least=1.0),
    "max_names": _Rule(up=False, share=0.1, least=1.0),
    "harvest_min_loss_usd": _Rule(up=True, share=0.25, least=50.0),
    "harvest_min_loss_pct": _Rule(up=True, share=0.25, least=0.01),
    "deposit": _Rule(up=False, share=0.1, measure=True),
    "withdrawal": _Rule(up=True, share=0.1, measure=True),
    "breach_penalty": _Rule(up=True, share=0.25, measure=True),
}
_OFF_AT_ZERO: Final = frozenset(
    {"impact_bp", "min_trade_usd", "harvest_min_loss_usd", "harvest_min_loss_pct", "deposit", "withdrawal"}
)


def sensitivities(snapshot: AccountSnapshot, market: MarketSnapshot, settings: PlanSettings) -> Sensitivities | None:
    """Return what each numeric setting in force would change, in the order of the settings; None without a plan.

    Plans are of fractional shares, each with its own certificate. Raises DataError as propose_plan does.
    """
    held = household_locks(snapshot, market)
    base = _planned(snapshot, market, settings, held)
    if base is None:
        return None
    without_effect = inapplicable(settings, snapshot.account, market)
    rows = []
    for name, rule in _RULES.items():
        value = getattr(settings, name)
        if value is None or name in without_effect or (name in _OFF_AT_ZERO and not value):
            continue
        more, less = (_step(snapshot, market, settings, held, name, moved) for moved in _moved(settings, name, rule))
        rows.append(
            Sensitivity(
                setting=name,
                value=value,
                tighter=more if rule.up else less,
                looser=less if rule.up else more,
                same_measure=not rule.measure,
            )
        )
    return Sensitivities(base=base, settings=tuple(rows))


def change(base: Figures, of: Sensitivity, step: Step) -> Change | None:
    """Return what a step of a setting changes; None where no plan obeys the rules after it."""
    then = step.figures
    if then is None:
        return None
    return Change(
        tax_usd=then.tax_usd - base.tax_usd,
        tracking_error=then.tracking_error - base.tracking_error,
        objective_bp=then.objective_bp - base.objective_bp if of.same_measure else None,
        trades=then.trades - base.trades,
        gap_bp=then.gap_bp,
    )


def _moved(settings: PlanSettings, name: str, rule: _Rule) -> tuple[Value | None, Value | None]:
    """Return the setting's value a step up and a step down; None where there is no room."""
    value = getattr(settings, name)
    size = max(rule.share * abs(float(value)), rule.least)
    lowest, highest = rule.lowest, rule.highest
    if name == "min_cash":
        highest = settings.max_cash
    if name == "max_cash":
        lowest = settings.min_cash
    return tuple(_as(value, min(max(float(value) + step, lowest), highest)) for step in (size, -size))  # type: ignore[return-value]  # two of them


def _as(value: Value, moved: float) -> Value | None:
    """Return the moved value in the kind of number that the setting is; None where it did not move."""
    if isinstance(value, Decimal):
        found: Value = Decimal(f"{moved:.2f}")
    elif isinstance(value, int):
        found = round(moved)
    else:
        found = round(moved, _DIGITS)
    return None if found == value else found


def _step(
    snapshot: AccountSnapshot,
    market: MarketSnapshot,
    settings: PlanSettings,
    held: tuple[Lock, ...],
    name: str,
    value: Value | None,
) -> Step | None:
    if value is None:
        return None
    changes: dict[str, object] = {name: value}
    moved = replace(settings, **changes)  # type: ignore[arg-type]  # the kind of number is that of the setting
    return Step(value=value, figures=_planned(snapshot, market, moved, held))


def _planned(
    snapshot: AccountSnapshot, market: MarketSnapshot, settings: PlanSettings, held: tuple[Lock, ...]
) -> Figures | None:
    if value_after_flow(snapshot, market, settings) <= 0:
        return None
    problem = build_problem(snapshot, market, settings, locks=held)
    found = search(problem)
    return None if found is None else figures(problem, found)
