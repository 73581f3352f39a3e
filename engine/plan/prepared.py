"""What does the compiled core see of a problem? Its names, lots, limits and rows as flat arrays, made once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.domain.market import Array
from engine.domain.plans import Term
from engine.plan.lots import is_ordered
from engine.plan.problem import Name, Problem

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
    sellable = [name.sellable for name in names]
    lots = [entry for own in sellable for entry in own]
    first = _first(sellable)
    owner = np.repeat(np.arange(n), np.diff(first))
    weight = np.array([entry.weight for entry in lots], dtype=float)
    tax, gain = (
        np.array([entry.tax for entry in lots], dtype=float),
        np.array([entry.gain for entry in lots], dtype=float),
    )
    is_loss = np.array([entry.is_loss for entry in lots], dtype=bool)
    is_long = np.array([entry.term is Term.LONG for entry in lots], dtype=bool)
    disallowed = np.array([entry.disallowed for entry in lots], dtype=bool)
    ordered = is_ordered(problem.settings.lot_method)
    in_order = _flags(ordered or name.loses_in_order for name in names)
    losses = np.concatenate([[0], np.cumsum(is_loss)])
    harmless = ~is_loss & (~in_order[owner] | (losses[:-1] == losses[first[owner]]))  # sold without selling a loss
    held, must_exit = np.array([name.held for name in names]), _flags(name.rules.must_exit for name in names)
    no_buy = _flags(name.rules.no_buy for name in names)
    room = np.where(no_buy, 0.0, np.maximum(0.0, _MOST_BOUGHT - held))
    least, most = _limits(problem)
    all_of_it = np.bincount(owner, weight, minlength=n)
    groups = _groups(problem)
    grouped = np.zeros(n, dtype=bool)
    for group in groups:
        grouped[group] = True
    hinges = [_broken(problem, name) for name in names]
    elastic = [(r, sign, slack) for r, row in enumerate(problem.rows)
               for sign, slack in ((1.0, row.slack_below), (-1.0, row.slack_above)) if slack > 0]  # fmt: skip
    return Prepared(
        held=held,
        shortfall=problem.shortfall,
        cost=np.array([name.cost for name in names]),
        alpha=np.array([name.alpha for name in names]),
        specific=problem.specific,
        impact=problem.impact,
        lo=np.maximum(-all_of_it, least),
        hi=np.where(must_exit, -all_of_it, np.minimum(room, most)),
        lo_gains_only=np.maximum(-np.bincount(owner, np.where(harmless, weight, 0.0), minlength=n), least),
        whole=np.where([len(own) == len(name.lots) for name, own in zip(names, sellable, strict=True)], all_of_it, 0.0),
        must_exit=must_exit,
        grouped=grouped,
        in_order=in_order,
        has_loss=np.bincount(owner, is_loss, minlength=n) > 0,
        hinge_first=_first(hinges),
        hinge_at=np.array([at for own in hinges for at, _ in own], dtype=float),
        hinge_upper=np.array([upper for own in hinges for _, upper in own], dtype=bool),
        lot_first=first,
        lot_weight=weight,
        lot_tax=tax if problem.netting is None else np.where(disallowed, tax, 0.0),
        lot_st_gain=np.where(disallowed | is_long, 0.0, gain),
        lot_lt_gain=np.where(disallowed | ~is_long, 0.0, gain),
        lot_is_loss=is_loss,
        lot_number=np.array([k for name in names for k, entry in enumerate(name.lots) if entry.blocked is None],
                            dtype=np.intp),
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


def _first(parts: Sequence[Sequence[object]]) -> Indices:
    """Return where each part begins, and one past the last."""
    return np.concatenate([[0], np.cumsum([len(part) for part in parts], dtype=np.intp)]).astype(np.intp)


def _flags(answers: Iterable[object]) -> Flags:
    return np.array([bool(answer) for answer in answers], dtype=bool)


def _limits(problem: Problem) -> tuple[Array, Array]:
    """Return the least and the most that names may trade: (n,).

    A limit that is broken and priced stops only what would make it worse. A name that must go has none.
    """
    least, most = [-np.inf] * len(problem.names), [np.inf] * len(problem.names)
    enforced = problem.settings.enforce
    for i, name in enumerate(problem.names):
        for bound in name.bounds:
            limit = 0.0 if bound.is_broken and not enforced else bound.at
            if bound.upper:
                most[i] = min(most[i], limit)
            else:
                least[i] = max(least[i], limit)
    return np.array(least), np.array(most)


def _broken(problem: Problem, name: Name) -> list[tuple[float, bool]]:
    if problem.settings.enforce or name.rules.must_exit:
        return []
    return [(bound.at, bound.upper) for bound in name.bounds if bound.is_broken]


def _groups(problem: Problem) -> tuple[Indices, ...]:
    """Return columns of each wash-sale group with several names, in accounts where a loss has a tax meaning."""
    if not problem.snapshot.account.registration.is_taxable:
        return ()
    members: dict[str, list[int]] = {}
    for i, name in enumerate(problem.names):
        members.setdefault(name.security.group, []).append(i)
    return tuple(np.array(columns) for _, columns in sorted(members.items()) if len(columns) > 1)
