"""What is the best plan of a small account? Every combination of sides, each a convex program written from scratch.

A name buys, rests, sells its lots in any mix, sells its gains alone, or leaves altogether. Uses the problem's names and
rows, and nothing of pieces, envelopes or prices. Clarabel solves each combination.
"""

from dataclasses import dataclass
from itertools import product

import clarabel
import numpy as np
from scipy import sparse

BUY, REST, SELL, SELL_GAINS, LEAVE = "buy", "rest", "sell", "sell gains", "leave"


@dataclass(frozen=True)
class Best:
    """objective: fraction of V; trade (n,): weights; sides; sold: weight by (name's number, lot's number)."""

    objective: float
    trade: np.ndarray
    sides: tuple
    sold: dict


def best_plan(problem, *, tax_lines=None):
    """Return the best plan over all combinations of sides; None where none obeys the rules.

    tax_lines: regions of the year's tax, each rules (a, b, c), a S + b L <= c, and (a, b, c) of the tax a S + b L + c,
    on net gains S and L of the plan alone; every other tax is then left out but that of disallowed losses.
    """
    best = None
    for sides in product(*(list(sides_of(problem, name)) for name in problem.names)):
        if washes(problem, sides) or counts(problem, sides) is None:
            continue
        for region in tax_lines or (None,):
            found = on_sides(problem, sides, region=region)
            if found is not None and (best is None or found.objective < best.objective):
                best = found
    return best


def sides_of(problem, name):
    """What a name may do. Where nothing is counted, and a twin does not mind, resting is buying nothing."""
    most = len(name.sellable)
    if name.rules.must_exit:
        yield LEAVE if most == len(name.lots) else SELL
        return
    settings = problem.settings
    counted = settings.max_trades is not None or settings.max_names is not None
    can_buy = not name.rules.no_buy
    if counted or problem.min_trade > 0 or not can_buy or is_grouped(problem, name):
        yield REST
    if can_buy:
        yield BUY
    if most:
        yield SELL
        if counted or problem.min_trade > 0:
            yield from [LEAVE] if most == len(name.lots) else []
        if is_grouped(problem, name):
            yield SELL_GAINS


def is_grouped(problem, name):
    group = name.security.group
    taxable = problem.snapshot.account.registration.is_taxable
    return taxable and sum(other.security.group == group for other in problem.names) > 1


def washes(problem, sides):
    """Whether a group is bought and sold at a loss."""
    bought = {name.security.group for name, side in zip(problem.names, sides, strict=True) if side == BUY}
    lost = {
        name.security.group
        for name, side in zip(problem.names, sides, strict=True)
        if side in (SELL, LEAVE) and any(lot.is_loss for lot in name.sellable) and is_grouped(problem, name)
    }
    return bool(bought & lost)


def counts(problem, sides):
    """Return (trades, names held) of these sides; None where there are too many."""
    pairs = list(zip(problem.names, sides, strict=True))
    trades = sum(side != REST and not (name.rules.must_exit and not name.sellable) for name, side in pairs)
    held = sum((name.held > 0 and side != LEAVE) or side == BUY for name, side in pairs)
    settings = problem.settings
    if settings.max_trades is not None and trades > settings.max_trades:
        return None
    if settings.max_names is not None and not settings.liquidate and held > settings.max_names:
        return None
    return trades, held


def on_sides(problem, sides, *, region=None, cap=True):
    """Return the best plan on these sides, or None where there is none."""
    program = _Program(problem, sides)
    program.keep_sides()
    program.keep_rows()
    if region is not None:
        program.tax_by_line(*region)
    return program.solve(cap=problem.settings.max_tracking_error if cap and not problem.settings.liquidate else None)


