"""The exact non-convex problem once more, from the raw inputs, as a mixed-integer program for SCIP.

Run as a program of its own (SCIP has aborted a process before): reads pickled cases, writes (status, objective in bp,
lower bound in bp) of each; with a third word, `whole`, of plans of whole shares. It shares no code with engine.plan.
"""

import pickle
import sys
from pathlib import Path

from pyscipopt import Model, quicksum

from tests.engine.plan.raw_account import RawAccount, tax_regions, year_tax

BP = 1e4
PERCENT = 100.0  # the program counts in percent of V, which keeps its tolerances far below a hundredth of a bp
ALLOWANCE_USD = 3000.0
PROVEN_BP = 1e-3  # an optimum proven to this is called one


def solve(case, seconds=5.0, *, whole=False):
    program = Program(case, seconds, whole=whole)
    for name in program.raw.names:
        program.add_name(name)
    program.keep_groups_from_washing()
    program.keep_limits()
    program.keep_number_of_trades()
    if not case[2].liquidate:  # which may leave any cash, and realise and turn over what it takes
        program.keep_cash_in_its_band()
        program.keep_turnover_and_gains()
        program.keep_number_of_names()
    program.net_the_year()
    return program.optimum()


class Program:
    """One account's mixed-integer program as it is written down, rule by rule. All weights are in percent of V."""

    def __init__(self, case, seconds, *, whole):
        self.raw, self.scip, self.whole = RawAccount(case), Model(), whole
        self.settings = self.raw.settings
        self.scip.hideOutput()
        self.scip.setParam("timing/clocktype", 1)  # seconds of this process, however busy the machine is
        self.scip.setParam("limits/time", seconds)
        self.scip.setParam("limits/absgap", PROVEN_BP)
        self.linear, self.squares, self.turnover, self.cash_used = [], [], [], []
        self.sales, self.trade, self.sides, self.trades, self.kept = [], {}, {}, [], []

    def variable(self, most):
        return self.scip.addVar(lb=0.0, ub=most)

    def yes_or_no(self):
        return self.scip.addVar(vtype="B")

    def at_least_the_square(self, x):
        square = self.scip.addVar(lb=0.0)
        self.scip.addCons(x * x <= square)
        return square

    def add_name(self, n):
        raw, scip = self.raw, self.scip
        sales = self.add_parts(n)
        most_bought = self.most_bought(n)
        bought, sold = self.variable(most_bought), self.variable(PERCENT * raw.most[n])
        scip.addCons(sold == quicksum(s for s, _ in sales))
        if self.whole:
            self.count_shares(n, bought)
        self.choose_side(n, bought, sold, most_bought)
        u = bought - sold
        self.linear += [BP / PERCENT * raw.cost(n) * (bought + sold), -BP / PERCENT * raw.alpha(n) * u]
        self.turnover.append((bought + sold) / 2)
        self.cash_used.append(u + raw.cost(n) * (bought + sold))
        self.trade[n], self.sides[n] = u, (bought, most_bought, sales)
        # A name is bought or sold, never both: (start + u)^2 = start^2 + 2 start u + bought^2 + sold^2.
        square = self.at_least_the_square(bought) + self.at_least_the_square(sold)
        start = PERCENT * raw.start[n]
        self.squares.append(raw.specific(n) * (start * start + 2 * start * u + square))
        self.linear.append(raw.impact(n) * square)

    def count_shares(self, n, amount):
        unit = PERCENT * self.raw.price[n] / self.raw.value
        self.scip.addCons(amount == unit * self.scip.addVar(vtype="I", lb=0))

    def most_bought(self, n):
        """What a name may gain: nothing that its own limits forbid, and no more than there is money."""
        raw = self.raw
        if not raw.may_buy(n):
            return 0.0
        room = [raw.cash + sum(raw.most.values()) - self.settings.min_cash]
        for limit in raw.limits:
            if limit.upper and list(limit.weights) == [n] and limit.weights[n] == 1.0:
                room.append(limit.at + limit.allowance - limit.start)
        return PERCENT * max(min(room), 0.0)

    def add_parts(self, n):
        """Return (sold, part) of everything that may be sold, in the order that it has to keep, if any."""
        raw, sales = self.raw, []
        free = [p for p in raw.parts[n] if not p.blocked]
        for part in free:
            s = self.variable(PERCENT * part.weight)
            if self.whole:
                self.count_shares(n, s)
            if raw.order(n) is not None and sales:
                before, first = sales[-1]
                begun = self.yes_or_no()
                self.scip.addCons(before >= PERCENT * first.weight * begun)
                self.scip.addCons(s <= PERCENT * part.weight * begun)
            sales.append((s, part))
            is_netted = self.settings.net_taxes and raw.taxable and part.counted == part.gain
            if not is_netted:
                self.linear.append(BP / PERCENT * self.settings.tax_weight * part.tax * s)
        self.sales += sales
        return sales

    def choose_side(self, n, bought, sold, most_bought):
        """Buy, sell, leave altogether or rest; a minimum trade binds on buying and selling."""
        scip, raw = self.scip, self.raw
        most, held = PERCENT * raw.most[n], PERCENT * raw.held[n]
        may_leave = raw.all_free[n] and held > 0
        if raw.must_leave(n):
            scip.addCons(sold == most)
            self.trades.append(1.0 if most > 0 else 0.0)
            self.kept.append(0.0 if may_leave or held == 0 else 1.0)
            return
        buys, sells, exits = (self.yes_or_no() for _ in range(3))
        scip.addCons(buys + sells + exits <= 1)
        least = PERCENT * float(self.settings.min_trade_usd) / raw.value
        whole = held if may_leave else 0.0
        scip.addCons(bought <= most_bought * buys)
        scip.addCons(bought >= least * buys)
        scip.addCons(sold <= most * sells + whole * exits)
        scip.addCons(sold >= least * sells + whole * exits)
        if not may_leave:
            scip.addCons(exits == 0)
        self.trades.append(buys + sells + exits)
        self.kept.append(1 - exits if held > 0 else buys)

    def keep_groups_from_washing(self):
        """Of securities that are substantially identical, none is bought when one is sold at a loss."""
        for members in self.raw.groups.values():
            if not self.raw.taxable or len(members) == 1:
                continue
            loses = self.yes_or_no()
            for bought, most_bought, sales in (self.sides[n] for n in members):
                self.scip.addCons(bought <= most_bought * (1 - loses))
                for s, part in sales:
                    if part.gain < 0:
                        self.scip.addCons(s <= PERCENT * part.weight * loses)

    def keep_limits(self):
        for limit in self.raw.limits:
            moved = quicksum(weight * self.trade[n] for n, weight in limit.weights.items())
            excess = self.variable(PERCENT * limit.allowance)
            room = PERCENT * (limit.at - limit.start)
            self.scip.addCons(moved - excess <= room if limit.upper else moved + excess >= room)
            if limit.priced:
                self.linear.append(self.settings.breach_penalty * excess)

    def keep_cash_in_its_band(self):
        spent, cash = quicksum(self.cash_used), PERCENT * self.raw.cash
        self.scip.addCons(spent <= cash - PERCENT * self.settings.min_cash)
        self.scip.addCons(spent >= cash - PERCENT * self.settings.max_cash)

    def keep_turnover_and_gains(self):
        if self.settings.max_turnover is not None:
            self.scip.addCons(quicksum(self.turnover) <= PERCENT * self.settings.max_turnover)
        if self.settings.max_net_gain is not None and self.raw.taxable and self.sales:
            gains = quicksum(part.counted * s for s, part in self.sales)
            self.scip.addCons(gains <= PERCENT * float(self.settings.max_net_gain) / self.raw.value)

    def keep_number_of_trades(self):
        if self.settings.max_trades is not None:
            self.scip.addCons(quicksum(self.trades) <= self.settings.max_trades)

    def keep_number_of_names(self):
        if self.settings.max_names is not None:
            self.scip.addCons(quicksum(self.kept) <= self.settings.max_names)

    def net_the_year(self):
        """The year's tax is affine on each of some regions of its net results; one binary says which one it is."""
        raw, account = self.raw, self.raw.account
        if not (self.settings.net_taxes and raw.taxable):
            return
        unit = PERCENT / raw.value
        begun = [float(account.ytd_st_gain - account.st_carryforward) * unit,
                 float(account.ytd_lt_gain - account.lt_carryforward) * unit]  # fmt: skip
        made = [quicksum(p.counted * s for s, p in self.sales if p.is_long is long) for long in (False, True)]
        reach = sum(abs(p.counted) * PERCENT * p.weight for _, p in self.sales)
        carried = self.settings.carryforward_value
        regions = tax_regions(raw.st_rate, raw.lt_rate, carried, ALLOWANCE_USD * unit)
        chosen, shares, tax = [], [], []
        for rules, (by_st, by_lt, constant) in regions:
            here = self.yes_or_no()
            part = [self.scip.addVar(lb=None) for _ in begun]
            for x, start in zip(part, begun, strict=True):
                self.scip.addCons(x <= (abs(start) + reach) * here)
                self.scip.addCons(x >= -(abs(start) + reach) * here)
            for a, b, c in rules:
                self.scip.addCons(a * part[0] + b * part[1] <= c * here)
            chosen.append(here)
            shares.append(part)
            tax.append(by_st * part[0] + by_lt * part[1] + constant * here)
        self.scip.addCons(quicksum(chosen) == 1)
        for k, start in enumerate(begun):
            self.scip.addCons(quicksum(part[k] for part in shares) == start + made[k])
        change = quicksum(tax) - year_tax(regions, *begun)
        self.linear.append(BP / PERCENT * self.settings.tax_weight * change)

    def optimum(self):
        scip, raw = self.scip, self.raw
        active = {n: PERCENT * raw.start[n] + self.trade[n] for n in raw.names}
        for k, column in enumerate(raw.exposures().T):
            y = scip.addVar(lb=None)
            scip.addCons(y == quicksum(float(e) * active[n] for n, e in zip(raw.names, column, strict=True)))
            self.squares.append(float(raw.risk.factor_covariance[k, k]) * self.at_least_the_square(y))
        variance = quicksum(self.squares)
        cap = self.settings.max_tracking_error
        if cap is not None and not self.settings.liquidate:
            scip.addCons(variance <= (PERCENT * cap) ** 2)
        scip.setObjective(self.settings.risk_aversion * variance + quicksum(self.linear), "minimize")
        scip.optimize()
        return scip.getStatus(), scip.getObjVal() if scip.getNSols() else None, scip.getDualbound()


if __name__ == "__main__":
    cases = pickle.loads(Path(sys.argv[1]).read_bytes())
    whole = "whole" in sys.argv[3:]
    Path(sys.argv[2]).write_bytes(pickle.dumps([solve(case, whole=whole) for case in cases]))
