"""Which lots, and how much of each, where realised gains have a price? The exact program on chosen sides, lot by lot.

Where a rule counts gains, no fixed order of lots need be the best: at the price of gains where two lots tie, one saving
more tax and the other realising less gain, a mix of both meets the rule exactly. With the sides chosen the program is
convex with every lot free; it gives that mix, and the price. Solved by Clarabel.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy import sparse

from engine.domain.market import Array
from engine.plan.envelope import Chains, chosen_chains
from engine.plan.pieces import PieceTable
from engine.plan.prepared import Flags, Indices, Prepared
from engine.plan.problem import Problem

_TOLERANCE: Final = 1e-10
_WORKS: Final = "Solved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """trade u (columns,); sold (lots,): weight of each lot in the order of problem.prepared; cost: the objective.

    factor_price (k,), row_price and rows (m,): as in a Solution.
    """

    trade: Array
    rows: Array
    sold: Array
    cost: float
    factor_price: Array
    row_price: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """The program's variables: y (k,), fill of chain segments (j,), sold of lots (l,), excess over hinges (h,)."""

    problem: Problem
    table: PieceTable
    chains: Chains
    pieces: Indices
    by_lot: Flags  # (columns,): whose lots are free
    fixed: Flags  # segments: of columns that are not by lot
    lots: Indices
    owner: Indices  # of each lot
    hinges: Indices
    hinge_owner: Indices


def mixed_lots(
    problem: Problem, table: PieceTable, pieces: Indices, *, tracking_error: float | None = None
) -> Mix | None:
    """Return the optimum on one piece for each column with the lots of sales free; None where Clarabel finds none.

    tracking_error: annual, at most this much; a second-order cone.
    """
    parts = _parts(problem, table, pieces)
    p, frame, chains = problem.prepared, table.frame, parts.chains
    k, j, lots, h = table.exposures.shape[1], int(parts.fixed.sum()), len(parts.lots), len(parts.hinges)
    sign_to_column = sparse.csr_array(
        (
            np.concatenate([np.ones(j), -np.ones(lots)]),
            (np.concatenate([chains.col[parts.fixed], parts.owner]), np.arange(j + lots)),
        ),
        shape=(frame.columns, j + lots),
    )
    start = np.where(parts.by_lot, 0.0, chains.start)
    rates = _rates(parts)
    # Cost: 1/2 y'y, the chains' own, and for names by lot tax, cost and specific risk of -sum of their lots.
    per_sold = sign_to_column[:, j:]
    delta, impact = frame.aversion * p.specific, p.impact
    own = np.zeros(frame.columns)
    own[: len(delta)] = np.where(parts.by_lot[: len(delta)], 2.0 * (delta + impact), 0.0)
    quadratic = sparse.block_diag(
        [
            sparse.eye_array(k),
            sparse.diags_array(chains.curvature[parts.fixed]),
            per_sold.T @ sparse.diags_array(own) @ per_sold if lots else sparse.csc_array((0, 0)),
            sparse.csc_array((h, h)),
        ],
        format="csc",
    )
    names = parts.owner
    lot_cost = (
        problem.settings.tax_weight * p.lot_tax[parts.lots]
        + p.cost[names]
        + p.alpha[names]
        + 2.0 * delta[names] * p.shortfall[names]
    )
    linear = np.concatenate([np.zeros(k), chains.gradient[parts.fixed], lot_cost, np.full(h, problem.penalty)])
    # Equations: y = y0 + exposures' u. Inequalities A x <= b: rows, boxes, pieces' ends, hinges.
    to_factors = sparse.csr_array(table.exposures[:-1].T @ sign_to_column.toarray() if k else (0, j + lots))
    equal = sparse.hstack([sparse.eye_array(k), -to_factors, sparse.csr_array((k, h))])
    right = table.y0 + start @ table.exposures[:-1]
    at = np.zeros(len(frame.st))
    at[frame.straight] = frame.up[frame.straight] @ start
    at[frame.bent] = _bent_start(parts)
    upper, lower = np.isfinite(table.hi_rows), np.isfinite(table.lo_rows)
    wide = sparse.hstack(
        [sparse.csr_array((len(at), k)), sparse.csr_array(rates), sparse.csr_array((len(at), h))]
    ).tocsr()
    columns = np.flatnonzero(parts.by_lot)
    low, high = table.lo[pieces][columns], table.hi[pieces][columns]
    trades = sparse.hstack(
        [sparse.csr_array((len(columns), k)), sign_to_column.tocsr()[columns], sparse.csr_array((len(columns), h))]
    ).tocsr()
    side = np.where(p.hinge_upper[parts.hinges], 1.0, -1.0)
    moved = sign_to_column.tocsr()[parts.hinge_owner] if h else sparse.csr_array((0, j + lots))
    over = sparse.hstack([sparse.csr_array((h, k)), sparse.diags_array(side) @ moved, -sparse.eye_array(h)])
    size = k + j + lots + h
    box = sparse.eye_array(size, format="csr")[k:]
    most = np.concatenate([chains.length[parts.fixed], p.lot_weight[parts.lots]])
    less = sparse.vstack([equal, wide[upper], -wide[lower], trades, -trades, over, -box, box[: j + lots]], format="csc")
    bound = np.concatenate(
        [
            right,
            (table.hi_rows - at)[upper],
            (at - table.lo_rows)[lower],
            high,
            -low,
            side * p.hinge_at[parts.hinges],
            np.zeros(size - k),
            most,
        ]
    )
    cone: tuple[Any, Array] | None = None
    if tracking_error is not None:
        cone = _within(parts, sign_to_column, start, tracking_error, left=k, right=h)
    answer = _clarabel(quadratic, linear, less, bound, equations=k, cone=cone)
    if answer is None:
        return None
    x, z = answer
    fill = np.clip(x[k : k + j], 0.0, chains.length[parts.fixed])
    mixed = np.clip(x[k + j : k + j + lots], 0.0, p.lot_weight[parts.lots])
    trade = start + sign_to_column @ np.concatenate([fill, mixed])
    owner = np.repeat(np.arange(len(p.held)), np.diff(p.lot_first))
    sold = np.where(parts.by_lot[owner], 0.0, sold_in_order(problem, table, pieces, trade))
    sold[parts.lots] = mixed
    row_price = np.zeros(len(at))
    row_price[upper] += z[k : k + upper.sum()]
    row_price[lower] -= z[k + upper.sum() : k + upper.sum() + lower.sum()]
    return Mix(
        trade=trade,
        rows=at + rates @ np.concatenate([fill, mixed]),
        sold=sold,
        cost=_cost(parts, trade, fill, sold),
        factor_price=table.y0 + trade @ table.exposures[:-1],
        row_price=row_price,
    )


