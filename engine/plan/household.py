"""What should the accounts of a household trade together? Plans that share their locks, so that none washes another.

Accounts are tied by wash sales alone: of securities that are substantially identical, nobody buys what anybody sells at
a loss that day. Each account is planned by itself; where two clash over a group, the household takes the side that is
worth more at the accounts' own prices, and those accounts are planned again under that lock. At the end each plan is
made in sight of all others' trades, as if these were approved: so it can be replayed, and stays free of wash sales.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Final

import numpy as np

from engine.domain.accounts import AccountSnapshot, Transaction
from engine.domain.errors import DataError, LotsmithError
from engine.domain.identifiers import AccountId, TransactionId
from engine.domain.market import Array, MarketSnapshot
from engine.domain.plans import Lock, LockRule, Plan, Run
from engine.domain.settings import PlanSettings
from engine.plan.certificate import certify, piece_minima
from engine.plan.decided import plan_transactions, trade_transactions
from engine.plan.holding import Flags
from engine.plan.lot_table import LOCKED
from engine.plan.lots import sales
from engine.plan.pieces import piece_table
from engine.plan.problem import Problem, build_problem
from engine.plan.propose import household_locks, propose_plan
from engine.plan.sale_order import FRACTION
from engine.plan.search import search
from engine.plan.sides import Found
from engine.tax.matching import WASH_SALE_DAYS

_MOVES: Final = 1e-9  # a trade of less weight than this is none
_ROUNDS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberPlan:
    """One account's part: its plan, and the snapshot it was made from, with all others' trades pending."""

    snapshot: AccountSnapshot
    plan: Plan
    run: Run

    @property
    def account_id(self) -> AccountId:
        return self.plan.account_id

    @property
    def trades(self) -> tuple[Transaction, ...]:
        """The plan's trades as the other accounts see them: pending on its day."""
        return tuple(plan_transactions(self.plan, label=f"household:{self.account_id}", on=self.snapshot.as_of))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplanned:
    """An account that has no plan, and why."""

    account_id: AccountId
    error: LotsmithError


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseholdPlan:
    """Plans by account. bound_usd: no plans of these accounts that wash none of each other cost less in sum.

    cost_usd: what these plans cost, fractional shares before rounding; gap_usd: the difference.
    """

    members: tuple[MemberPlan, ...]
    cost_usd: float
    bound_usd: float

    @property
    def gap_usd(self) -> float:
        return self.cost_usd - self.bound_usd


def propose_household(
    snapshots: Sequence[AccountSnapshot],
    market: MarketSnapshot,
    settings: Mapping[AccountId, PlanSettings],
    *,
    inputs_hash: Callable[[AccountSnapshot], str],
) -> HouseholdPlan:
    """Return plans of all these accounts of one household that share their locks, ordered as the accounts are.

    Raises DataError for accounts of several households, and as propose_plan does.
    """
    households = sorted({snapshot.household.household_id for snapshot in snapshots})
    if len(households) != 1:
        raise DataError(
            f"household plan: expected the accounts of one household, found {', '.join(households) or 'none'}"
        )
    own = [settings[snapshot.account.account_id] for snapshot in snapshots]
    locks_of = _Locks(market)
    alone = [_solved(s, market, chosen, locks_of(s)) for s, chosen in zip(snapshots, own, strict=True)]
    bound = _joint_bound(alone)
    solved, agreed = list(alone), dict[str, LockRule]()
    for _ in range(_ROUNDS):
        clashes = _clashing(solved)
        if not clashes:
            break
        agreed |= _worthier(solved, sorted(clashes))
        locks = tuple(_lock(snapshots[0], group, rule) for group, rule in sorted(agreed.items()))
        for k, (snapshot, chosen) in enumerate(zip(snapshots, own, strict=True)):
            if _concerns(solved[k], clashes):
                solved[k] = _solved(snapshot, market, chosen, (*locks_of(snapshot), *locks))
    cost = sum(float(problem.value) * found.objective for problem, found in solved if found is not None)
    members = _in_sight_of_each_other(snapshots, own, solved, locks_of, inputs_hash)
    return HouseholdPlan(members=members, cost_usd=cost, bound_usd=min(bound, cost))


