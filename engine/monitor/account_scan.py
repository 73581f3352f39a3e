"""What does one look at an account find? The values of a scan."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from engine.domain.accounts import Account, Household
from engine.domain.plans import Lock
from engine.monitor.data_quality import DataProblem, Severity
from engine.monitor.drift import GroupDrift, NameDrift
from engine.monitor.harvest import Harvest
from engine.monitor.moves import Move


class Reason(StrEnum):
    """Why an account is in the queue, in the order in which a desk looks at them.

    exception: a night wanted to plan it and could not; no scan alone finds that.
    """

    DATA_PROBLEM = "data_problem"
    EXCEPTION = "exception"
    OUT_OF_BALANCE = "out_of_balance"
    CASH_LOW = "cash_low"
    CASH_HIGH = "cash_high"
    HARVESTABLE = "harvestable"
    MARKET_MOVE = "market_move"
    GAINS_BUDGET = "gains_budget"
    LOCK_ENDING = "lock_ending"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountScan:
    """One account at one moment. Money USD; weights, drifts and tracking_error (annual) are fractions.

    cash_band: least and most cash as fractions of nav. names, sectors, factors: largest drift first. locks: of the
    whole household, where they concern a name this account holds or follows. data_age_days: days since the newest
    mark of any holding, None where none has one. gains_left: of the year's gains budget, negative once it is spent.
    dollars_at_stake: see dollars_at_stake() in scan.py; risk_at_stake is its part that is risk, the rest is tax.
    """

    as_of: date
    account: Account
    household: Household
    nav: Decimal
    cash_weight: float
    cash_band: tuple[float, float]
    tracking_error: float
    names: Sequence[NameDrift]
    sectors: tuple[GroupDrift, ...]
    factors: tuple[GroupDrift, ...]
    harvest: Harvest
    locks: tuple[Lock, ...]
    moves: tuple[Move, ...]
    problems: tuple[DataProblem, ...]
    data_age_days: int | None
    gains_left: Decimal | None
    dollars_at_stake: Decimal
    risk_at_stake: Decimal
    reasons: tuple[Reason, ...]

    @property
    def max_active_weight(self) -> float:
        """The largest distance of any name from its target."""
        return abs(self.names[0].active) if self.names else 0.0

    def brief(self) -> "AccountScan":
        """Return the scan as a queue needs it: of drifts the largest alone, of harvestable lots their sums."""
        return replace(
            self, names=tuple(self.names[:1]), sectors=(), factors=(), harvest=replace(self.harvest, lots=())
        )

    @property
    def fenced(self) -> bool:
        """Whether a data problem keeps this account from being planned."""
        return any(problem.severity is Severity.FENCE for problem in self.problems)