def _within(
    parts: _Parts, moves: Any, start: Array, tracking_error: float, *, left: int, right: int
) -> tuple[Any, Array]:
    """Return A and b of |b - A x| in the cone: (cap, L'd, D^1/2 d), with d = u - shortfall of the names."""
    p, problem = parts.problem.prepared, parts.problem
    n, deep = len(p.held), np.sqrt(p.specific)
    own = moves.tocsr()[:n]
    before = start[:n] - p.shortfall
    factors = sparse.csr_array(problem.loadings.T @ own.toarray())
    part = sparse.vstack([sparse.csr_array((1, own.shape[1])), -factors, -sparse.diags_array(deep) @ own])
    rows = part.shape[0]
    matrix = sparse.hstack([sparse.csr_array((rows, left)), part, sparse.csr_array((rows, right))], format="csc")
    return matrix, np.concatenate([[tracking_error * (1.0 - _TOLERANCE)], before @ problem.loadings, deep * before])


def _parts(problem: Problem, table: PieceTable, pieces: Indices) -> _Parts:
    p, chains = problem.prepared, chosen_chains(table, pieces)
    n = len(p.held)
    by_lot, owner = _sold_by_lot(p, table, pieces), np.repeat(np.arange(n), np.diff(p.lot_first))
    usable = lots_are_free(problem, table, pieces)
    hinge_owner = np.repeat(np.arange(n), np.diff(p.hinge_first))
    hinges = np.flatnonzero(by_lot[hinge_owner])
    return _Parts(
        problem=problem,
        table=table,
        chains=chains,
        pieces=pieces,
        by_lot=by_lot,
        fixed=~by_lot[chains.col],
        lots=np.flatnonzero(usable),
        owner=owner[usable],
        hinges=hinges,
        hinge_owner=hinge_owner[hinges],
    )


def _sold_by_lot(p: Prepared, table: PieceTable, pieces: Indices) -> Flags:
    """Return the columns that only sell, in whatever order of lots: (columns,)."""
    n = len(p.held)
    by_lot = np.zeros(table.columns, dtype=bool)
    by_lot[:n] = ~p.in_order & (table.lo[pieces[:n]] < 0) & (table.hi[pieces[:n]] <= 0) & (np.diff(p.lot_first) > 0)
    return by_lot


