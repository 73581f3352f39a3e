"""What do the raw inputs say: what may be traded, at what tax, under which limits? And what is a finished plan worth?

Written from the domain types alone; it shares no code with engine.plan or engine.tax. Weights are fractions of V.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from datetime import timedelta

from engine.domain.accounts import Rule, TransactionType
from engine.domain.plans import LockRule, Side
from engine.domain.policy import means
from engine.domain.settings import LotMethod, WashSalePolicy

BP = 1e4
WINDOW = timedelta(days=30)
PURCHASES = (TransactionType.BUY, TransactionType.REINVEST)
WEIGHT_RULES = (Rule.MIN_WEIGHT, Rule.MAX_WEIGHT)
ORDERS = {
    LotMethod.FIFO: lambda part: (part.acquired, part.lot_id),
    LotMethod.LIFO: lambda part: (-part.acquired.toordinal(), part.lot_id),
    LotMethod.HIFO: lambda part: (part.gain, part.acquired, part.lot_id),
}


@dataclass(frozen=True)
class Part:
    """Shares of one lot that are alike; per dollar sold: gain, gain that the tax return counts, tax at the margin."""

    lot_id: str
    acquired: object
    weight: float
    gain: float
    counted: float
    tax: float
    is_long: bool
    blocked: bool


@dataclass(frozen=True)
class Limit:
    """start + sum of weights x trades on one side of `at`. priced: broken before, so it may stay broken at a price."""

    rule: str
    weights: dict
    start: float
    at: float
    upper: bool
    priced: bool

    def excess(self, trade):
        value = self.start + sum(weight * trade[n] for n, weight in self.weights.items())
        return value - self.at if self.upper else self.at - value

    @property
    def allowance(self):
        return abs(self.start - self.at) if self.priced else 0.0


class RawAccount:
    """One account in plain numbers, each worked out from snapshot, market, settings and locks."""

    def __init__(self, case):
        self.snapshot, self.market, self.settings, self.locks = case
        self.account, self.risk, self.securities = self.snapshot.account, self.market.risk, self.market.securities
        self.taxable = self.account.registration.is_taxable
        self.st_rate, self.lt_rate = float(self.account.st_rate), float(self.account.lt_rate)
        self.price = {name: float(mark.price) for name, mark in self.market.marks.items()}
        lots = self.snapshot.lots
        worth = sum(float(lot.quantity) * self.price[lot.security_id] for lot in lots)
        cash = float(self.account.cash + self.settings.deposit - self.settings.withdrawal)
        self.value = cash + worth
        self.cash = cash / self.value
        self.target = {name: float(w) for name, w in self.market.models[self.account.model_id].weights}
        self.names = sorted({*self.target, *(lot.security_id for lot in lots)})
        self.held = {
            n: sum(float(x.quantity) for x in lots if x.security_id == n) * self.price[n] / self.value
            for n in self.names
        }
        self.start = {n: self.held[n] - self.target.get(n, 0.0) for n in self.names}
        self.groups = defaultdict(list)
        for n in self.names:
            self.groups[self.securities[n].group].append(n)
        self.parts = {n: self._parts(n) for n in self.names}
        self.most = {n: sum(p.weight for p in self.parts[n] if not p.blocked) for n in self.names}
        self.all_free = {n: not any(p.blocked for p in self.parts[n]) for n in self.names}
        self.limits = list(self._limits())

    def rules(self, n):
        return [r for r in self.snapshot.restrictions if means(r.target, self.securities[n])]

    def must_leave(self, n):
        excluded = any(means(target, self.securities[n]) for target in self.settings.exclude)
        return self.settings.liquidate or excluded or any(r.rule is Rule.DO_NOT_HOLD for r in self.rules(n))

    def may_buy(self, n):
        barred = any(r.rule is Rule.DO_NOT_BUY for r in self.rules(n))
        frozen = self.securities[n].tradable is False
        return not (self.must_leave(n) or barred or frozen or self._is_locked(n, LockRule.NO_BUY))

    def cost(self, n):
        own = self.securities[n].cost_bp
        return float(self.settings.cost_bp if own is None else own) / BP

    def impact(self, n):
        """Linear price impact: a day's whole volume costs impact_bp of the amount traded."""
        volume = self.securities[n].adv_usd
        return self.settings.impact_bp / BP * self.value / float(volume) if volume else 0.0

    def alpha(self, n):
        return sum(v for key, v in self.settings.tilt.items() if means(key, self.securities[n]))

    def specific(self, n):
        return float(self.risk.specific_variance[self.risk.position[n]])

    def exposures(self):
        """Rows are names, in order; columns factors."""
        return self.risk.exposures[[self.risk.position[n] for n in self.names]]

    def order(self, n):
        """The parts of a name in the order in which they have to be sold, or None where any order will do."""
        parts = self.parts[n]
        if self._catches_losses(n):
            return parts
        return parts if self.settings.lot_method in ORDERS else None

    def _is_locked(self, n, rule):
        return any(x.rule is rule and x.identical_group == self.securities[n].group for x in self.locks)

    def _catches_losses(self, n):
        """Whether a loss in this name may be taken though the household has bought it lately.

        Not where lots go in an order that is neither that of tax nor of acquisition: what is caught would depend on it.
        """
        allowed = self.settings.wash_sales is WashSalePolicy.ALLOW and len(self.groups[self.securities[n].group]) == 1
        in_time = self.settings.lot_method not in (LotMethod.HIFO, LotMethod.LIFO)
        return self.taxable and allowed and in_time and self._is_locked(n, LockRule.NO_LOSS_SALE)

    def _parts(self, n):
        parts = [self._part(x) for x in self.snapshot.lots if x.security_id == n]
        method = self.settings.lot_method
        if self._catches_losses(n) and method not in ORDERS:
            losses = sorted((p for p in parts if p.gain < 0 and not p.blocked), key=lambda p: (p.acquired, p.lot_id))
            gains = sorted(
                (p for p in parts if p.gain >= 0 and not p.blocked), key=lambda p: (p.tax, p.acquired, p.lot_id)
            )
            return [*self._caught(n, losses), *gains, *(p for p in parts if p.blocked)]
        if method not in ORDERS:
            return parts
        stopped, ordered = False, []
        for part in sorted(parts, key=ORDERS[method]):
            stopped = stopped or part.blocked
            ordered.append(replace(part, blocked=stopped))
        return list(self._caught(n, ordered)) if self._catches_losses(n) else ordered

    def _part(self, lot):
        price = self.price[lot.security_id]
        gain = 1 - float(lot.basis / lot.quantity) / price
        begun = lot.holding_start or lot.acquired
        is_long = self.snapshot.as_of > begun.replace(year=begun.year + 1)
        rate = (self.lt_rate if is_long else self.st_rate) if self.taxable else 0.0
        return Part(
            lot_id=lot.lot_id,
            acquired=lot.acquired,
            weight=float(lot.quantity) * price / self.value,
            gain=gain,
            counted=gain if self.taxable else 0.0,
            tax=rate * gain,
            is_long=is_long,
            blocked=self._is_blocked(lot),
        )

    def _is_blocked(self, lot):
        n = lot.security_id
        if self.securities[n].tradable is False or any(r.rule is Rule.DO_NOT_SELL for r in self.rules(n)):
            return True
        loss_usd = float(lot.basis) - float(lot.quantity) * self.price[n]
        if not self.taxable or loss_usd <= 0:
            return False
        if self._is_locked(n, LockRule.NO_LOSS_SALE):
            stays = self._is_recent(lot) and not self.settings.liquidate
            if stays or not self._catches_losses(n):
                return True
        least = max(float(self.settings.harvest_min_loss_usd), self.settings.harvest_min_loss_pct * float(lot.basis))
        return loss_usd < least and not self.must_leave(n)

    def _is_recent(self, lot):
        return self.snapshot.as_of - lot.acquired <= WINDOW

    def _caught(self, n, parts):
        """Cut the lots sold at a loss where the household's replacements end: what they catch counts for no gain."""
        waiting = [[shares * self.price[n] / self.value, kept] for shares, kept in self.replacements(n)]
        for part in parts:
            left = part.weight
            while part.gain < 0 and not part.blocked and left > 1e-12 and waiting:
                taken = min(left, waiting[0][0])
                worth = self.settings.carryforward_value if waiting[0][1] else 0.0
                yield replace(part, weight=taken, counted=0.0, tax=worth * part.tax)
                left -= taken
                waiting[0][0] -= taken
                if waiting[0][0] <= 1e-12:
                    waiting.pop(0)
            if left > 1e-12:
                yield replace(part, weight=left)

    def replacements(self, n):
        """Return (shares, whether their account is taxable) bought in the window, held and free, oldest first.

        Purchases of one day go by account.
        """
        as_of, found, sold = self.snapshot.as_of, [], []
        for book in sorted(self.snapshot.household_books, key=lambda book: book.account.account_id):
            taxable = book.account.registration.is_taxable
            rows = [t for t in book.transactions if t.security_id == n and as_of - t.trade_date <= WINDOW]
            left = {x.lot_id: x for x in book.lots if x.security_id == n and self._is_recent(x)}
            if book is self.snapshot.book and self.settings.liquidate:
                left = {}  # what is sold out replaces nothing
            for t in rows:
                if t.type in PURCHASES:
                    lot = left.pop(t.lot_id or t.transaction_id, None)
                    found.append([t.trade_date, float(t.quantity), float(lot.quantity) if lot else 0.0, taxable])
                elif t.type is TransactionType.SELL and taxable and float(t.basis) > float(t.quantity * t.price):
                    sold.append((t.trade_date, float(t.quantity)))
            found += [[x.acquired, float(x.quantity), float(x.quantity), taxable] for x in left.values()]
        found.sort(key=lambda entry: entry[0])
        for on, quantity in sorted(sold):  # what an earlier loss has caught, catches no other
            for entry in found:
                used = min(entry[2], quantity) if abs(entry[0] - on) <= WINDOW else 0.0
                entry[2] -= used
                quantity -= used
        return [(kept, taxable) for _, _, kept, taxable in found if kept > 0]

    def _limits(self):
        settings = self.settings
        if settings.liquidate:
            return
        for n in self.names:
            if not self.must_leave(n):
                yield from self._name_limits(n)
        if settings.max_sector_active is not None:
            for sector in sorted({self.securities[n].sector for n in self.names}):
                inside = [n for n in self.names if self.securities[n].sector == sector]
                gone = sum(self.target.get(n, 0.0) for n in inside if self.must_leave(n))
                yield from self._band("sector " + sector, dict.fromkeys(inside, 1.0), settings.max_sector_active, gone)
        if settings.max_factor_active is not None:
            for k, column in enumerate(self.exposures().T):
                weights = dict(zip(self.names, map(float, column), strict=True))
                yield from self._band(f"factor {k}", weights, settings.max_factor_active, 0.0)
        for r in self.snapshot.restrictions:
            if r.rule in WEIGHT_RULES and ":" in r.target:
                inside = {n: 1.0 for n in self.names if means(r.target, self.securities[n])}
                yield self._limit(r.target, inside, self.held, float(r.value), upper=r.rule is Rule.MAX_WEIGHT)

    def _name_limits(self, n):
        limit = self.settings.max_active_weight
        if limit is not None:
            yield from self._band("active " + n, {n: 1.0}, limit, 0.0)
        for r in self.rules(n):
            if r.target == n and r.rule in WEIGHT_RULES:
                yield self._limit(n, {n: 1.0}, self.held, float(r.value), upper=r.rule is Rule.MAX_WEIGHT)

    def _band(self, rule, weights, limit, gone):
        yield self._limit(rule, weights, self.start, limit, upper=True)
        yield self._limit(rule, weights, self.start, -limit - gone, upper=False)

    def _limit(self, rule, weights, at_start, limit, *, upper):
        start = sum(weight * at_start[n] for n, weight in weights.items())
        broken = start > limit if upper else start < limit
        priced = broken and not self.settings.enforce
        return Limit(rule=rule, weights=weights, start=start, at=limit, upper=upper, priced=priced)


