"""The interior-point method reaches the optimum: proved by duality in the test, and held against Clarabel and HiGHS."""

from dataclasses import dataclass, field

import clarabel
import numpy as np
import pytest
from scipy import sparse
from scipy.optimize import linprog

from engine.plan.interior_point import gather, interior_point

ITERATIONS, TOLERANCE = 60, 1e-8
RANDOM = range(60)


@dataclass
class Chain:
    """min |y|^2 / 2 + sum g t + c t^2 / 2 with y = offset + map'u, lo <= rows <= hi: straight rows, then bent ones.

    apart: how many of the straight rows, at their end, have no column in common.
    """

    col: np.ndarray
    length: np.ndarray
    gradient: np.ndarray
    curvature: np.ndarray
    factors: np.ndarray  # (columns, k)
    straight: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))  # (m1, columns)
    bent: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))  # (m2, j)
    offset: np.ndarray = field(default_factory=lambda: np.zeros(0))
    lo: np.ndarray = field(default_factory=lambda: np.zeros(0))
    hi: np.ndarray = field(default_factory=lambda: np.zeros(0))
    apart: int = 0

    def __post_init__(self):
        columns = len(self.factors)
        if not self.straight.size:
            self.straight = np.zeros((0, columns))
        if not self.bent.size:
            self.bent = np.zeros((0, len(self.col)))
        if not len(self.offset):
            self.offset = np.zeros(self.k + len(self.lo))

    @property
    def k(self):
        return self.factors.shape[1]

    @property
    def rates(self):
        """What a unit of each segment adds to each factor and row: (k + m, j)."""
        return np.vstack([self.factors[self.col].T, self.straight[:, self.col], self.bent])

    def solve(self, *, near=None, push=1e-2, slack_price=0.0, tolerance=TOLERANCE):
        matrix = np.zeros((len(self.factors) + 1, self.k + len(self.straight)))
        matrix[:-1] = np.hstack([self.factors, self.straight.T])
        member, share = np.full(len(matrix), -1), np.zeros(len(matrix))
        for place, row in enumerate(self.straight[len(self.straight) - self.apart :]):
            member[:-1][row != 0], share[:-1][row != 0] = place, row[row != 0]
        dense = np.ascontiguousarray(matrix[:, : matrix.shape[1] - self.apart])
        return interior_point(
            self.col, self.length, self.gradient, self.curvature, np.ascontiguousarray(self.bent), dense, member,
            share, self.offset, self.k, self.lo, self.hi, np.zeros(len(self.offset)) if near is None else near, push,
            slack_price, ITERATIONS, tolerance,
        )  # fmt: skip

    def cost(self, t):
        y = self.offset[: self.k] + self.rates[: self.k] @ t
        return float(y @ y / 2 + self.gradient @ t + self.curvature @ (t * t) / 2)

    def rows(self, t):
        return self.offset[self.k :] + self.rates[self.k :] @ t

    def bound(self, price):
        """The Lagrangian at its least over 0 <= t <= length and y: no filling that obeys the rows costs less."""
        y, p = price[: self.k], price[self.k :]
        slope = self.gradient + self.rates.T @ price
        with np.errstate(divide="ignore", invalid="ignore"):
            inner = np.where(self.curvature > 0, -slope / self.curvature, np.where(slope < 0, np.inf, 0.0))
        t = np.clip(inner, 0.0, self.length)
        least = float(slope @ t + self.curvature @ (t * t) / 2)
        limits = np.where(p > 0, self.hi, self.lo)
        return least + float(self.offset[: self.k] @ y - y @ y / 2 + (self.offset[self.k :] - limits) @ p)

    def scale(self, t):
        y = self.offset[: self.k] + self.rates[: self.k] @ t
        return 1 + float(y @ y) / 2 + abs(float(self.gradient @ t))