def lots_are_free(problem: Problem, table: PieceTable, pieces: Indices) -> Flags:
    """Return the lots that these pieces may sell in any order: (lots,), in the order of problem.prepared."""
    p = problem.prepared
    owner = np.repeat(np.arange(len(p.held)), np.diff(p.lot_first))
    return _sold_by_lot(p, table, pieces)[owner] & ~(table.gains_only[pieces[owner]] & p.lot_is_loss)


def sold_in_order(problem: Problem, table: PieceTable, pieces: Indices, trade: Array) -> Array:
    """Return the weight sold of each lot (lots,) where each is sold out before the next in the table's order."""
    p, order = problem.prepared, table.order
    owner = np.repeat(np.arange(len(p.held)), np.diff(p.lot_first))[order]
    stays = table.gains_only[pieces[owner]] & ~p.in_order[owner] & p.lot_is_loss[order]
    weight = np.where(stays, 0.0, p.lot_weight[order])
    before = np.cumsum(weight) - weight
    before -= before[p.lot_first[owner]]
    sold = np.empty(len(order))
    sold[order] = np.clip(-trade[owner] - before, 0.0, weight)
    return sold


def _rates(parts: _Parts) -> Array:
    """Return what each segment and each lot sold adds to each row: (m, j + l)."""
    frame, p = parts.table.frame, parts.problem.prepared
    sold = (
        frame.down[:, parts.owner]
        + np.outer(frame.st, p.lot_st_gain[parts.lots])
        + np.outer(frame.lt, p.lot_lt_gain[parts.lots])
    )
    return np.hstack([parts.chains.rates[:, parts.fixed], sold])


def _bent_start(parts: _Parts) -> Array:
    """Return what the bent rows come to where every chain begins and no free lot is sold."""
    at = parts.table.bent_at[:, parts.pieces]
    return np.asarray(at[:, ~parts.by_lot].sum(axis=1))


def _cost(parts: _Parts, trade: Array, fill: Array, sold: Array) -> float:
    """Return the exact objective, lots sold as given."""
    p: Prepared = parts.problem.prepared
    table, chains, n = parts.table, parts.chains, len(p.held)
    y = table.y0 + trade @ table.exposures[:-1]
    gradient, curvature = chains.gradient[parts.fixed], chains.curvature[parts.fixed]
    total = float(y @ y / 2.0 + (gradient + curvature * fill / 2.0) @ fill)
    total += float(table.value[parts.pieces][~parts.by_lot].sum())
    mixed = parts.pieces[parts.by_lot]
    total += float(table.per_trade * table.trades[mixed].sum() + table.per_name * table.holds[mixed].sum())
    mine = np.flatnonzero(parts.by_lot[:n])
    u = trade[mine]
    total += float(table.frame.aversion * p.specific[mine] @ (u - p.shortfall[mine]) ** 2 + p.impact[mine] @ (u * u))
    total -= float((p.cost[mine] + p.alpha[mine]) @ u)
    total += parts.problem.settings.tax_weight * float(p.lot_tax[parts.lots] @ sold[parts.lots])
    beyond = trade[parts.hinge_owner] - p.hinge_at[parts.hinges]
    total += parts.problem.penalty * float(
        np.maximum(np.where(p.hinge_upper[parts.hinges], beyond, -beyond), 0.0).sum()
    )
    return total


def _clarabel(
    quadratic: Any, linear: Array, matrix: Any, bound: Array, *, equations: int, cone: tuple[Any, Array] | None
) -> tuple[Array, Array] | None:
    """Return x and the constraints' prices of min 1/2 x'Px + q'x subject to Ax = b (the first), Ax <= b (the rest).

    cone: further A and b with b - Ax in a second-order cone.
    """
    import clarabel  # comes with cvxpy, and only rules that count gains need it

    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = _TOLERANCE
    cones = [clarabel.ZeroConeT(equations), clarabel.NonnegativeConeT(len(bound) - equations)]
    if cone is not None:
        cones.append(clarabel.SecondOrderConeT(len(cone[1])))
        matrix, bound = sparse.vstack([matrix, cone[0]], format="csc"), np.concatenate([bound, cone[1]])
    found = clarabel.DefaultSolver(sparse.triu(quadratic, format="csc"), linear, matrix, bound, cones, settings).solve()
    if str(found.status) != _WORKS:
        return None
    return np.array(found.x), np.array(found.z)