def tax_regions(st_rate, lt_rate, carried, allowance):
    """The year's tax as a function of net ST and LT results: regions [(a, b, c): a S + b L <= c] and S, L, constant.

    Read off 26 U.S.C. 1222 (netting), 1211(b) (allowance against ordinary income) and 1212(b) (what is carried on).
    """
    r, q, v, w, free = st_rate, lt_rate, carried * st_rate, carried * lt_rate, allowance
    st_gain, st_loss, lt_gain, lt_loss = (-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0)
    gain, in_income, beyond = (-1, -1, 0), (-1, -1, free), (1, 1, -free)
    long_carried = (w, w, free * (w - r))
    return [
        ([st_gain, lt_gain], (r, q, 0.0)),
        ([st_gain, lt_loss, in_income], (r, r, 0.0)),  # a long loss eats short gains, then income
        ([st_gain, lt_loss, beyond], long_carried),
        ([st_loss, lt_gain, gain], (q, q, 0.0)),  # a short loss eats long gains
        ([st_loss, lt_gain, (1, 1, 0), in_income], (r, r, 0.0)),
        ([st_loss, lt_gain, beyond], (v, v, free * (v - r))),
        ([(1, 0, -free), lt_loss], (v, w, free * (v - r))),  # the short loss fills the allowance, all else is carried
        ([st_loss, (-1, 0, free), lt_loss, in_income], (r, r, 0.0)),
        ([st_loss, (-1, 0, free), lt_loss, beyond], long_carried),
    ]


