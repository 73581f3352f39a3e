"""What does a night make of one household? Values in, values out, in whichever process: it needs no database."""

import logging
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from time import perf_counter
from typing import Any, Final

from data.columns import Packed, packed_json
from data.documents import Body, Document
from data.household import StoredHousehold
from data.snapshots import inputs_hash, read_market, snapshot_document
from engine.domain.accounts import Account, AccountSnapshot
from engine.domain.errors import LotsmithError
from engine.domain.identifiers import AccountId, HouseholdId, PlanId, SecurityId
from engine.domain.market import CorporateAction, Mark, MarketSnapshot
from engine.domain.plans import Check, PlanStatus
from engine.domain.settings import PlanSettings, settings_from_toml
from engine.monitor.account_scan import AccountScan
from engine.monitor.document import QueueRow, queue_row, scan_document
from engine.monitor.moves import MoveLimits
from engine.monitor.scan import HouseholdFacts, household_facts, scan_account
from engine.plan.document import plan_document
from engine.plan.household import MemberPlan, Unplanned, propose_each
from engine.review.checker import failures, second_opinion
from engine.review.difference import year_gain

_LOG: Final = logging.getLogger(__name__)


class Outcome(StrEnum):
    """What a night came to for one account. exception: it wanted a plan and there is none that may be proposed."""

    CALM = "calm"
    NO_TRADE = "no trade"
    PROPOSED = "proposed"
    UNDER_WAY = "under way"
    FENCED = "fenced"
    EXCEPTION = "exception"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all accounts of a night share. settings: TOML texts by name. since, limits, actions: see scan_account."""

    market: Body
    settings: Mapping[str, str]
    since: Mapping[SecurityId, Mark]
    limits: MoveLimits
    actions: tuple[CorporateAction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTonight:
    """A plan with what it was made from and what the second checker says of it. snapshot: without its parts."""

    plan_id: PlanId
    inputs_hash: str
    document: Packed
    snapshot: Document
    checks: tuple[Check, ...]
    year_gain: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountNight:
    """What was seen of one account and done for it. seen: its scan as a document; None where it could not be scanned.

    cause: why there is no plan to propose, in a sentence; empty where there is one or none was wanted.
    """

    account_id: AccountId
    outcome: Outcome
    seen: Mapping[str, Any] | None
    row: QueueRow | None
    plan: PlannedTonight | None = None
    cause: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseholdNight:
    """What a night made of the accounts of one household, by account_id. under_way: see household_night."""

    household_id: HouseholdId
    accounts: tuple[AccountNight, ...]
    under_way: frozenset[AccountId] = frozenset()


def household_night(shared: Shared, stored: StoredHousehold, under_way: frozenset[AccountId]) -> HouseholdNight:
    """Return what was seen of each account of a household, and the plans of those that need one.

    under_way: accounts with a plan before people; they are looked at and not planned. Accounts that need a plan are
    planned together, so that none washes another. Whatever goes wrong is the account's outcome, never an exception.
    """
    began = perf_counter()
    accounts = [book.account for book in stored.books]
    try:
        found = _household(shared, stored, under_way)
    except Exception as error:  # noqa: BLE001  one household's fault, a fault of ours included, stops no night
        found = tuple(_failed(account.account_id, error) for account in accounts)
    spent = (perf_counter() - began) / max(len(found), 1)
    return HouseholdNight(
        household_id=stored.household.household_id,
        accounts=tuple(replace(each, seconds=spent) for each in found),
        under_way=under_way,
    )


def _household(shared: Shared, stored: StoredHousehold, under_way: frozenset[AccountId]) -> tuple[AccountNight, ...]:
    market, document = _market(shared.market)
    scans: dict[AccountId, AccountScan] = {}
    nights: dict[AccountId, AccountNight] = {}
    wanted: list[tuple[AccountSnapshot, PlanSettings]] = []
    facts: HouseholdFacts | None = None
    for snapshot in stored.snapshots(as_of=market.as_of):
        facts = facts or household_facts(snapshot, market)
        account = snapshot.account
        settings = _settings(shared, account)
        scan = scan_account(snapshot, market, settings, last_marks=shared.since, limits=shared.limits,
                            actions=shared.actions, household=facts)  # fmt: skip
        scans[account.account_id] = scan
        if not scan.reasons or scan.fenced or account.account_id in under_way:
            nights[account.account_id] = _unplanned(scan, under_way)
        else:
            wanted.append((snapshot, settings))
    nights |= _plans(wanted, scans, market, document)
    return tuple(nights[account_id] for account_id in scans)


def _unplanned(scan: AccountScan, under_way: frozenset[AccountId]) -> AccountNight:
    if scan.fenced:
        cause = " ".join(problem.sentence for problem in scan.problems if problem.severity == "fence")
        return _night(scan, Outcome.FENCED, cause=cause)
    busy = bool(scan.reasons) and scan.account.account_id in under_way
    return _night(scan, Outcome.UNDER_WAY if busy else Outcome.CALM)


def _plans(
    wanted: Sequence[tuple[AccountSnapshot, PlanSettings]],
    scans: Mapping[AccountId, AccountScan],
    market: MarketSnapshot,
    document: Document,
) -> dict[AccountId, AccountNight]:
    seen: dict[AccountId, Document] = {}  # what each account was planned from is what was hashed last

    def hash_of(snapshot: AccountSnapshot) -> str:
        inputs = seen[snapshot.account.account_id] = snapshot_document(snapshot)
        return inputs_hash(inputs, document)

    found = propose_each(
        [snapshot for snapshot, _ in wanted],
        market,
        {snapshot.account.account_id: own for snapshot, own in wanted},
        inputs_hash=hash_of,
    )
    return {each.account_id: _planned(scans[each.account_id], each, seen, market) for each in found}


def _planned(
    scan: AccountScan, found: MemberPlan | Unplanned, seen: Mapping[AccountId, Document], market: MarketSnapshot
) -> AccountNight:
    if isinstance(found, Unplanned):
        return _night(scan, Outcome.EXCEPTION, cause=str(found.error))
    snapshot, plan = found.snapshot, found.plan
    if plan.status is PlanStatus.INFEASIBLE:
        told = f"No plan meets every rule: {', '.join(plan.conflicts)} conflict. {plan.repair}".strip()
        return _night(scan, Outcome.EXCEPTION, cause=told)
    if not plan.trades:
        return _night(scan, Outcome.NO_TRADE)
    checks = second_opinion(plan, snapshot, market)
    wrong = failures((*plan.checks, *checks))
    inputs, document = seen[found.account_id], plan_document(plan, found.run)
    made = PlannedTonight(
        plan_id=document["plan_id"],
        inputs_hash=plan.inputs_hash,
        document=packed_json(document),
        snapshot=Document(kind=inputs.kind, content=inputs.content),  # its parts are in the database already
        checks=checks,
        year_gain=year_gain(snapshot.account, plan),
    )
    if wrong:
        return _night(scan, Outcome.EXCEPTION, plan=made,
                      cause="; ".join(f"{check.rule}: {check.detail}" for check in wrong))  # fmt: skip
    return _night(scan, Outcome.PROPOSED, plan=made)


def _night(scan: AccountScan, outcome: Outcome, *, plan: PlannedTonight | None = None, cause: str = "") -> AccountNight:
    brief = scan.brief()
    return AccountNight(
        account_id=scan.account.account_id,
        outcome=outcome,
        seen=scan_document([brief])["accounts"][0],
        row=queue_row(brief),
        plan=plan,
        cause=cause,
    )


def _failed(account_id: AccountId, error: Exception) -> AccountNight:
    if not isinstance(error, LotsmithError):
        _LOG.error("account %s: %s", account_id, "".join(traceback.format_exception(error)))
        return AccountNight(account_id=account_id, outcome=Outcome.EXCEPTION, seen=None, row=None,
                            cause=f"Lotsmith failed on it: {type(error).__name__}: {error}")  # fmt: skip
    return AccountNight(account_id=account_id, outcome=Outcome.EXCEPTION, seen=None, row=None, cause=str(error))


def _settings(shared: Shared, account: Account) -> PlanSettings:
    if account.settings is None:
        return PlanSettings()
    return _parsed(shared.settings.get(account.settings, ""), account.settings)


@lru_cache(maxsize=256)
def _parsed(text: str, name: str) -> PlanSettings:
    return settings_from_toml(text, source=f"settings/{name}.toml")


@lru_cache(maxsize=2)  # a rehearsal goes to and fro between two
def _market(body: Body) -> tuple[MarketSnapshot, Document]:
    content = body.content()
    return read_market(content), Document(kind="market", content=content)