class _Program:
    """Variables: bought weight of each name that buys, sold weight of each lot that may go, excess over limits."""

    def __init__(self, problem, sides):
        self.problem, self.sides = problem, sides
        self.bought = [i for i, side in enumerate(sides) if side == BUY]
        self.lots = [
            (i, k)
            for i, (name, side) in enumerate(zip(problem.names, sides, strict=True))
            if side in (SELL, LEAVE, SELL_GAINS)
            for k, lot in enumerate(name.sellable)
            if side != SELL_GAINS or not lot.is_loss
        ]
        self.n, self.size = len(problem.names), len(self.bought) + len(self.lots)
        self.up, self.down = np.zeros((self.n, self.size)), np.zeros((self.n, self.size))
        for at, i in enumerate(self.bought):
            self.up[i, at] = 1.0
        for at, (i, _) in enumerate(self.lots, start=len(self.bought)):
            self.down[i, at] = 1.0
        self.move = self.up - self.down
        self.cost = np.zeros(self.size)
        self.constant = 0.0
        self.upper, self.equal = [], []  # (row, right side)
        self.excess = []  # (row, right side) of max(row x - right, 0), at the price of a breach

    def lot(self, entry):
        i, k = entry
        return self.problem.names[i].sellable[k]

    def at_most(self, row, right):
        self.upper.append((row, right))

    def keep_sides(self):
        problem = self.problem
        for at in range(self.size):
            self.at_most(-np.eye(self.size)[at], 0.0)
        for at, entry in enumerate(self.lots, start=len(self.bought)):
            lot = self.lot(entry)
            leaves = self.sides[entry[0]] == LEAVE or problem.names[entry[0]].rules.must_exit
            self.at_most(np.eye(self.size)[at], lot.weight)
            if leaves:
                self.equal.append((np.eye(self.size)[at], lot.weight))
            taxed = problem.netting is None or lot.disallowed
            self.cost[at] += problem.settings.tax_weight * lot.tax * taxed
        for i, (name, side) in enumerate(zip(problem.names, self.sides, strict=True)):
            self.cost += name.cost * (self.up[i] + self.down[i]) - name.alpha * self.move[i]
            if side == BUY:
                self.at_most(self.move[i], max(0.0, 1.0 - name.held))
            if side in (BUY, SELL, SELL_GAINS) and problem.min_trade > 0 and not name.rules.must_exit:
                self.at_most(-(self.up[i] + self.down[i]), -problem.min_trade)
            for bound in name.bounds:
                sign = 1.0 if bound.upper else -1.0
                if bound.is_broken and not problem.settings.enforce:
                    self.at_most(sign * self.move[i], 0.0)
                    self.excess.append((sign * self.move[i], sign * bound.at))
                else:
                    self.at_most(sign * self.move[i], sign * bound.at)

    def gains(self):
        """What each variable adds to net short-term and long-term gains."""
        st, lt = np.zeros(self.size), np.zeros(self.size)
        for at, entry in enumerate(self.lots, start=len(self.bought)):
            lot = self.lot(entry)
            (lt if lot.term.value == "LT" else st)[at] = lot.counted_gain
        return st, lt

    def keep_rows(self):
        st, lt = self.gains()
        for row in self.problem.rows:
            value = row.up @ self.up + row.down @ self.down + row.st * st + row.lt * lt
            for sign, limit, slack in ((1.0, row.hi, row.slack_above), (-1.0, row.lo, row.slack_below)):
                if np.isfinite(limit):
                    self.at_most(sign * value, sign * limit + slack)
                    if slack > 0:
                        self.excess.append((sign * value, sign * limit))

    def tax_by_line(self, rules, line):
        st, lt = self.gains()
        weight = self.problem.settings.tax_weight
        for a, b, c in rules:
            self.at_most(a * st + b * lt, c)
        self.cost += weight * (line[0] * st + line[1] * lt)
        self.constant += weight * line[2]

    def solve(self, *, cap=None):
        problem, n, size, more = self.problem, self.n, self.size, len(self.excess)
        a = problem.shortfall
        risk = np.hstack([problem.loadings, np.diag(np.sqrt(problem.specific))]).T  # |risk (u - a)|^2 is the variance
        matrix = risk @ self.move
        half = problem.settings.risk_aversion * matrix.T @ matrix + self.move.T @ np.diag(problem.impact) @ self.move
        linear = self.cost - 2 * problem.settings.risk_aversion * matrix.T @ (risk @ a)
        constant = self.constant + problem.settings.risk_aversion * float((risk @ a) @ (risk @ a))
        upper = [(np.concatenate([row, np.zeros(more)]), right) for row, right in self.upper]
        for k, (row, right) in enumerate(self.excess):
            beyond = np.zeros(more)
            beyond[k] = -1.0
            upper.append((np.concatenate([row, beyond]), right))
            upper.append((np.concatenate([np.zeros(size), beyond]), 0.0))
        equal = [(np.concatenate([row, np.zeros(more)]), right) for row, right in self.equal]
        if size + more == 0:
            x = np.zeros(0)
            if any(right < -1e-9 for _, right in upper) or (cap is not None and np.linalg.norm(risk @ a) > cap + 1e-9):
                return None
        else:
            rows, right = [row for row, _ in equal + upper], [r for _, r in equal + upper]
            cones = [clarabel.ZeroConeT(len(equal))] * bool(equal) + [clarabel.NonnegativeConeT(len(upper))]
            if cap is not None:  # (cap, risk (u - a)) in the second-order cone
                rows += [np.zeros(size + more), *np.hstack([-matrix, np.zeros((len(matrix), more))])]
                right += [cap, *(-risk @ a)]
                cones.append(clarabel.SecondOrderConeT(1 + len(matrix)))
            x = _clarabel(
                sparse.block_diag([2 * half, np.zeros((more, more))], format="csc"),
                np.concatenate([linear, np.full(more, problem.penalty)]), np.array(rows), np.array(right), cones,
            )  # fmt: skip
            if x is None:
                return None
        t, over = x[:size], x[size:]
        return Best(
            objective=float(t @ half @ t + linear @ t + problem.penalty * over.sum() + constant),
            trade=self.move @ t if size else np.zeros(n),
            sides=self.sides,
            sold={entry: float(t[at]) for at, entry in enumerate(self.lots, start=len(self.bought))},
        )


def _clarabel(quadratic, linear, rows, right, cones):
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-11
    answer = clarabel.DefaultSolver(
        sparse.triu(quadratic, format="csc"), linear, sparse.csc_matrix(rows), right, cones, settings
    ).solve()
    if "Infeasible" in str(answer.status):
        return None
    assert str(answer.status) in ("Solved", "AlmostSolved"), answer.status
    return np.array(answer.x)
