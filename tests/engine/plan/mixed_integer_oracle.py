"""The exact non-convex problem once more, from the raw inputs, as a mixed-integer program for SCIP.

Run as a program of its own (SCIP has aborted a process before): reads pickled cases, writes (status, objective in bp)
of each. It shares no code with engine.plan.
"""

import pickle
import sys
from pathlib import Path

import numpy as np
from pyscipopt import Model, quicksum

from engine.domain.accounts import Rule
from engine.domain.plans import LockRule
from engine.domain.policy import means
from engine.domain.settings import LotMethod

BP = 1e4


def solve(case, fixed_time=60.0):
    snapshot, market, settings, locks = case
    account, risk = snapshot.account, market.risk
    taxable = account.registration.is_taxable
    flow = float(settings.deposit - settings.withdrawal)
    price = {name: float(mark.price) for name, mark in market.marks.items()}
    value = float(account.cash) + sum(float(lot.quantity) * price[lot.security_id] for lot in snapshot.lots) + flow
    target = {name: float(w) for name, w in market.models[account.model_id].weights}
    names = sorted({*target, *(lot.security_id for lot in snapshot.lots)})
    held = {n: sum(float(x.quantity) for x in snapshot.lots if x.security_id == n) * price[n] / value for n in names}

    scip = Model()
    scip.hideOutput()
    scip.setParam("limits/time", fixed_time)
    scip.setParam("limits/gap", 1e-6)
    free = {"lb": None}
    penalty = settings.breach_penalty / BP / 0.01
    linear, turnover, gains, cash_used = [], [], [], []
    active, trade = {}, {}
    groups = {}

    def soft(expression, limit, start, *, upper):
        """expression <= limit (or >=), priced where the account starts beyond it."""
        broken = start > limit if upper else start < limit
        if not broken or settings.enforce:
            scip.addCons(expression <= limit if upper else expression >= limit)
            return
        excess = scip.addVar(lb=0.0, ub=abs(start - limit))
        scip.addCons(expression - excess <= limit if upper else expression + excess >= limit)
        linear.append(penalty * excess)

    for n in names:
        security = market.securities[n]
        rules = [r for r in snapshot.restrictions if means(r.target, security)]
        kinds = {r.rule for r in rules}
        frozen = security.tradable is False
        leave = Rule.DO_NOT_HOLD in kinds or any(means(t, security) for t in settings.exclude)
        group = security.group
        no_buy = frozen or leave or Rule.DO_NOT_BUY in kinds
        no_buy |= any(x.rule is LockRule.NO_BUY and x.identical_group == group for x in locks)
        no_sell = frozen or Rule.DO_NOT_SELL in kinds
        no_loss = taxable and any(x.rule is LockRule.NO_LOSS_SALE and x.identical_group == group for x in locks)
        cost = float(settings.cost_bp if security.cost_bp is None else security.cost_bp) / BP

        own = [x for x in snapshot.lots if x.security_id == n]
        if settings.lot_method is LotMethod.FIFO:
            own.sort(key=lambda x: (x.acquired, x.acquired, x.lot_id))
        elif settings.lot_method is LotMethod.LIFO:
            own.sort(key=lambda x: (-x.acquired.toordinal(), x.lot_id))
        elif settings.lot_method is LotMethod.HIFO:
            own.sort(key=lambda x: (-float(x.basis / x.quantity), x.acquired, x.lot_id))
        ordered = settings.lot_method in (LotMethod.FIFO, LotMethod.LIFO, LotMethod.HIFO)
        sales, stopped, previous = [], False, None
        all_free = True
        for x in own:
            weight = float(x.quantity) * price[n] / value
            gain = 1 - float(x.basis / x.quantity) / price[n]
            loss_usd = -gain * float(x.quantity) * price[n]
            blocked = no_sell
            if taxable and gain < 0:
                small = loss_usd < float(settings.harvest_min_loss_usd)
                blocked |= no_loss or (small and not leave)
            stopped = (stopped and ordered) or blocked
            all_free &= not stopped
            s = scip.addVar(lb=0.0, ub=0.0 if stopped else weight)
            rate = float(account.lt_rate if (snapshot.as_of - x.acquired).days > 366 else account.st_rate)
            tax = rate * gain if taxable else 0.0
            linear.append(settings.tax_weight * tax * s)
            gains.append(gain * s)
            sales.append((s, 0.0 if stopped else weight, gain))
            if ordered and previous is not None:
                full = scip.addVar(vtype="B")
                scip.addCons(previous[0] >= previous[1] * full)
                scip.addCons(s <= weight * full)
            previous = (s, weight)
        most = sum(w for _, w, _ in sales)
        sold = quicksum(s for s, _, _ in sales) if sales else 0.0 * scip.addVar(lb=0, ub=0)
        b = scip.addVar(lb=0.0, ub=0.0 if no_buy else 2.0)
        zb, zs, ze = (scip.addVar(vtype="B") for _ in range(3))
        scip.addCons(zb + zs + ze <= 1)
        least = float(settings.min_trade_usd) / value
        if leave:
            scip.addCons(sold == most)
        else:
            exit_weight = held[n] if all_free else 0.0
            scip.addCons(b <= 2.0 * zb)
            scip.addCons(b >= least * zb)
            scip.addCons(sold <= most * zs + exit_weight * ze)
            scip.addCons(sold >= least * zs + exit_weight * ze)
        u = b - sold
        alpha = sum(v for key, v in settings.tilt.items() if means(key, security))
        linear += [cost * (b + sold), -alpha * u]
        turnover.append((b + sold) / 2)
        cash_used.append(u + cost * (b + sold))
        trade[n] = u
        active[n] = scip.addVar(**free)
        scip.addCons(active[n] == held[n] - target.get(n, 0.0) + u)
        start = held[n] - target.get(n, 0.0)
        if settings.max_active_weight is not None and not leave:
            soft(active[n], settings.max_active_weight, start, upper=True)
            soft(active[n], -settings.max_active_weight, start, upper=False)
        for r in rules:
            if r.target == n and r.rule in (Rule.MIN_WEIGHT, Rule.MAX_WEIGHT) and not leave:
                soft(held[n] + u, float(r.value), held[n], upper=r.rule is Rule.MAX_WEIGHT)
        groups.setdefault(group, []).append((b, sales))

    for members in groups.values():
        if taxable and len(members) > 1:
            loses = scip.addVar(vtype="B")
            for b, sales in members:
                scip.addCons(b <= 2.0 * (1 - loses))
                for s, weight, gain in sales:
                    if gain < 0:
                        scip.addCons(s <= weight * loses)

    cash = (float(account.cash) + flow) / value
    spent = quicksum(cash_used)
    scip.addCons(spent <= cash - settings.min_cash)
    scip.addCons(spent >= cash - settings.max_cash)
    start = np.array([held[n] - target.get(n, 0.0) for n in names])
    if settings.max_sector_active is not None:
        for sector in sorted({market.securities[n].sector for n in names}):
            inside = [n for n in names if market.securities[n].sector == sector]
            begun = sum(held[n] - target.get(n, 0.0) for n in inside)
            for upper, limit in ((True, settings.max_sector_active), (False, -settings.max_sector_active)):
                soft(quicksum(active[n] for n in inside), limit, begun, upper=upper)
    f = risk.exposures[[risk.position[n] for n in names]]
    if settings.max_factor_active is not None:
        for k in range(f.shape[1]):
            for upper, limit in ((True, settings.max_factor_active), (False, -settings.max_factor_active)):
                total = quicksum(f[i, k] * active[n] for i, n in enumerate(names))
                soft(total, limit, float(f[:, k] @ start), upper=upper)
    for r in snapshot.restrictions:
        if r.rule in (Rule.MIN_WEIGHT, Rule.MAX_WEIGHT) and r.target.startswith("sector:"):
            inside = [n for n in names if means(r.target, market.securities[n])]
            begun = sum(held[n] for n in inside)
            soft(begun + quicksum(trade[n] for n in inside), float(r.value), begun, upper=r.rule is Rule.MAX_WEIGHT)
    if settings.max_turnover is not None:
        scip.addCons(quicksum(turnover) <= settings.max_turnover)
    if settings.max_net_gain is not None and taxable and gains:
        scip.addCons(quicksum(gains) <= float(settings.max_net_gain) / value)

    factors = []
    for k in range(f.shape[1]):
        y = scip.addVar(**free)
        scip.addCons(y == quicksum(f[i, k] * active[n] for i, n in enumerate(names)))
        factors.append(float(risk.factor_covariance[k, k]) * y * y)
    specific = [float(risk.specific_variance[risk.position[n]]) * active[n] * active[n] for n in names]
    variance = scip.addVar(lb=0.0)
    scip.addCons(BP * settings.risk_aversion * quicksum([*factors, *specific]) <= variance)
    scip.setObjective(variance + BP * quicksum(linear), "minimize")
    scip.optimize()
    status = scip.getStatus()
    return status, scip.getObjVal() if scip.getNSols() else None, scip.getDualbound()


if __name__ == "__main__":
    cases = pickle.loads(Path(sys.argv[1]).read_bytes())
    Path(sys.argv[2]).write_bytes(pickle.dumps([solve(case) for case in cases]))
