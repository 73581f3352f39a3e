"""Can the rules be obeyed at all? A mixed-integer program over the pieces answers for sure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy import sparse

from engine.domain.errors import SolverFailed
from engine.domain.market import Array
from engine.plan.certificate import group_modes
from engine.plan.pieces import PieceTable
from engine.plan.prepared import Flags, Indices

_INFEASIBLE: Final = 2  # scipy's status for it
_MOST_SLACK: Final = 10.0
_Limits = tuple[Any, float | Array, float | Array]  # a matrix, and the lowest and highest of its product


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Trades u (columns,) of which slope'u may be no more than at_most."""

    slope: Array
    at_most: float


def feasible_pieces(
    table: PieceTable,
    allowed: Flags,
    *,
    max_trades: int | None = None,
    max_names: int | None = None,
    cuts: Sequence[Cut] = (),
    excluded: Sequence[Indices] = (),
) -> Indices | None:
    """Return one piece for each column on which some trade obeys every row, or None where there is none.

    max_trades, max_names: at most so many trades, and names held afterwards. excluded: choices of pieces that will not
    do. Raises SolverFailed when the program ends without an answer.
    """
    counts = _counted(table, max_trades, max_names)
    for pieces in excluded:
        counts.append((np.bincount(pieces, minlength=len(table.col)).astype(float), table.columns - 1))
    answer = _solve(table, allowed, slack_row=None, upper=True, counts=counts, cuts=cuts)
    if answer is None:
        return None
    chosen = np.flatnonzero(answer[: len(table.col)] > 0.5)
    return np.asarray(chosen[np.argsort(table.col[chosen], kind="stable")])


def least_slack(
    table: PieceTable, row: int, *, upper: bool, max_trades: int | None = None, max_names: int | None = None
) -> float | None:
    """Return by how much one side of one row must give so that all other rules can be obeyed; None if none suffices."""
    counts = _counted(table, max_trades, max_names)
    answer = _solve(table, np.ones(len(table.col), dtype=bool), slack_row=row, upper=upper, counts=counts)
    return None if answer is None else float(answer[-1])


def least_count(table: PieceTable, counted: Array) -> int | None:
    """Return how few of the counted pieces (p,) a plan that obeys every row needs; None where there is no plan."""
    answer = _solve(table, np.ones(len(table.col), dtype=bool), slack_row=None, upper=True, least=counted)
    return None if answer is None else round(float(counted @ np.round(answer[: len(table.col)])))


def _counted(table: PieceTable, max_trades: int | None, max_names: int | None) -> list[tuple[Array, int]]:
    limits = ((table.trades, max_trades), (table.holds, max_names))
    return [(counted, limit) for counted, limit in limits if limit is not None]


def _solve(
    table: PieceTable,
    allowed: Flags,
    *,
    slack_row: int | None,
    upper: bool,
    counts: Sequence[tuple[Array, int]] = (),
    least: Array | None = None,
    cuts: Sequence[Cut] = (),
) -> Array | None:
    """Solve for one binary for each piece, one for each group's mode, the filling of each segment, and the slack."""
    from scipy.optimize import Bounds, milp  # takes 0.2 s to load, and few plans need it

    if len(set(table.col[allowed].tolist())) < table.columns:
        return None
    pieces, segments, groups = len(table.col), len(table.piece), len(table.groups)
    size = pieces + groups + segments + 1
    slack = np.zeros((len(table.rows), 1))
    if slack_row is not None:
        slack[slack_row] = -1.0 if upper else 1.0
    cost, bound = np.zeros(size), np.concatenate([allowed.astype(float), np.ones(groups), table.length, [0.0]])
    cost[-1], bound[-1] = 1.0, 0.0 if slack_row is None else _MOST_SLACK
    if least is not None:
        cost[:pieces] = least
    beyond = np.zeros(size - pieces)
    limited: list[_Limits] = [(np.concatenate([counted, beyond]), -np.inf, limit) for counted, limit in counts]
    limited += [_cut(table, cut) for cut in cuts]
    answer = milp(
        cost,
        integrality=np.repeat([1, 0], [pieces + groups, segments + 1]),
        bounds=Bounds(np.zeros(size), bound),
        constraints=[
            *_one_piece_each(table),
            (
                np.hstack([table.rows, np.zeros((len(table.rows), groups)), table.rates, slack]),
                table.lo_rows,
                table.hi_rows,
            ),
            *_one_mode_each(table),
            *limited,
        ],
    )
    if answer.status == _INFEASIBLE:
        return None
    if answer.status != 0:
        raise SolverFailed(f"feasibility program: {answer.message}")
    return np.asarray(answer.x)


def _cut(table: PieceTable, cut: Cut) -> _Limits:
    """Each piece adds where it begins, each segment how far it is filled."""
    at_start, along = cut.slope[table.col] * table.lo, cut.slope[table.col[table.piece]]
    return np.concatenate([at_start, np.zeros(len(table.groups)), along, [0.0]]), -np.inf, cut.at_most


def _one_piece_each(table: PieceTable) -> list[_Limits]:
    """Each column is on one piece, and only that piece's segments are filled."""
    pieces, segments, groups = len(table.col), len(table.piece), len(table.groups)
    ones = sparse.csr_array((np.ones(pieces), (table.col, np.arange(pieces))), shape=(table.columns, pieces))
    opened = sparse.csr_array((-table.length, (np.arange(segments), table.piece)), shape=(segments, pieces))
    rest = sparse.csr_array((table.columns, groups + segments + 1))
    blank, last = sparse.csr_array((segments, groups)), sparse.csr_array((segments, 1))
    return [
        (sparse.hstack([ones, rest]), 1, 1),
        (sparse.hstack([opened, blank, sparse.eye_array(segments), last]), -np.inf, 0),
    ]


def _one_mode_each(table: PieceTable) -> list[_Limits]:
    """A group buys nothing (mode 0) or sells nothing at a loss (mode 1)."""
    rules: list[_Limits] = []
    size = len(table.col) + len(table.groups) + len(table.piece) + 1
    no_buys, no_losses = group_modes(table)
    for g, group in enumerate(table.groups):
        for stopped, mode in ((~no_buys, 0.0), (~no_losses, 1.0)):
            for piece in np.flatnonzero(stopped & np.isin(table.col, group)):
                row = np.zeros(size)
                row[piece] = 1.0
                row[len(table.col) + g] = -1.0 if mode == 0.0 else 1.0
                rules.append((row, -np.inf, mode))
    return rules
