"""What becomes of a plan when its shares are whole? Its outcome; a firm's convex terms hold, or the checks say not.

Whole shares are searched with the terms as prices on weights, so they can end a little outside a convex rule. The plan
is then found once more, that rule harder to obey by what it was missed by, until whole shares keep it.
"""

from typing import Final

import numpy as np

from engine.plan.outcome import Outcome, outcome
from engine.plan.prices import Prices
from engine.plan.problem import Problem
from engine.plan.rounding import tradable_shares
from engine.plan.sides import Found
from engine.plan.stated_search import explained, with_margins
from engine.plan.term_checks import OBEYED

_ATTEMPTS: Final = 5
_WIDENING: Final = 1.5


def tradable(problem: Problem, found: Found) -> Outcome:
    """Return what the plan's tradable shares do."""
    done = _done(problem, found)
    written = problem.written
    if written is None or found.term_price is None:
        return done
    margins, held, first = np.zeros(len(written.rules)), problem.prepared.held, done
    for _ in range(_ATTEMPTS):
        missed = written.excesses(held + done.trade)
        if float(missed.max(initial=0.0)) <= OBEYED:
            return done
        margins += _WIDENING * np.where(missed > OBEYED, missed, 0.0)
        again = with_margins(problem, found, margins)
        if again is None:
            break
        done = _done(problem, again)
    return first


def prices_of(problem: Problem, found: Found) -> Prices:
    """Return the plan's prices; convex terms are what they cost at the margin."""
    priced, plan = explained(problem, found)
    return Prices(problem=priced, found=plan)


def _done(problem: Problem, found: Found) -> Outcome:
    orders = found.orders(problem)
    return outcome(problem, tradable_shares(*explained(problem, found), orders), orders)
