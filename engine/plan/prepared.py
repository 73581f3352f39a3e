"""What does the compiled core see of a problem? Its names, lots, limits and rows as flat arrays, made once."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.domain.market import Array
from engine.plan.lots import is_ordered
from engine.plan.problem import Problem

Indices = NDArray[np.intp]
Flags = NDArray[np.bool_]
_MOST_BOUGHT: Final = 1.0  # a name is bought up to this weight at most, what is held included


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A problem as arrays.

    Names (n,): held, shortfall, cost, alpha, specific, impact; lo and hi of the trade, limits included, lo_gains_only
    where no loss may be sold; whole: the holding where all of it may be sold, else 0; must_exit, grouped, in_order
    (lots are sold as they come, whatever their tax), has_loss.
    Hinges, limits that are broken and priced, of name i: hinge_first[i] to hinge_first[i + 1]; at, upper.
    Lots that may be sold, of name i: lot_first[i] to lot_first[i + 1]; weight; tax, st_gain and lt_gain per dollar
    sold; is_loss; number among all lots of the name. A disallowed loss has the tax it may still save one day, and no
    gain; where gains are netted over the year, every other lot has its gains alone.
    Rows (m,): up, down (m, n); st, lt: what a dollar of realised gain adds; lo, hi. Elastic columns (e,): extra_row,
    extra_sign, extra_hi, one for each side of a row that is broken and priced. groups: columns of securities that are
    substantially identical to each other.
    """

    held: Array
    shortfall: Array
    cost: Array
    alpha: Array
    specific: Array
    impact: Array
    lo: Array
    hi: Array
    lo_gains_only: Array
    whole: Array
    must_exit: Flags
    grouped: Flags
    in_order: Flags
    has_loss: Flags
    hinge_first: Indices
    hinge_at: Array
    hinge_upper: Flags
    lot_first: Indices
    lot_weight: Array
    lot_tax: Array
    lot_st_gain: Array
    lot_lt_gain: Array
    lot_is_loss: Flags
    lot_number: Indices
    up: Array
    down: Array
    st: Array
    lt: Array
    row_lo: Array
    row_hi: Array
    extra_row: Indices
    extra_sign: Array
    extra_hi: Array
    groups: tuple[Indices, ...]


def prepared(problem: Problem) -> Prepared:
    """Return the problem's arrays; they depend on nothing but the problem."""
    names, n = problem.names, len(problem.names)
    table = names.lots
    sellable = np.flatnonzero(table.blocked == 0)
    everyone = table.owner
    owner = everyone[sellable]
    count = np.bincount(owner, minlength=n)
    first = _first(count)
    weight, tax, gain = table.weight[sellable], table.tax[sellable], table.gain[sellable]
    is_loss, is_long, disallowed = table.is_loss[sellable], table.is_long[sellable], table.disallowed[sellable]
    in_order = names.loses_in_order | is_ordered(problem.settings.lot_method)
    losses = np.concatenate([[0], np.cumsum(is_loss)])
    harmless = ~is_loss & (~in_order[owner] | (losses[:-1] == losses[first[owner]]))  # sold without selling a loss
    held, must_exit, no_buy = names.held, names.rulings.must_exit, names.rulings.no_buy
    room = np.where(no_buy, 0.0, np.maximum(0.0, _MOST_BOUGHT - held))
    least, most = limits(problem)
    all_of_it = np.bincount(owner, weight, minlength=n)
    groups = _groups(problem)
    grouped = np.zeros(n, dtype=bool)
    for group in groups:
        grouped[group] = True
    hinges = _broken(problem)
    elastic = [(r, sign, slack) for r, row in enumerate(problem.rows)
               for sign, slack in ((1.0, row.slack_below), (-1.0, row.slack_above)) if slack > 0]  # fmt: skip
    return Prepared(
        held=held,
        shortfall=problem.shortfall,
        cost=names.cost,
        alpha=names.alpha,
        specific=names.specific,
        impact=names.impact,
        lo=np.maximum(-all_of_it, least),
        hi=np.where(must_exit, -all_of_it, np.minimum(room, most)),
        lo_gains_only=np.maximum(-np.bincount(owner, np.where(harmless, weight, 0.0), minlength=n), least),
        whole=np.where(count == np.diff(table.first), all_of_it, 0.0),
        must_exit=must_exit,
        grouped=grouped,
        in_order=in_order,
        has_loss=np.bincount(owner, is_loss, minlength=n) > 0,
        hinge_first=_first(np.bincount(names.bounds.owner[hinges], minlength=n)),
        hinge_at=names.bounds.at[hinges],
        hinge_upper=names.bounds.upper[hinges],
        lot_first=first,
        lot_weight=weight,
        lot_tax=tax if problem.netting is None else np.where(disallowed, tax, 0.0),
        lot_st_gain=np.where(disallowed | is_long, 0.0, gain),
        lot_lt_gain=np.where(disallowed | ~is_long, 0.0, gain),
        lot_is_loss=is_loss,
        lot_number=sellable - table.first[owner],
        up=np.array([row.up for row in problem.rows]).reshape(len(problem.rows), n),
        down=np.array([row.down for row in problem.rows]).reshape(len(problem.rows), n),
        st=np.array([row.st for row in problem.rows]),
        lt=np.array([row.lt for row in problem.rows]),
        row_lo=np.array([row.lo for row in problem.rows]),
        row_hi=np.array([row.hi for row in problem.rows]),
        extra_row=np.array([r for r, _, _ in elastic], dtype=np.intp),
        extra_sign=np.array([sign for _, sign, _ in elastic], dtype=float),
        extra_hi=np.array([slack for _, _, slack in elastic], dtype=float),
        groups=groups,
    )  # fmt: skip


def _first(counts: Indices) -> Indices:
    """Return where each name's own begin, and one past the last."""
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.intp)


def limits(problem: Problem) -> tuple[Array, Array]:
    """Return the least and the most that names may trade: (n,).

    A limit that is broken and priced stops only what would make it worse. A name that must go has none.
    """
    least, most = np.full(len(problem.names), -np.inf), np.full(len(problem.names), np.inf)
    bounds = problem.names.bounds
    at = bounds.at if problem.settings.enforce else np.where(bounds.is_broken, 0.0, bounds.at)
    np.minimum.at(most, bounds.owner[bounds.upper], at[bounds.upper])
    np.maximum.at(least, bounds.owner[~bounds.upper], at[~bounds.upper])
    return least, most


def _broken(problem: Problem) -> Indices:
    """Return the limits that are broken and priced."""
    if problem.settings.enforce:
        return np.empty(0, dtype=np.intp)
    return np.flatnonzero(problem.names.bounds.is_broken)


def _groups(problem: Problem) -> tuple[Indices, ...]:
    """Return columns of each wash-sale group with several names, in accounts where a loss has a tax meaning."""
    if not problem.snapshot.account.registration.is_taxable:
        return ()
    group = problem.names.listing.group[problem.names.code]
    shared = np.flatnonzero(np.bincount(group) > 1)
    return tuple(np.flatnonzero(group == one) for one in shared.tolist())
