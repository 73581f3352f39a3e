"""Which accounts need a person today, and why? One scan an account, and the queue they make."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final

import numpy as np

from engine.domain.accounts import Account, AccountSnapshot
from engine.domain.errors import DataError
from engine.domain.identifiers import SecurityId
from engine.domain.market import CorporateAction, Mark, MarketSnapshot
from engine.domain.plans import Lock
from engine.domain.settings import PlanSettings
from engine.monitor.account_scan import AccountScan, Reason
from engine.monitor.data_quality import DataProblem, Severity, data_problems
from engine.monitor.document import scan_document
from engine.monitor.drift import drift_by_factor, drift_by_name, drift_by_sector
from engine.monitor.harvest import harvest
from engine.monitor.household import HouseholdFacts
from engine.monitor.moves import MoveLimits, moves
from engine.monitor.positions import Measured, measure
from engine.risk.measure import tracking_error

__all__ = [
    "LOCK_NOTICE",
    "AccountScan",
    "HouseholdFacts",
    "Reason",
    "dollars_at_stake",
    "household_facts",
    "queue",
    "risk_at_stake",
    "scan_account",
    "scan_document",
]

LOCK_NOTICE: Final = timedelta(days=3)  # a lock that ends within it is worth knowing of


def scan_account(
    snapshot: AccountSnapshot,
    market: MarketSnapshot,
    settings: PlanSettings,
    *,
    last_marks: Mapping[SecurityId, Mark] | None,
    limits: MoveLimits | None = None,
    actions: Iterable[CorporateAction] = (),
    household: HouseholdFacts | None = None,
) -> AccountScan:
    """Return the scan of one account.

    household: household_facts of this account's household on this day, which the scans of its accounts share; None
    to find them out. Names and loss lots of the result are made when they are looked at.

    last_marks: the marks of the previous scan, None where there was none. limits: from where on a move is told; None
    for the usual ones. actions: of any names, at least since the last scan and the last SPLIT_NOTICE days.

    A gap in the data never raises: what can be computed is, and the gap is a data problem that fences the account.
    """
    actions = tuple(actions)
    measured = measure(snapshot, market)
    household = household or household_facts(snapshot, market)
    locks, ledger_problems = _locks(snapshot, measured, household)
    drifts = drift_by_name(snapshot, measured, settings)
    sectors = drift_by_sector(drifts, settings)
    factors = drift_by_factor(market, measured, settings)
    losses = harvest(snapshot, market, settings, locks)
    moved = moves(snapshot, market, measured, last_marks, limits=limits, actions=actions)
    problems = (*ledger_problems, *data_problems(snapshot, market, measured, actions, imbalances=household.imbalances))
    error = tracking_error(market.risk, measured.active)
    cash_weight = float(snapshot.account.cash / measured.nav) if measured.nav > 0 else 0.0
    gains_left = _gains_left(snapshot.account, settings)
    drifted = bool(drifts.outside.any()) or any(drift.outside for drift in (*sectors, *factors))
    present = {
        Reason.DATA_PROBLEM: bool(problems),
        Reason.OUT_OF_BALANCE: drifted,
        Reason.CASH_LOW: cash_weight < settings.min_cash,
        Reason.CASH_HIGH: cash_weight > settings.max_cash,
        Reason.HARVESTABLE: losses.tax_saved > 0,
        Reason.MARKET_MOVE: bool(moved),
        Reason.GAINS_BUDGET: gains_left is not None and gains_left < 0,
        Reason.LOCK_ENDING: any(lock.until <= market.as_of + LOCK_NOTICE for lock in locks),
    }
    unbalanced = present[Reason.OUT_OF_BALANCE] or present[Reason.CASH_LOW] or present[Reason.CASH_HIGH]
    counted_error = error if unbalanced else 0.0
    return AccountScan(
        as_of=market.as_of,
        account=snapshot.account,
        household=snapshot.household,
        nav=measured.nav,
        cash_weight=cash_weight,
        cash_band=(settings.min_cash, settings.max_cash),
        tracking_error=error,
        names=drifts.names,
        sectors=sectors,
        factors=factors,
        harvest=losses,
        locks=locks,
        moves=moved,
        problems=problems,
        data_age_days=_age(market, measured),
        gains_left=gains_left,
        dollars_at_stake=dollars_at_stake(measured.nav, counted_error, losses.tax_saved, settings=settings),
        risk_at_stake=risk_at_stake(measured.nav, counted_error, settings=settings),
        reasons=tuple(reason for reason in Reason if present.get(reason)),
    )


def household_facts(snapshot: AccountSnapshot, market: MarketSnapshot) -> HouseholdFacts:
    """Return what the scans of all accounts of a snapshot's household share."""
    return HouseholdFacts(books=snapshot.household_books, as_of=market.as_of, groups=market.groups)


def dollars_at_stake(nav: Decimal, error: float, tax_saved: Decimal, *, settings: PlanSettings) -> Decimal:
    """Return what an account's plan could win at most, USD: risk_aversion x error^2 x nav + tax_weight x tax_saved.

    These are the risk and tax terms of the plan's own objective, in dollars, so accounts compare. error is the annual
    tracking error of an account out of balance or out of its cash band, and 0 for one within all its bands; cash
    counts through it too, as the market exposure that it lacks. tax_saved is on the losses that are free to harvest.
    """
    return risk_at_stake(nav, error, settings=settings) + Decimal(settings.tax_weight) * tax_saved


def risk_at_stake(nav: Decimal, error: float, *, settings: PlanSettings) -> Decimal:
    """Return the part of dollars_at_stake that is risk: risk_aversion x error^2 x nav, USD a year."""
    return Decimal(settings.risk_aversion * error * error) * max(nav, Decimal(0))


def queue(scans: Sequence[AccountScan]) -> tuple[AccountScan, ...]:
    """Return the scans that have a reason: fenced accounts first, since their stakes are not known, then by dollars.

    Within each part the most dollars at stake come first, then the larger account, then by account_id.
    """
    waiting = [scan for scan in scans if scan.reasons]
    return tuple(
        sorted(waiting, key=lambda scan: (not scan.fenced, -scan.dollars_at_stake, -scan.nav, scan.account.account_id))
    )


def _locks(
    snapshot: AccountSnapshot, measured: Measured, household: HouseholdFacts
) -> tuple[tuple[Lock, ...], tuple[DataProblem, ...]]:
    """Return the locks that concern this account; a ledger that cannot be computed is a data problem of its own."""
    try:
        found = household.locks(snapshot.pending)
    except DataError as error:
        problem = DataProblem(code="no_wash_sale_ledger", severity=Severity.FENCE, sentence=str(error))
        return (), (problem,)
    market = measured.market
    concerned = np.zeros(len(market.group_number) + 1, dtype=bool)  # the last one: no group of the market
    concerned[market.group[measured.held | measured.targeted]] = True
    counts = concerned.tolist()
    return tuple(
        lock
        for lock in found
        if counts[market.group_number.get(lock.identical_group, -1)] or lock.identical_group in measured.strangers
    ), ()


def _gains_left(account: Account, settings: PlanSettings) -> Decimal | None:
    if settings.gains_budget is None:
        return None
    return settings.gains_budget - account.ytd_st_gain - account.ytd_lt_gain


def _age(market: MarketSnapshot, measured: Measured) -> int | None:
    days = measured.market.day[measured.priced]
    return market.as_of.toordinal() - int(days.max()) if days.size else None
