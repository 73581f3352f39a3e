"""What if money comes in, or goes out, or the year's gains are to stay within a budget? Settings of one click each."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from app.steps.inputs import PlanInputs
from engine.domain.accounts import Account
from engine.domain.settings import PlanSettings
from engine.domain.valuation import net_asset_value
from engine.plan.gifting import Gift, best_gifts, without

_SHARES: Final = (Decimal("0.01"), Decimal("0.02"), Decimal("0.05"), Decimal("0.1"), Decimal("0.2"))


def round_amounts(inputs: PlanInputs) -> tuple[Decimal, ...]:
    """Return sums of money that fit the account: 1, 2, 5, 10 and 20 % of its value, to one significant digit, USD."""
    value = net_asset_value(inputs.snapshot, inputs.market)
    found = (_one_digit(share * value) for share in _SHARES)
    return tuple(dict.fromkeys(amount for amount in found if amount > 0))


def within_budget(own: PlanSettings, account: Account, budget: Decimal) -> Mapping[str, Any]:
    """Return the settings that keep the year's net gain, with this plan's, within a budget, USD: hard, not a warning.

    What the year has realised already is taken off, down to nothing; a tighter cap of the account's own stays.
    """
    room = max(budget - account.ytd_st_gain - account.ytd_lt_gain, Decimal(0))
    return {"gains_budget": budget, "max_net_gain": room if own.max_net_gain is None else min(own.max_net_gain, room)}


def with_gift(inputs: PlanInputs, usd: Decimal | None) -> tuple[PlanInputs, tuple[Gift, ...]]:
    """Return an account once its best lots of this worth are given away, and these lots; None gives nothing."""
    if usd is None:
        return inputs, ()
    gifts = best_gifts(inputs.snapshot, inputs.market, usd=usd)
    return replace(inputs, snapshot=without(inputs.snapshot, gifts)), gifts


def _one_digit(amount: Decimal) -> Decimal:
    if amount <= 0:
        return Decimal(0)
    unit = Decimal(10) ** amount.adjusted()
    return (amount / unit).to_integral_value(ROUND_HALF_EVEN) * unit
