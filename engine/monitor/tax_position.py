"""Where does the account's tax year stand? Gains so far, losses carried in, and what is left of the budget."""

from dataclasses import dataclass
from decimal import Decimal

from engine.domain.accounts import Account
from engine.domain.settings import PlanSettings
from engine.monitor.harvest import Harvest
from engine.tax.netting import YearToDate, netted_liability


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxPosition:
    """A taxable account's year so far, USD.

    st_gain, lt_gain: realised, below zero a loss. carryforwards: losses carried in, amounts >= 0. tax: what the gains
    so far change in the year's tax, netted with the carryforwards; below zero it is saved. st_harvest, lt_harvest:
    losses that could be taken today, amounts >= 0. budget: of net gains realised in the year, None where there is none.
    """

    st_gain: Decimal
    lt_gain: Decimal
    st_carryforward: Decimal
    lt_carryforward: Decimal
    tax: Decimal
    st_harvest: Decimal
    lt_harvest: Decimal
    budget: Decimal | None

    @property
    def gain(self) -> Decimal:
        """Net gain realised so far."""
        return self.st_gain + self.lt_gain

    @property
    def left(self) -> Decimal | None:
        """What is left of the budget; below zero once more was realised."""
        return None if self.budget is None else self.budget - self.gain


def tax_position(account: Account, settings: PlanSettings, harvest: Harvest) -> TaxPosition | None:
    """Return where the year stands, None for an account that pays no tax."""
    if not account.registration.is_taxable:
        return None
    carried = YearToDate(
        st_gain=Decimal(0),
        lt_gain=Decimal(0),
        st_carryforward=account.st_carryforward,
        lt_carryforward=account.lt_carryforward,
    )
    tax = netted_liability(
        account.ytd_st_gain,
        account.ytd_lt_gain,
        carried,
        st_rate=account.st_rate,
        lt_rate=account.lt_rate,
        carryforward_value=Decimal(str(settings.carryforward_value)),
    )
    return TaxPosition(
        st_gain=account.ytd_st_gain,
        lt_gain=account.ytd_lt_gain,
        st_carryforward=account.st_carryforward,
        lt_carryforward=account.lt_carryforward,
        tax=tax,
        st_harvest=harvest.st_loss,
        lt_harvest=harvest.lt_loss,
        budget=settings.gains_budget,
    )