def propose_each(
    snapshots: Sequence[AccountSnapshot],
    market: MarketSnapshot,
    settings: Mapping[AccountId, PlanSettings],
    *,
    inputs_hash: Callable[[AccountSnapshot], str],
) -> tuple[MemberPlan | Unplanned, ...]:
    """Return the plan of each of these accounts of one household, or why it has none, ordered as the accounts are.

    Together as propose_household makes them. Where one of them stands in the way of that, one after the other, each in
    sight of the plans before it: none washes another then either, but who goes first is not weighed.
    """
    if len(snapshots) > 1:
        with suppress(LotsmithError):  # told below, of the account that it concerns
            return propose_household(snapshots, market, settings, inputs_hash=inputs_hash).members
    found: list[MemberPlan | Unplanned] = []
    for snapshot in snapshots:
        others = [row for member in found if isinstance(member, MemberPlan) for row in member.trades]
        seen = replace(snapshot, pending=(*snapshot.pending, *others))
        account_id = snapshot.account.account_id
        try:
            plan, run = propose_plan(seen, market, settings[account_id], inputs_hash=inputs_hash(seen))
            found.append(MemberPlan(snapshot=seen, plan=plan, run=run))
        except LotsmithError as error:
            found.append(Unplanned(account_id=account_id, error=error))
    return tuple(found)


_Solved = tuple[Problem, Found | None]


class _Locks:
    """The household's locks as each account sees them, worked out once for all that see the same trades."""

    def __init__(self, market: MarketSnapshot) -> None:
        self.market = market
        self._known: list[tuple[AccountSnapshot, tuple[Lock, ...]]] = []

    def __call__(self, snapshot: AccountSnapshot) -> tuple[Lock, ...]:
        for other, found in self._known:
            if other.household_books is snapshot.household_books and other.pending == snapshot.pending:
                return found
        found = household_locks(snapshot, self.market)
        self._known.append((snapshot, found))
        return found


def _solved(
    snapshot: AccountSnapshot, market: MarketSnapshot, settings: PlanSettings, locks: Iterable[Lock]
) -> _Solved:
    problem = build_problem(snapshot, market, settings, locks=locks)
    return problem, search(problem)


def _lock(snapshot: AccountSnapshot, group: str, rule: LockRule) -> Lock:
    return Lock(
        household_id=snapshot.household.household_id,
        identical_group=group,
        cause=TransactionId("another account's plan"),
        rule=rule,
        until=snapshot.as_of + WASH_SALE_DAYS + timedelta(days=1),
    )


def _sides(solved: _Solved) -> tuple[set[str], set[str]]:
    """Return the groups that an account's plan buys, and those that it sells at a loss."""
    problem, found = solved
    bought, lost = set[str](), set[str]()
    if found is None:
        return bought, lost
    names, trade = problem.names, found.trade[: len(problem.names)]
    bought |= {names.group(i) for i in np.flatnonzero(trade > _MOVES).tolist()}
    if problem.snapshot.account.registration.is_taxable:
        loses = found.table.sells_loss[found.pieces[: len(names)]]
        lost |= {names.group(i) for i in np.flatnonzero((trade < -_MOVES) & loses).tolist()}
    return bought, lost


def _clashing(solved: Sequence[_Solved]) -> set[str]:
    bought, lost = set[str](), set[str]()
    for own in map(_sides, solved):
        bought |= own[0]
        lost |= own[1]
    return bought & lost


def _concerns(solved: _Solved, groups: set[str]) -> bool:
    return bool(_members(solved[0], groups).any())


def _members(problem: Problem, groups: Iterable[str]) -> Flags:
    """Return which names are of these groups: (n,)."""
    listing = problem.names.listing
    return np.isin(problem.names.code, np.concatenate([listing.in_group[group] for group in groups]))


def _modes(solved: _Solved, groups: Sequence[str]) -> Array:
    """Return what an account's names of each group cost at least, USD: nothing bought, and no loss sold; (groups, 2).

    At the prices of factors and rows that the account's own plan has.
    """
    problem, found = solved
    costs = np.zeros((len(groups), 2))
    if found is None:
        return costs
    row_price = found.solution.row_price
    if found.table.gain_price is not None:
        row_price = np.where(found.table.is_gain_row, found.table.gain_price, row_price)
    members, place = _members(problem, groups), {group: k for k, group in enumerate(groups)}
    for mode, rule in enumerate((LockRule.NO_BUY, LockRule.NO_LOSS_SALE)):
        table = piece_table(_locked(problem, members, rule), frame=found.table.frame, prices=row_price)
        lowest = piece_minima(table, factor_price=found.solution.factor_price, row_price=row_price)
        for i in np.flatnonzero(members).tolist():
            least = float(lowest[table.pieces_of[i]].min(initial=np.inf))
            costs[place[problem.names.group(i)], mode] += float(problem.value) * least
    return costs


