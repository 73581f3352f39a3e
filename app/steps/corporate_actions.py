"""What did issuers do, who has not booked it, and which models change soon? Shown, and booked on a person's word."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Final

from app.ports import Progress, Services, no_progress
from app.steps.jobs import recorded
from app.steps.market import todays_market
from data.corporate_actions import rebook
from engine.domain.accounts import AccountBook
from engine.domain.errors import DataError, NotAllowed
from engine.domain.identifiers import AccountId, ModelId, SecurityId
from engine.domain.jobs import Finding, JobKind
from engine.domain.lifecycle import PlanState, Role, User
from engine.domain.market import ActionKind, CorporateAction, MarketSnapshot, Model, PriceHistory
from engine.domain.succession import Endings, coming_models, endings, followed
from engine.monitor.corporate_actions import what_happened
from engine.tax.corporate_actions import book_action
from engine.tax.unbooked import SPIN_OFF_NOTICE, unbooked

BOOKERS: Final = frozenset({Role.PORTFOLIO_MANAGER, Role.COMPLIANCE})
_TOLD: Final = frozenset({ActionKind.SPLIT, ActionKind.TICKER_CHANGE, ActionKind.MERGER, ActionKind.SPIN_OFF})
_UNDER_WAY: Final = frozenset({PlanState.RELEASED, PlanState.SENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class NotBooked:
    """An account that does not know of an action, and the action in words."""

    account_id: AccountId
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    """What was booked: accounts and actions; findings: accounts that could not be, and why."""

    accounts: int
    actions: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconstitution:
    """A model's next version. names_in, names_out: how many come and go; reweighted: how many others change.

    turnover: one way, as a fraction, for an account that holds the model today. accounts: that follow it.
    """

    model_id: ModelId
    effective: date
    names_in: int
    names_out: int
    reweighted: int
    turnover: Decimal
    accounts: int


def told(services: Services, *, since: date) -> tuple[tuple[CorporateAction, str], ...]:
    """Return what issuers did or will do from a day on, dividends left out, in words, newest first."""
    market = todays_market(services)
    actions = [each for each in services.firm.actions(since=since) if each.kind in _TOLD and each.ex_date >= since]
    ordered = sorted(actions, key=lambda each: (each.ex_date, each.security_id), reverse=True)
    return tuple((each, what_happened(each, market)) for each in ordered)


def not_booked(services: Services, *, progress: Progress = no_progress) -> tuple[NotBooked, ...]:
    """Return every account that does not know of a merger, spin-off or change of id, action by action."""
    market = todays_market(services)
    return tuple(
        NotBooked(account_id=book.account.account_id, sentence=what_happened(action, market))
        for book, waiting in _waiting(services, market, progress)
        for action in waiting
    )


def _words(done: Booked) -> str:
    failed = f"; {len(done.findings)} accounts could not be" if done.findings else ""
    return f"{done.actions:,} corporate actions booked in {done.accounts:,} accounts{failed}"


@recorded(JobKind.BOOK_ACTIONS, detail=_words, findings=lambda done: done.findings)
def book_all(services: Services, *, actor: User, progress: Progress = no_progress) -> Booked:
    """Book what accounts do not know of, each account in one transaction; doing it again changes nothing.

    An account that cannot be booked stays fenced and is told, with the cause. Raises NotAllowed for a person who may
    not bring in data, and DataError where other data came in meanwhile.
    """
    if not actor.roles & BOOKERS:
        raise NotAllowed(f"{actor.name} may not book corporate actions; a portfolio manager or compliance may")
    imported_at, market = services.firm.firm().imported_at, todays_market(services)
    prices = {history.security_id: history for history in services.firm.prices()}
    accounts = actions = 0
    findings: list[Finding] = []
    for book, waiting in _waiting(services, market, progress):
        account_id = book.account.account_id
        try:
            _refuse_under_way(services, account_id)
            with services.database.begin() as connection:
                done = rebook(
                    connection,
                    account_id,
                    partial(_changed, waiting=waiting, prices=prices, as_of=market.as_of),
                    imported_at=imported_at,
                    actor=actor.user_id,
                    at=services.now(),
                )
        except DataError as error:
            findings.append(Finding(severity="error", account_id=account_id, place="corporate actions",
                                    found=str(error), expected="an account that can be booked here",
                                    effect="not booked; the account stays fenced"))  # fmt: skip
        else:
            accounts += bool(done)
            actions += len(done)
    return Booked(accounts=accounts, actions=actions, findings=tuple(findings))


def reconstitutions(services: Services) -> tuple[Reconstitution, ...]:
    """Return the next version of each model that has one to come, soonest first."""
    market = todays_market(services)
    ended = endings(services.firm.actions(), as_of=market.as_of)
    follow: dict[ModelId, int] = {}
    for account in services.firm.accounts():
        follow[account.model_id] = follow.get(account.model_id, 0) + 1
    coming = coming_models(services.firm.models(), as_of=market.as_of)
    return tuple(_reconstitution(model, market, ended, follow) for model in coming)


def ended_in_models(services: Services) -> tuple[str, ...]:
    """Return a sentence for each name of a model that no longer trades: what the model follows instead."""
    market = todays_market(services)
    ended = endings(services.firm.actions(), as_of=market.as_of)
    names = dict.fromkeys(
        (model.model_id, name) for model in services.firm.models() for name, _ in model.weights if name in ended.gone
    )
    found = []
    for model_id, name in names:
        today = ended.today(name)
        known = {key: security.ticker for key, security in market.securities.items()}
        instead = f"{known.get(today, today)} has its weight" if today else "the other names share its weight"
        found.append(f"{model_id}: {known.get(name, name)} no longer trades; {instead}.")
    return tuple(found)


def _waiting(
    services: Services, market: MarketSnapshot, progress: Progress
) -> Sequence[tuple[AccountBook, Sequence[CorporateAction]]]:
    actions = services.firm.actions(since=market.as_of - SPIN_OFF_NOTICE)
    if not any(each.ends_the_name or each.kind is ActionKind.SPIN_OFF for each in actions):
        return ()
    count = max(len(services.firm.accounts()), 1)
    found = []
    for number, book in enumerate(services.firm.books(), start=1):
        waiting = unbooked(book, actions, as_of=market.as_of)
        if waiting:
            found.append((book, waiting))
        progress(book.account.account_id, number / count)
    return found


def _changed(
    book: AccountBook, waiting: Sequence[CorporateAction], prices: Mapping[SecurityId, PriceHistory], as_of: date
) -> tuple[AccountBook, Sequence[CorporateAction]]:
    """Return a book after the actions that it still does not know of, one after the other, and those."""
    done = []
    for action in waiting:
        if action in unbooked(book, [action], as_of=as_of):
            book = book_action(book, action, price=_price(action, prices, as_of), as_of=as_of)
            done.append(action)
    return book, done


def _price(action: CorporateAction, prices: Mapping[SecurityId, PriceHistory], as_of: date) -> Decimal | None:
    """Return the successor's first close from the day of an action on."""
    history = prices.get(action.successor) if action.successor is not None else None
    if history is None:
        return None
    days = zip(history.dates, history.closes, strict=True)
    return next((close for day, close in days if action.ex_date <= day <= as_of), None)


def _refuse_under_way(services: Services, account_id: AccountId) -> None:
    for plan in services.plans.heads(account_id=account_id, states=_UNDER_WAY):
        raise DataError(
            f"account {account_id}: plan {plan.plan_id[:12]} is {plan.state}; expected its orders to be booked before "
            f"its lots change"
        )


def _reconstitution(
    coming: Model, market: MarketSnapshot, ended: Endings, follow: Mapping[ModelId, int]
) -> Reconstitution:
    today = market.models.get(coming.model_id)
    before = dict(today.weights) if today else {}
    after = dict(followed(coming, ended).weights)
    old = {name for name, weight in before.items() if weight}
    new = {name for name, weight in after.items() if weight}
    moved = sum((abs(after.get(name, Decimal(0)) - before.get(name, Decimal(0))) for name in old | new), Decimal(0))
    return Reconstitution(
        model_id=coming.model_id,
        effective=coming.effective or market.as_of,
        names_in=len(new - old),
        names_out=len(old - new),
        reweighted=sum(before[name] != after[name] for name in old & new),
        turnover=moved / 2,
        accounts=follow.get(coming.model_id, 0),
    )
