"""What do a plan's gains cost once the year is netted? The least of three convex functions of its net gains by term.

With S and L the year's net short-term and long-term results, carryforwards included, and rates rS >= rL, the tax of
engine/tax/netting.py, a loss valued at what it saves now and later, is the minimum of three maxima of affine functions:

    both kept apart, or a short loss against long gains   max(rS S + rL L, rL (S + L), vL (S + L) - A (rS - vL))
    a long loss against short gains, then income          max(rS (S + L), vL (S + L + A) - A rS)
    a short loss beyond what income takes                 max(rS (S + L), vS (S + A) + vL L - A rS,
                                                              vS (S + L + A) - A rS)

A is what 26 U.S.C. 1211(b) lets off against income, vS and vL what a carried loss of each character is worth. No single
one is right everywhere and their minimum is not convex: each is planned for, and the best plan kept.
"""

from dataclasses import dataclass

import numpy as np

from engine.domain.market import Array
from engine.tax.netting import ORDINARY_INCOME_LIMIT_USD


@dataclass(frozen=True, slots=True, kw_only=True)
class Netting:
    """The year so far in fractions of V: st, lt (net results, losses < 0), allowance A; rates; carried: vS / rS."""

    st: float
    lt: float
    allowance: float
    st_rate: float
    lt_rate: float
    carried: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """Rows st s + lt l - t <= at (k,), on the plan's own net gains s and l; t, from lo to hi, is the tax it causes."""

    st: Array
    lt: Array
    at: Array
    lo: float
    hi: float


def netting_of(st: float, lt: float, *, st_rate: float, lt_rate: float, carried: float, value: float) -> Netting:
    """Return the year so far of an account of this value; st, lt and value in USD."""
    return Netting(
        st=st / value,
        lt=lt / value,
        allowance=float(ORDINARY_INCOME_LIMIT_USD) / value,
        st_rate=st_rate,
        lt_rate=lt_rate,
        carried=carried,
    )


def branches(year: Netting, *, reach: float) -> tuple[Branch, ...]:
    """Return the three convex branches. reach: the sum of all gains and losses that could be realised."""
    before = tax_of_year(year, 0.0, 0.0)
    span = 2.0 * year.st_rate * (reach + abs(year.st) + abs(year.lt) + year.allowance) + 1e-3
    return tuple(
        Branch(
            st=np.array([a for a, _, _ in lines]),
            lt=np.array([b for _, b, _ in lines]),
            at=np.array([before - c - a * year.st - b * year.lt for a, b, c in lines]),
            lo=-span,
            hi=span,
        )
        for lines in _lines(year)
    )


def tax_of_year(year: Netting, st: float, lt: float) -> float:
    """Return the tax of the year, a fraction of V, with these further net gains."""
    s, long = year.st + st, year.lt + lt
    return min(max(a * s + b * long + c for a, b, c in lines) for lines in _lines(year))


def _lines(year: Netting) -> tuple[tuple[tuple[float, float, float], ...], ...]:
    """Return the affine parts (a, b, c) of a S + b L + c of each branch."""
    r_st, r_lt, free = year.st_rate, year.lt_rate, year.allowance
    v_st, v_lt = year.carried * r_st, year.carried * r_lt
    carried_long = (v_lt, v_lt, free * (v_lt - r_st))
    return (
        ((r_st, r_lt, 0.0), (r_lt, r_lt, 0.0), carried_long),
        ((r_st, r_st, 0.0), carried_long),
        ((r_st, r_st, 0.0), (v_st, v_lt, free * (v_st - r_st)), (v_st, v_st, free * (v_st - r_st))),
    )