def random_chain(rng, *, columns=8, k=3, straight=2, bent=1, most=4, steepness=1.0, concave=False, apart=0):
    """Chains with ascending gradients, unless concave; rows are set so that a random filling obeys them."""
    counts = rng.integers(1, most + 1, columns)
    col = np.repeat(np.arange(columns), counts)
    curvature = np.repeat(rng.choice([0.0, 0.1, 3.0], columns), counts)
    length = rng.uniform(0.001, 0.2, len(col))
    gradient = rng.normal(0, 0.05, len(col)) * steepness
    if not concave:
        gradient = np.concatenate([np.sort(gradient[col == c]) for c in range(columns)])
    chain = Chain(
        col=col,
        length=length,
        gradient=gradient,
        curvature=curvature,
        factors=rng.normal(0, 1, (columns, k)),
        straight=np.vstack([rng.normal(0, 1, (straight, columns)), _apart(rng, apart, columns)]),
        bent=rng.normal(0, 1, (bent, len(col))),
        lo=np.zeros(straight + apart + bent),
        hi=np.zeros(straight + apart + bent),
        offset=rng.normal(0, 0.1, k + straight + apart + bent),
        apart=apart,
    )
    inside = chain.rows(length * rng.random(len(col)))
    width = rng.uniform(0.0005, 0.1, len(inside))
    chain.lo, chain.hi = inside - width * rng.random(len(inside)), inside + width * rng.random(len(inside))
    return chain


def _apart(rng, rows, columns):
    """Rows like sectors: each column is in one of them at most."""
    mine = np.concatenate([np.arange(rows), rng.integers(-1, max(rows, 1), columns - rows)])
    return np.array([(mine == r) * rng.choice([1.0, rng.normal()]) for r in range(rows)]).reshape(rows, columns)


def is_optimal(chain, *, accuracy=1e-7):
    """Whether what is found obeys all rules and costs no more than the bound that its own prices prove."""
    steps, t, price, slack = chain.solve()
    rows, scale = chain.rows(t), chain.scale(t)
    assert steps >= 0
    assert (slack == 0).all()
    assert (t >= 0).all()
    assert (t <= chain.length).all()
    assert (rows >= chain.lo - accuracy * scale).all()
    assert (rows <= chain.hi + accuracy * scale).all()
    assert chain.cost(t) - chain.bound(price) <= accuracy * scale
    return True


def clarabel_optimum(chain):
    """The same problem stated for Clarabel: variables t and y."""
    j, k = len(chain.length), chain.k
    quadratic = sparse.diags_array(np.concatenate([chain.curvature, np.ones(k)]), format="csc")
    rates, zero, one = chain.rates, np.zeros((len(chain.lo), k)), np.eye(j)
    rules = sparse.csc_matrix(
        np.vstack([
            np.hstack([rates[:k], -np.eye(k)]),
            np.hstack([rates[k:], zero]),
            np.hstack([-rates[k:], zero]),
            np.hstack([one, np.zeros((j, k))]),
            np.hstack([-one, np.zeros((j, k))]),
        ])
    )  # fmt: skip
    at = chain.offset[k:]
    right = np.concatenate([-chain.offset[:k], chain.hi - at, at - chain.lo, chain.length, np.zeros(j)])
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-10
    linear = np.concatenate([chain.gradient, np.zeros(k)])
    cones = [clarabel.ZeroConeT(k), clarabel.NonnegativeConeT(len(right) - k)]
    answer = clarabel.DefaultSolver(quadratic, linear, rules, right, cones, settings).solve()
    assert str(answer.status) in ("Solved", "AlmostSolved")
    return chain.cost(np.array(answer.x)[:j])


@pytest.mark.parametrize("seed", RANDOM)
def test_what_it_finds_costs_no_more_than_its_own_prices_prove(seed):
    rng = np.random.default_rng(seed)

    assert is_optimal(random_chain(rng, columns=int(rng.integers(1, 40)), k=int(rng.integers(0, 6)),
                                   straight=int(rng.integers(0, 4)), bent=int(rng.integers(0, 3))))  # fmt: skip


@pytest.mark.parametrize("seed", range(25))
def test_it_agrees_with_clarabel(seed):
    chain = random_chain(np.random.default_rng(seed))

    _, t, _, _ = chain.solve()

    assert chain.cost(t) == pytest.approx(clarabel_optimum(chain), abs=1e-7)


@pytest.mark.parametrize("seed", range(20))
def test_without_curvature_and_factors_it_is_a_linear_program_and_agrees_with_highs(seed):
    chain = random_chain(np.random.default_rng(seed), k=0)
    chain.curvature[:] = 0.0

    _, t, _, _ = chain.solve()

    rates, at = chain.rates, chain.offset
    best = linprog(
        chain.gradient, A_ub=np.vstack([rates, -rates]), b_ub=np.concatenate([chain.hi - at, at - chain.lo]),
        bounds=list(zip(np.zeros(len(t)), chain.length, strict=True)),
    )  # fmt: skip
    assert chain.cost(t) == pytest.approx(best.fun, abs=1e-7)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("push", [1e-4, 1e-2, 1.0])