def year_tax(regions, st, lt):
    """Return the tax of a year with these net results."""
    for rules, (by_st, by_lt, constant) in regions:
        if all(a * st + b * lt <= c + 1e-9 for a, b, c in rules):
            return by_st * st + by_lt * lt + constant
    raise AssertionError(f"no region holds {st}, {lt}")


def appraisal(case, plan):
    """Return the appraisal of a plan."""
    shares, sold = {}, Counter()
    for t in plan.trades:
        shares[t.security_id] = float(t.quantity) if t.side is Side.BUY else -float(t.quantity)
        for sale in t.lots:
            sold[sale.lot_id] += float(sale.quantity)
    return Appraisal(RawAccount(case), shares, sold)


class Appraisal:
    """Trades judged from the raw inputs: each part of their objective in bp, and every rule they break.

    shares: signed, by name; sold: shares by lot.
    """

    def __init__(self, raw, shares, sold):
        self.raw, self.sold = raw, sold
        self.trade = {n: shares.get(n, 0.0) * raw.price[n] / raw.value for n in raw.names}
        self.split = {n: list(self._split(n)) for n in raw.names}
        self.sales = [sale for n in raw.names for sale in self.split[n]]
        self.variance = self._variance()

    def _split(self, n):
        """Return each part with what is sold of it: a lot's parts go in their order."""
        unit = self.raw.price[n] / self.raw.value
        left = {p.lot_id: self.sold.get(p.lot_id, 0.0) * unit for p in self.raw.parts[n]}
        for part in self.raw.parts[n]:
            taken = min(part.weight, left[part.lot_id])
            left[part.lot_id] -= taken
            yield part, taken

    def _variance(self):
        raw = self.raw
        active = [raw.start[n] + self.trade[n] for n in raw.names]
        factors = raw.exposures().T @ active
        return float(factors @ raw.risk.factor_covariance @ factors) + sum(
            raw.specific(n) * a * a for n, a in zip(raw.names, active, strict=True)
        )

    @property
    def risk(self):
        return BP * self.raw.settings.risk_aversion * self.variance

    @property
    def tax(self):
        raw = self.raw
        if not (raw.settings.net_taxes and raw.taxable):
            return BP * raw.settings.tax_weight * sum(part.tax * weight for part, weight in self.sales)
        account, carried = raw.account, raw.settings.carryforward_value
        regions = tax_regions(raw.st_rate, raw.lt_rate, carried, 3000 / raw.value)
        before = [float(account.ytd_st_gain - account.st_carryforward) / raw.value,
                  float(account.ytd_lt_gain - account.lt_carryforward) / raw.value]  # fmt: skip
        made = [sum(p.counted * w for p, w in self.sales if p.is_long is long) for long in (False, True)]
        netted = year_tax(regions, before[0] + made[0], before[1] + made[1]) - year_tax(regions, *before)
        disallowed = sum(part.tax * weight for part, weight in self.sales if part.counted != part.gain)
        return BP * raw.settings.tax_weight * (netted + disallowed)

    @property
    def cost(self):
        return BP * sum(self.raw.cost(n) * abs(u) + self.raw.impact(n) * u * u for n, u in self.trade.items())

    @property
    def tilt(self):
        return -BP * sum(self.raw.alpha(n) * u for n, u in self.trade.items())

    @property
    def breach(self):
        excess = sum(max(limit.excess(self.trade), 0.0) for limit in self.raw.limits if limit.priced)
        return self.raw.settings.breach_penalty / 0.01 * excess

    @property
    def total(self):
        return self.risk + self.tax + self.cost + self.tilt + self.breach

    def faults(self, *, slack=2e-6, cash_slack=2e-6):
        """Return a sentence for every rule that the trades break by more than slack, fractions of V."""
        raw, settings = self.raw, self.raw.settings
        found = [
            f"{limit.rule} {excess - limit.allowance:.2e} beyond"
            for limit in raw.limits
            if (excess := limit.excess(self.trade)) > limit.allowance + slack
        ]
        for n in raw.names:
            found += [f"{n}: {fault}" for fault in self._name_faults(n, slack)]
        found += self._group_faults(slack)
        if settings.max_trades is not None and len(self.traded()) > settings.max_trades:
            found.append(f"{len(self.traded())} trades")
        return found if settings.liquidate else [*found, *self._cap_faults(slack, cash_slack)]

    def _cap_faults(self, slack, cash_slack):
        """What a liquidation may do, and nothing else."""
        raw, settings = self.raw, self.raw.settings
        spent = sum(u + raw.cost(n) * abs(u) for n, u in self.trade.items())
        if not settings.min_cash - slack <= raw.cash - spent <= settings.max_cash + cash_slack:
            yield f"cash {raw.cash - spent}"
        if settings.max_tracking_error is not None and self.variance**0.5 > settings.max_tracking_error + slack:
            yield f"tracking error {self.variance**0.5}"
        if settings.max_names is not None and len(self.kept()) > settings.max_names:
            yield f"{len(self.kept())} names"
        if settings.max_turnover is not None and sum(map(abs, self.trade.values())) / 2 > settings.max_turnover + slack:
            yield "turnover"
        gain = sum(part.counted * weight for part, weight in self.sales)
        if (
            settings.max_net_gain is not None
            and raw.taxable
            and gain > float(settings.max_net_gain) / raw.value + slack
        ):
            yield "net gain"

    def traded(self):
        return [n for n, u in self.trade.items() if u != 0]

    def kept(self):
        return [n for n, u in self.trade.items() if self.raw.held[n] + u > 1e-9]

    def _name_faults(self, n, slack):
        raw, u, parts = self.raw, self.trade[n], self.split[n]
        if u > 0 and not raw.may_buy(n):
            yield "bought"
        if abs(sum(weight for _, weight in parts) - max(-u, 0.0)) > 1e-9:
            yield "its lots are not its trade"
        if any(part.blocked and weight > 0 for part, weight in parts):
            yield "a blocked lot is sold"
        if raw.must_leave(n) and abs(max(-u, 0.0) - raw.most[n]) > slack:
            yield "does not leave"
        least = float(raw.settings.min_trade_usd) / raw.value
        if not raw.must_leave(n) and 0 < abs(u) < least - slack and raw.held[n] + u > 1e-9:
            yield "a trade below the minimum"
        order = raw.order(n)
        if order is not None:
            before_is_gone = True
            for part, weight in parts:
                if weight > slack and not before_is_gone:
                    yield "lots out of order"
                before_is_gone = before_is_gone and (part.blocked or weight > part.weight - slack)

    def _group_faults(self, slack):
        for group, members in self.raw.groups.items():
            loses = any(p.gain < 0 and w > slack for n in members for p, w in self.split[n])
            if self.raw.taxable and loses and any(self.trade[n] > slack for n in members):
                yield f"{group} is bought and sold at a loss"
