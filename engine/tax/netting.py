"""What does a set of gains and losses cost in tax? At the margin, and netted over the year."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

ORDINARY_INCOME_LIMIT_USD: Final = Decimal(3000)  # net loss deductible a year; 26 U.S.C. 1211(b)(1), joint or single
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class YearToDate:
    """Realised so far this year and losses carried in, USD. Gains may be negative; carryforwards are amounts >= 0."""

    st_gain: Decimal
    lt_gain: Decimal
    st_carryforward: Decimal
    lt_carryforward: Decimal


def plan_liability(st_gain: Decimal, lt_gain: Decimal, *, st_rate: Decimal, lt_rate: Decimal) -> Decimal:
    """Return the tax on net gains at the account's marginal rates, USD; negative means tax saved."""
    return st_gain * st_rate + lt_gain * lt_rate


def netted_liability(
    st_gain: Decimal,
    lt_gain: Decimal,
    ytd: YearToDate,
    *,
    st_rate: Decimal,
    lt_rate: Decimal,
    carryforward_value: Decimal,
) -> Decimal:
    """Return by how much these gains change the year's tax, USD; negative means tax saved.

    The year's net short-term and net long-term results, carryforwards included, are each netted, then against each
    other (26 U.S.C. 1222). Of a loss left over, 3,000 USD reduce ordinary income, valued at st_rate; the rest is
    carried forward (26 U.S.C. 1212(b)) keeping its character, worth carryforward_value of the rate of that character.
    """
    st_before, lt_before = ytd.st_gain - ytd.st_carryforward, ytd.lt_gain - ytd.lt_carryforward
    before = _year(st_before, lt_before, st_rate, lt_rate, carryforward_value)
    return _year(st_before + st_gain, lt_before + lt_gain, st_rate, lt_rate, carryforward_value) - before


def _year(st: Decimal, lt: Decimal, st_rate: Decimal, lt_rate: Decimal, carryforward_value: Decimal) -> Decimal:
    """Return the tax of a year with these net results; a loss counts with what it saves now and later."""
    if st * lt < 0:
        crossed = min(abs(st), abs(lt)).copy_sign(st)
        st, lt = st - crossed, lt + crossed
    tax = max(st, _ZERO) * st_rate + max(lt, _ZERO) * lt_rate
    st_loss, lt_loss = max(-st, _ZERO), max(-lt, _ZERO)
    # 1212(b)(2) treats the deducted amount as a short-term gain: the short-term loss is used up first.
    deducted_st = min(st_loss, ORDINARY_INCOME_LIMIT_USD)
    deducted_lt = min(lt_loss, ORDINARY_INCOME_LIMIT_USD - deducted_st)
    carried = (st_loss - deducted_st) * st_rate + (lt_loss - deducted_lt) * lt_rate
    return tax - (deducted_st + deducted_lt) * st_rate - carryforward_value * carried
