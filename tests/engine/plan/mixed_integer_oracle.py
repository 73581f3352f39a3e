"""The exact non-convex problem once more, from the raw inputs, as a mixed-integer program for SCIP.

Run as a program of its own (SCIP has aborted a process before): reads pickled cases, writes (status, objective in bp,
lower bound in bp) of each. It shares no code with engine.plan.
"""

import pickle
import sys
from pathlib import Path

from pyscipopt import Model, quicksum

from engine.domain.accounts import Rule
from engine.domain.plans import LockRule
from engine.domain.policy import means
from engine.domain.settings import LotMethod

BP = 1e4
WEIGHT_RULES = (Rule.MIN_WEIGHT, Rule.MAX_WEIGHT)
ORDERS = {
    LotMethod.FIFO: lambda x: (x.acquired, x.lot_id),
    LotMethod.LIFO: lambda x: (-x.acquired.toordinal(), x.lot_id),
    LotMethod.HIFO: lambda x: (-float(x.basis / x.quantity), x.acquired, x.lot_id),
}


def solve(case, seconds=4.0):
    program = Program(case, seconds)
    for name in program.names:
        program.add_name(name)
    program.keep_groups_from_washing()
    program.keep_cash_in_its_band()
    program.keep_sectors_and_factors()
    program.keep_restricted_sectors()
    program.keep_turnover_and_gains()
    return program.optimum()


