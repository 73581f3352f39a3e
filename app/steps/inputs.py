"""From what is a plan computed? An account as it stands now, its market, and the settings the firm names for it."""

from dataclasses import dataclass
from functools import cached_property

from app.ports import Services
from app.steps.market import todays_market
from data.snapshots import inputs_hash, market_document, snapshot_document
from engine.domain.accounts import Account, AccountSnapshot
from engine.domain.errors import DataError
from engine.domain.identifiers import AccountId
from engine.domain.market import MarketSnapshot
from engine.domain.settings import PlanSettings, settings_from_toml
from engine.monitor.data_quality import Severity, data_problems
from engine.monitor.positions import measure


@dataclass(frozen=True, kw_only=True)
class PlanInputs:
    """One account ready to be planned, as often as anyone likes. own: its own settings."""

    snapshot: AccountSnapshot
    market: MarketSnapshot
    own: PlanSettings

    @cached_property
    def hash(self) -> str:
        """SHA-256 that stands for the snapshot and the market."""
        return inputs_hash(snapshot_document(self.snapshot), market_document(self.market))


def inputs_of(services: Services, account_id: AccountId) -> PlanInputs:
    """Return what plans of an account are computed from now.

    Raises DataError for an unknown account, a bad settings file, and an account whose data fence it off from planning.
    """
    snapshot, market = services.firm.snapshot(account_id), todays_market(services)
    refuse_fenced(snapshot, market)
    return PlanInputs(snapshot=snapshot, market=market, own=settings_of(services, snapshot.account))


def account_of(services: Services, account_id: AccountId) -> Account:
    """Return an account as it stands now."""
    return services.firm.snapshot(account_id).account


def default_settings(services: Services, account_id: AccountId) -> PlanSettings:
    """Return the settings that the firm names for an account, or the defaults. Raises DataError for a bad file."""
    return settings_of(services, account_of(services, account_id))


def settings_of(services: Services, account: Account) -> PlanSettings:
    """Return the settings that an account names, or the defaults. Raises DataError for a bad file."""
    if account.settings is None:
        return PlanSettings()
    return settings_from_toml(services.firm.settings(account.settings), source=f"settings/{account.settings}.toml")


def refuse_fenced(snapshot: AccountSnapshot, market: MarketSnapshot) -> None:
    """Raise DataError for an account whose data fence it off from planning, naming the problems."""
    found = data_problems(snapshot, market, measure(snapshot, market))
    problems = [problem for problem in found if problem.severity is Severity.FENCE]
    if problems:
        raise DataError(
            f"account {snapshot.account.account_id} is fenced off from planning until its data are right: "
            + " ".join(problem.sentence for problem in problems)
        )