def _locked(problem: Problem, members: Flags, rule: LockRule) -> Problem:
    """Return the problem with a lock on some names in its arrays; what is told of single names knows nothing of it."""
    names = problem.names
    if rule is LockRule.NO_BUY:
        rulings = replace(names.rulings, no_buy=names.rulings.no_buy | members)
        return replace(problem, names=replace(names, rulings=rulings))
    if not problem.snapshot.account.registration.is_taxable:
        return problem
    lots = names.lots
    lost = (lots.blocked == 0) & lots.is_loss & members[lots.owner]
    return replace(problem, names=replace(names, lots=replace(lots, blocked=np.where(lost, LOCKED, lots.blocked))))


def _worthier(solved: Sequence[_Solved], groups: Sequence[str]) -> Mapping[str, LockRule]:
    """Return for each group the lock that costs the household less."""
    total = np.sum([_modes(own, groups) for own in solved], axis=0)
    return {
        group: LockRule.NO_BUY if no_buy <= no_loss else LockRule.NO_LOSS_SALE
        for group, (no_buy, no_loss) in zip(groups, total.tolist(), strict=True)
    }


def _joint_bound(solved: Sequence[_Solved]) -> float:
    """Return a bound on the sum of all plans' costs, USD: the accounts' own, and what clashes cost at the least.

    At any prices the accounts' bounds add up. Over a group in which one account buys and another sells at a loss, the
    household takes the cheaper of two modes, where the accounts' own bounds let each take its own.
    """
    known = [(problem, found) for problem, found in solved if found is not None]
    apart = sum(float(problem.value) * found.bound for problem, found in known)
    together = sum(float(problem.value) * _certified(found) for problem, found in known)
    clashes = sorted(_clashing(solved))
    if clashes:
        modes = np.array([_modes((problem, found), clashes) for problem, found in known])
        together += float(modes.sum(axis=0).min(axis=1).sum() - modes.min(axis=2).sum())
    return max(apart, together)


def _certified(found: Found) -> float:
    everything = np.ones(len(found.table.col), dtype=bool)
    prices = found.solution
    return certify(found.table, everything, factor_price=prices.factor_price, row_price=prices.row_price).bound


def _in_sight_of_each_other(
    snapshots: Sequence[AccountSnapshot],
    settings: Sequence[PlanSettings],
    solved: Sequence[_Solved],
    locks_of: _Locks,
    inputs_hash: Callable[[AccountSnapshot], str],
) -> tuple[MemberPlan, ...]:
    """Plan each account with all others' trades pending: those already made, and what the others intend to do.

    Each sees the final trades of all before it, so every pair is free of wash sales whichever came first.
    """
    made: list[MemberPlan] = []
    for k, snapshot in enumerate(snapshots):
        others = [row for member in made for row in member.trades]
        others += [row for own in solved[k + 1 :] for row in _intended(own)]
        seen = replace(snapshot, pending=(*snapshot.pending, *others))
        plan, run = propose_plan(
            seen, locks_of.market, settings[k], inputs_hash=inputs_hash(seen), locks=locks_of(seen)
        )
        made.append(MemberPlan(snapshot=seen, plan=plan, run=run))
    return tuple(made)


def _intended(solved: _Solved) -> Iterator[Transaction]:
    """Yield the purchases and loss sales of an account's fractional plan as transactions."""
    problem, found = solved
    if found is None:
        return
    names, orders, account_id = problem.names, found.orders(problem), problem.snapshot.account.account_id
    for i in np.flatnonzero(np.abs(found.trade[: len(names)]) > _MOVES).tolist():
        price, buys = names.price(i), bool(found.trade[i] > 0)
        shares = abs(Decimal(found.trade[i]) / Decimal(float(names.unit[i]))).quantize(FRACTION)
        yield from trade_transactions(
            account_id,
            names.security(i).security_id,
            price,
            shares if buys else None,
            () if buys else sales(orders[i], shares, price),
            label=f"intended:{account_id}",
            on=problem.snapshot.as_of,
        )