class Program:
    """One account's mixed-integer program as it is written down, rule by rule. All weights are fractions of V."""

    def __init__(self, case, seconds):
        self.snapshot, market, self.settings, self.locks = case
        self.account, self.risk, self.securities = self.snapshot.account, market.risk, market.securities
        self.taxable = self.account.registration.is_taxable
        self.flow = float(self.settings.deposit - self.settings.withdrawal)
        self.price = {name: float(mark.price) for name, mark in market.marks.items()}
        lots = self.snapshot.lots
        worth = sum(float(lot.quantity) * self.price[lot.security_id] for lot in lots)
        self.value = float(self.account.cash) + worth + self.flow
        self.target = {name: float(w) for name, w in market.models[self.account.model_id].weights}
        self.names = sorted({*self.target, *(lot.security_id for lot in lots)})
        self.held = {
            n: sum(float(x.quantity) for x in lots if x.security_id == n) * self.price[n] / self.value
            for n in self.names
        }
        self.start = {n: self.held[n] - self.target.get(n, 0.0) for n in self.names}
        self.scip = Model()
        self.scip.hideOutput()
        self.scip.setParam("limits/time", seconds)
        self.scip.setParam("limits/gap", 5e-6)
        self.linear, self.turnover, self.gains, self.cash_used = [], [], [], []
        self.active, self.trade, self.groups = {}, {}, {}

    def soft(self, expression, limit, start, *, upper):
        """expression <= limit (or >=), priced where the account starts beyond it."""
        broken = start > limit if upper else start < limit
        if not broken or self.settings.enforce:
            self.scip.addCons(expression <= limit if upper else expression >= limit)
            return
        excess = self.scip.addVar(lb=0.0, ub=abs(start - limit))
        self.scip.addCons(expression - excess <= limit if upper else expression + excess >= limit)
        self.linear.append(self.settings.breach_penalty / BP / 0.01 * excess)

    def add_name(self, n):
        scip, security = self.scip, self.securities[n]
        rules = [r for r in self.snapshot.restrictions if means(r.target, security)]
        leave = self.must_leave(security, rules)
        sales, all_free = self.add_lots(n, rules, leave=leave)
        sold = quicksum(s for s, _, _ in sales) if sales else 0.0 * scip.addVar(lb=0, ub=0)
        bought = scip.addVar(lb=0.0, ub=2.0 if self.may_buy(security, rules, leave=leave) else 0.0)
        self.choose_side(n, bought, sold, sum(w for _, w, _ in sales), leave=leave, all_free=all_free)
        cost = float(self.settings.cost_bp if security.cost_bp is None else security.cost_bp) / BP
        alpha = sum(v for key, v in self.settings.tilt.items() if means(key, security))
        u = bought - sold
        self.linear += [cost * (bought + sold), -alpha * u]
        self.turnover.append((bought + sold) / 2)
        self.cash_used.append(u + cost * (bought + sold))
        self.trade[n] = u
        self.active[n] = scip.addVar(lb=None)
        scip.addCons(self.active[n] == self.start[n] + u)
        self.groups.setdefault(security.group, []).append((bought, sales))
        if not leave:
            self.keep_within_bounds(n, rules)

    def must_leave(self, security, rules):
        excluded = any(means(target, security) for target in self.settings.exclude)
        return excluded or any(r.rule is Rule.DO_NOT_HOLD for r in rules)

    def may_buy(self, security, rules, *, leave):
        locked = self.is_locked(security, LockRule.NO_BUY)
        barred = any(r.rule is Rule.DO_NOT_BUY for r in rules)
        return not (leave or barred or locked or security.tradable is False)

    def is_locked(self, security, rule):
        return any(x.rule is rule and x.identical_group == security.group for x in self.locks)

    def add_lots(self, n, rules, *, leave):
        """Return (sold weight, most that may be sold, gain per dollar) of each lot, and whether all may be sold."""
        own = [x for x in self.snapshot.lots if x.security_id == n]
        ordered = self.settings.lot_method in ORDERS
        if ordered:
            own.sort(key=ORDERS[self.settings.lot_method])
        sales, stopped, before = [], False, None
        for x in own:
            stopped = (stopped and ordered) or self.is_blocked(x, rules, leave=leave)
            weight = float(x.quantity) * self.price[n] / self.value
            gain = 1 - float(x.basis / x.quantity) / self.price[n]
            s = self.scip.addVar(lb=0.0, ub=0.0 if stopped else weight)
            rate = float(
                self.account.lt_rate if (self.snapshot.as_of - x.acquired).days > 366 else self.account.st_rate
            )
            self.linear.append(self.settings.tax_weight * (rate * gain if self.taxable else 0.0) * s)
            self.gains.append(gain * s)
            sales.append((s, 0.0 if stopped else weight, gain))
            if ordered and before is not None:
                full = self.scip.addVar(vtype="B")
                self.scip.addCons(before[0] >= before[1] * full)
                self.scip.addCons(s <= weight * full)
            before = (s, weight)
        return sales, all(most > 0 for _, most, _ in sales)

    def is_blocked(self, lot, rules, *, leave):
        security = self.securities[lot.security_id]
        if security.tradable is False or any(r.rule is Rule.DO_NOT_SELL for r in rules):
            return True
        loss_usd = float(lot.basis) - float(lot.quantity) * self.price[lot.security_id]
        if not self.taxable or loss_usd <= 0:
            return False
        small = loss_usd < float(self.settings.harvest_min_loss_usd)
        return self.is_locked(security, LockRule.NO_LOSS_SALE) or (small and not leave)

    def choose_side(self, n, bought, sold, most, *, leave, all_free):
        """Buy, sell, leave altogether or rest; a minimum trade binds on buying and selling."""
        scip = self.scip
        if leave:
            scip.addCons(sold == most)
            return
        buys, sells, exits = (scip.addVar(vtype="B") for _ in range(3))
        scip.addCons(buys + sells + exits <= 1)
        least = float(self.settings.min_trade_usd) / self.value
        whole = self.held[n] if all_free else 0.0
        scip.addCons(bought <= 2.0 * buys)
        scip.addCons(bought >= least * buys)
        scip.addCons(sold <= most * sells + whole * exits)
        scip.addCons(sold >= least * sells + whole * exits)

    def keep_within_bounds(self, n, rules):
        limit = self.settings.max_active_weight
        if limit is not None:
            self.soft(self.active[n], limit, self.start[n], upper=True)
            self.soft(self.active[n], -limit, self.start[n], upper=False)
        for r in rules:
            if r.target == n and r.rule in WEIGHT_RULES:
                weight = self.held[n] + self.trade[n]
                self.soft(weight, float(r.value), self.held[n], upper=r.rule is Rule.MAX_WEIGHT)

    def keep_groups_from_washing(self):
        """Of securities that are substantially identical, none is bought when one is sold at a loss."""
        for members in self.groups.values():
            if not self.taxable or len(members) == 1:
                continue
            loses = self.scip.addVar(vtype="B")
            for bought, sales in members:
                self.scip.addCons(bought <= 2.0 * (1 - loses))
                for s, weight, gain in sales:
                    if gain < 0:
                        self.scip.addCons(s <= weight * loses)

    def keep_cash_in_its_band(self):
        cash = (float(self.account.cash) + self.flow) / self.value
        spent = quicksum(self.cash_used)
        self.scip.addCons(spent <= cash - self.settings.min_cash)
        self.scip.addCons(spent >= cash - self.settings.max_cash)

    def keep_sectors_and_factors(self):
        limit = self.settings.max_sector_active
        if limit is not None:
            for sector in sorted({self.securities[n].sector for n in self.names}):
                self.keep_total({n: 1.0 for n in self.names if self.securities[n].sector == sector}, limit)
        limit = self.settings.max_factor_active
        if limit is not None:
            for column in self.exposures().T:
                self.keep_total(dict(zip(self.names, column, strict=True)), limit)

    def keep_total(self, exposure, limit):
        total = quicksum(e * self.active[n] for n, e in exposure.items())
        start = sum(e * self.start[n] for n, e in exposure.items())
        self.soft(total, limit, start, upper=True)
        self.soft(total, -limit, start, upper=False)

    def exposures(self):
        return self.risk.exposures[[self.risk.position[n] for n in self.names]]

    def keep_restricted_sectors(self):
        for r in self.snapshot.restrictions:
            if r.rule in WEIGHT_RULES and r.target.startswith("sector:"):
                inside = [n for n in self.names if means(r.target, self.securities[n])]
                begun = sum(self.held[n] for n in inside)
                weight = begun + quicksum(self.trade[n] for n in inside)
                self.soft(weight, float(r.value), begun, upper=r.rule is Rule.MAX_WEIGHT)

    def keep_turnover_and_gains(self):
        if self.settings.max_turnover is not None:
            self.scip.addCons(quicksum(self.turnover) <= self.settings.max_turnover)
        if self.settings.max_net_gain is not None and self.taxable and self.gains:
            self.scip.addCons(quicksum(self.gains) <= float(self.settings.max_net_gain) / self.value)

    def optimum(self):
        scip, risk = self.scip, self.risk
        variances = []
        for k, column in enumerate(self.exposures().T):
            y = scip.addVar(lb=None)
            scip.addCons(y == quicksum(e * self.active[n] for n, e in zip(self.names, column, strict=True)))
            variances.append(float(risk.factor_covariance[k, k]) * y * y)
        for n in self.names:
            variances.append(float(risk.specific_variance[risk.position[n]]) * self.active[n] * self.active[n])
        weighed = scip.addVar(lb=0.0)
        scip.addCons(BP * self.settings.risk_aversion * quicksum(variances) <= weighed)
        scip.setObjective(weighed + BP * quicksum(self.linear), "minimize")
        scip.optimize()
        return scip.getStatus(), scip.getObjVal() if scip.getNSols() else None, scip.getDualbound()


if __name__ == "__main__":
    cases = pickle.loads(Path(sys.argv[1]).read_bytes())
    Path(sys.argv[2]).write_bytes(pickle.dumps([solve(case) for case in cases]))