def test_wherever_it_starts_it_reaches_the_optimum(seed, push):
    rng = np.random.default_rng(seed)
    chain = random_chain(rng)
    near = rng.normal(0, 0.1, len(chain.offset))

    steps, t, price, _ = chain.solve(near=near, push=push)

    assert steps >= 0
    assert chain.cost(t) - chain.bound(price) <= 1e-7 * chain.scale(t)


CASES = {
    "no factors": {"k": 0},
    "more factors than columns": {"columns": 4, "k": 30},
    "one column": {"columns": 1, "k": 1, "straight": 1, "bent": 0},
    "one column of one segment": {"columns": 1, "k": 0, "straight": 0, "bent": 0, "most": 1},
    "no rows": {"straight": 0, "bent": 0},
    "many rows": {"columns": 30, "straight": 20, "bent": 5},
    "tiny gradients": {"steepness": 1e-7},
    "huge gradients": {"steepness": 2e5},
    "sectors": {"columns": 30, "apart": 6},
    "sectors and nothing else": {"columns": 30, "apart": 6, "k": 0, "straight": 0, "bent": 0},
    "sectors of one name each": {"columns": 6, "apart": 6},
    "segments out of order": {"concave": True},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("seed", range(6))
def test_it_reaches_the_optimum_of_odd_shapes(case, seed):
    assert is_optimal(random_chain(np.random.default_rng(seed), **CASES[case]))


@pytest.mark.parametrize("seed", range(10))
def test_gradients_of_very_different_sizes_do_no_harm(seed):
    rng = np.random.default_rng(seed)
    chain = random_chain(rng)
    chain.gradient *= 10.0 ** rng.uniform(-8, 4, 8)[chain.col]

    assert is_optimal(chain)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("length", [1e-12, 1e-9, 1e-6])
def test_segments_next_to_nothing_do_no_harm(seed, length):
    rng = np.random.default_rng(seed)
    chain = random_chain(rng)
    chain.length[rng.random(len(chain.length)) < 0.4] = length
    inside = chain.rows(chain.length / 2)
    chain.lo, chain.hi = inside - 0.01, inside + 0.01

    assert is_optimal(chain)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("curvature", [0.0, 1e-9, 1e6])
def test_any_curvature_will_do(seed, curvature):
    chain = random_chain(np.random.default_rng(seed))
    chain.curvature[:] = curvature

    assert is_optimal(chain)


@pytest.mark.parametrize("seed", range(10))
def test_segments_that_cost_nothing_at_all_do_no_harm(seed):
    rng = np.random.default_rng(seed)
    chain = random_chain(rng)
    idle = rng.random(len(chain.gradient)) < 0.5
    chain.gradient[idle], chain.curvature[idle] = 0.0, 0.0

    assert is_optimal(chain)


@pytest.mark.parametrize("seed", range(10))
def test_a_row_held_to_one_value_keeps_it(seed):
    chain = random_chain(np.random.default_rng(seed))
    middle = (chain.lo[0] + chain.hi[0]) / 2
    chain.lo[0], chain.hi[0] = middle - 5e-9, middle + 5e-9  # the room that convex.py gives it

    assert is_optimal(chain)


@pytest.mark.parametrize("seed", range(10))
def test_columns_that_are_the_same_twice_do_no_harm(seed):
    chain = random_chain(np.random.default_rng(seed))
    half, columns = len(chain.col), len(chain.factors)
    twice = Chain(
        col=np.concatenate([chain.col, chain.col + columns]),
        length=np.tile(chain.length, 2),
        gradient=np.tile(chain.gradient, 2),
        curvature=np.tile(chain.curvature, 2),
        factors=np.tile(chain.factors, (2, 1)),
        straight=np.tile(chain.straight, 2),
        bent=np.tile(chain.bent, 2),
        offset=chain.offset,
        lo=2 * chain.lo - chain.offset[chain.k :],
        hi=2 * chain.hi - chain.offset[chain.k :],
    )
    _, t, _, _ = twice.solve()

    assert is_optimal(twice)
    # The total is decided wherever the two may share it: strictly convex columns share it alike.
    curved = chain.curvature > 0
    assert t[:half][curved] == pytest.approx(t[half:][curved], abs=2e-4)


@pytest.mark.parametrize("seed", range(10))
def test_the_same_rule_twice_does_no_harm(seed):
    chain = random_chain(np.random.default_rng(seed), straight=1, bent=0)
    chain.straight = np.tile(chain.straight, (2, 1))
    chain.lo, chain.hi = np.tile(chain.lo, 2), np.tile(chain.hi, 2)
    chain.offset = np.append(chain.offset, chain.offset[-1])

    assert is_optimal(chain)


@pytest.mark.parametrize("seed", range(10))
def test_with_slack_for_sale_it_breaks_rows_exactly_where_that_is_cheaper(seed):
    rng = np.random.default_rng(seed)
    chain = random_chain(rng, bent=0)
    reach = np.abs(chain.straight[:, chain.col]) @ chain.length
    chain.lo, chain.hi = chain.lo + 2 * reach, chain.hi + 2 * reach  # out of reach: some slack has to be bought
    slack_price = 50.0

    steps, t, _, slack = chain.solve(slack_price=slack_price)

    # The same as a problem of its own: a column without factors for each row, as long as anything can be missed by.
    k, columns, m = chain.k, len(chain.factors), len(chain.lo)
    priced = Chain(
        col=np.append(chain.col, columns + np.arange(m)),
        length=np.append(chain.length, 10 * reach),
        gradient=np.append(chain.gradient, np.full(m, slack_price)),
        curvature=np.append(chain.curvature, np.zeros(m)),
        factors=np.vstack([chain.factors, np.zeros((m, k))]),
        straight=np.hstack([chain.straight, np.eye(m)]),
        offset=chain.offset,
        lo=chain.lo,
        hi=chain.hi,
    )
    assert steps >= 0
    assert (slack > 0).all()
    missed = np.maximum(chain.lo - chain.rows(t), 0.0)
    assert slack == pytest.approx(missed, abs=1e-6)
    assert chain.cost(t) + slack_price * slack.sum() == pytest.approx(clarabel_optimum(priced), rel=1e-6)


@pytest.mark.parametrize("seed", range(10))
def test_slack_that_is_not_needed_is_not_used(seed):
    chain = random_chain(np.random.default_rng(seed))

    _, _, price, slack = chain.solve(slack_price=100.0)

    assert np.abs(price[chain.k :]).max() < 100.0
    assert slack.max() <= 1e-6
    assert chain.cost(chain.solve(slack_price=100.0)[1]) == pytest.approx(chain.cost(chain.solve()[1]), abs=1e-6)


@pytest.mark.parametrize("seed", range(10))
def test_rows_out_of_reach_are_never_called_solved(seed):
    chain = random_chain(np.random.default_rng(seed), bent=0)
    reach = np.abs(chain.straight[:, chain.col]) @ chain.length
    chain.lo, chain.hi = chain.lo + 2 * reach, chain.hi + 2 * reach

    steps, t, price, _ = chain.solve()

    assert steps == -1 or not (np.isfinite(t).all() and np.isfinite(price).all())


def test_the_optimum_by_hand():
    # One name, one factor: (u - 1)^2 / 2 + u^2 / 2 over 0 <= u <= 2 is least at u = 1/2, where the factor's price, y,
    # is -1/2. Held to u >= 3/4 the row's price p solves 2u - 1 + p = 0: -1/2, below zero, for a lower side binds.
    one = {"col": np.zeros(1, int), "length": np.array([2.0]), "gradient": np.zeros(1), "curvature": np.ones(1)}
    free = Chain(**one, factors=np.ones((1, 1)), offset=np.array([-1.0]))
    held = Chain(
        **one, factors=np.ones((1, 1)), straight=np.ones((1, 1)), offset=np.array([-1.0, 0.0]), lo=np.array([0.75]),
        hi=np.array([9.0]),
    )  # fmt: skip

    _, t, price, _ = free.solve()
    _, kept, prices, _ = held.solve()

    assert (t, price) == (pytest.approx([0.5], abs=1e-5), pytest.approx([-0.5], abs=1e-5))
    assert (kept, prices) == (pytest.approx([0.75], abs=1e-5), pytest.approx([-0.25, -0.5], abs=1e-5))


def test_the_same_problem_gives_the_same_bytes_again():
    chain = random_chain(np.random.default_rng(3))

    first, second = chain.solve(), chain.solve()

    assert all(np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in zip(first, second, strict=True))


def test_a_row_without_a_column_in_the_program_counts_nothing():
    # Column 0 moves by 2 and counts 3 a unit on the factor, 0.5 on the second row; the first has no column.
    dense, member, share = np.array([[3.0], [0.0]]), np.array([1, -1]), np.array([0.5, 0.0])
    into = np.full(4, np.nan)  # as memory may be that nobody has written to

    gather(dense, member, share, np.array([2.0, 7.0]), into)

    assert into.tolist() == [6.0, 0.0, 1.0, 0.0]
