"""A scan in columns against the rules written out lot by lot in Decimals, on random accounts full of oddities.

Names are missing from the list of securities, the prices, the risk model or the model; lots were given, adjusted by
wash sales or tacked; shares and prices have from none to fourteen decimals, or more digits than 64 bits hold.
"""

import math
import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal as D
from decimal import localcontext

import numpy as np
import pytest

from engine.domain.accounts import Lot, Restriction, Rule, Transaction, TransactionType
from engine.domain.market import ActionKind, CorporateAction, Mark, Model, RiskModel, Security
from engine.domain.plans import Lock, LockRule, Term
from engine.domain.policy import means
from engine.domain.settings import PlanSettings
from engine.monitor.drift import drift_by_name, drift_by_sector
from engine.monitor.harvest import harvest
from engine.monitor.moves import MoveLimits, moves
from engine.monitor.positions import measure
from engine.tax.gifts import basis_at, held_from_at
from engine.tax.holding import term
from tests.engine.monitor.conftest import AS_OF

SEEDS = range(60)
NAMES = tuple("ABCDEFGH")


class Case:
    def __init__(self, seed: int, snapshot, market) -> None:
        self.dice = dice = random.Random(seed)
        self.decimals = dice.choice([0, 2, 6, 14])
        self.most = dice.choice([100, 100_000, 10**16 if seed % 5 == 0 else 1000])
        securities = {
            name: Security(security_id=name, ticker=name, name=name, sector=dice.choice(["Tech", "Fuel"]), tags=("t",),
                           identical_group=dice.choice([None, "TWINS"]), tradable=dice.choice([None, None, False]))
            for name in self.some()
        }  # fmt: skip
        marks = {name: Mark(price=self.number(2000), on=AS_OF - timedelta(dice.randrange(9))) for name in self.some()}
        covered = self.some()
        self.market = replace(
            market,
            securities=securities,
            marks=marks,
            models={"M": Model(model_id="M", weights=tuple((name, self.number(1)) for name in self.some()))},
            risk=RiskModel(
                security_ids=covered, factors=("market", "oil"),
                exposures=np.array([[dice.gauss(1, 0.3), dice.gauss(0, 1)] for _ in covered]).reshape(len(covered), 2),
                factor_covariance=market.risk.factor_covariance,
                specific_variance=np.array([dice.random() / 10 for _ in covered]),
            ),
        )  # fmt: skip
        rules = [Rule.DO_NOT_SELL, Rule.DO_NOT_BUY, Rule.DO_NOT_HOLD]
        self.restrictions = tuple(
            Restriction(scope="A", target=dice.choice([*NAMES, "tag:t", "sector:Fuel"]), rule=rule, value=None,
                        until=None, reason="")
            for rule in rules if dice.random() < 0.4
        )  # fmt: skip
        lots = [self.lot(k) for k in range(dice.randrange(25))]
        sale = Transaction(transaction_id="p", account_id="A", trade_date=AS_OF, security_id="A",
                           type=TransactionType.SELL, quantity=D(1), price=D(1), lot_id="lot3")  # fmt: skip
        self.snapshot = replace(
            snapshot,
            book=replace(snapshot.book, lots=lots, account=replace(snapshot.account, cash=self.number(500) - 50)),
            restrictions=self.restrictions,
            pending=(sale,),
        )

    def some(self) -> tuple[str, ...]:
        return tuple(name for name in NAMES if self.dice.random() < 0.9)

    def number(self, most: int) -> D:
        return D(self.dice.randrange(1, most * 10**self.decimals + 2)).scaleb(-self.decimals)

    def lot(self, k: int) -> Lot:
        acquired = AS_OF - timedelta(self.dice.choice([3, 364, 365, 366, 367, 900]))
        given = self.dice.random() < 0.2
        return Lot(
            account_id="A", lot_id=f"lot{k}", security_id=self.dice.choice([*NAMES, "stranger"]),
            quantity=self.number(self.most), cost_per_share=self.number(2000), acquired=acquired,
            wash_adjustment=self.dice.choice([None, None, D(0), D("3.333")]),
            holding_start=self.dice.choice([None, None, acquired - timedelta(40)]),
            gift_price=self.number(2000) if given else None, gift_date=AS_OF - timedelta(20) if given else None,
        )  # fmt: skip

    @property
    def values(self) -> dict[str, D]:
        marks = self.market.marks
        held = {lot.security_id for lot in self.snapshot.lots} & marks.keys()
        lots = [(lot.security_id, lot.quantity) for lot in self.snapshot.lots]
        return {name: sum(count for of, count in lots if of == name) * marks[name].price for name in held}

    @property
    def nav(self) -> D:
        return self.snapshot.account.cash + sum(self.values.values(), D(0))


@pytest.fixture(autouse=True)
def every_digit():
    """Products of fourteen decimals have more digits than Decimals keep by default."""
    with localcontext(prec=100):
        yield


@pytest.fixture(params=SEEDS)
def case(request, snapshot, market) -> Case:
    return Case(request.param, snapshot, market)


def test_positions_are_the_sums_of_their_lots_to_the_last_digit(case):
    found = measure(case.snapshot, case.market)

    held = {lot.security_id for lot in case.snapshot.lots}
    wanted = held | {name for name, _ in case.market.models["M"].weights}
    assert found.values == case.values
    assert found.nav == case.nav
    assert found.unpriced == tuple(sorted(held - case.market.marks.keys()))
    assert found.unknown == tuple(sorted(wanted - case.market.securities.keys()))
    assert found.uncovered == tuple(sorted(wanted - case.market.risk.position.keys()))


def test_each_drift_is_weight_less_target_and_held_back_by_the_rules_that_mean_the_name(case):
    settings = PlanSettings(max_active_weight=0.05, exclude=("B",))
    targets = dict(case.market.models["M"].weights)
    unpriced = {lot.security_id for lot in case.snapshot.lots} - case.market.marks.keys()
    expected = {}
    for name in (case.values.keys() | targets.keys()) - unpriced:
        weight = float(case.values.get(name, D(0)) / case.nav) if case.nav > 0 else 0.0
        active = weight - float(targets.get(name, D(0)))
        security = case.market.securities.get(name)
        rules = {each.rule for each in case.restrictions if security is not None and means(each.target, security)}
        hinders = {Rule.DO_NOT_SELL} if active > 0 else {Rule.DO_NOT_BUY, Rule.DO_NOT_HOLD}
        kept_out = security is not None and name == "B" and active <= 0
        restricted = security is not None and (security.tradable is False or kept_out or bool(rules & hinders))
        expected[name] = (weight, active, restricted, not restricted and abs(active) > 0.05 + 1e-6)

    drifts = drift_by_name(case.snapshot, measure(case.snapshot, case.market), settings)

    found = {each.security_id: (each.weight, each.active, each.restricted, each.outside) for each in drifts.names}
    assert found == {name: (pytest.approx(w, abs=1e-15), pytest.approx(a, abs=1e-15), r, o)
                     for name, (w, a, r, o) in expected.items()}  # fmt: skip
    order = [(-abs(each.active), each.security_id) for each in drifts.names]
    assert order == sorted(order)
    assert drifts.names[:1] == tuple(drifts.names)[:1]
    sectors: dict[str, float] = {}
    for name, (_, active, _, _) in expected.items():
        if name in case.market.securities:
            sector = case.market.securities[name].sector
            sectors[sector] = sectors.get(sector, 0.0) + active
    assert {each.name: each.active for each in drift_by_sector(drifts, settings)} == pytest.approx(sectors, abs=1e-14)


def test_every_loss_lot_and_the_sums_are_those_of_its_basis_for_a_loss_to_the_last_digit(case):
    least, part = case.dice.choice([(D(0), 0.0), (case.number(300), 0.0), (D("0.005"), 0.4)])
    settings = PlanSettings(harvest_min_loss_usd=least, harvest_min_loss_pct=part)
    locks = [
        Lock(household_id="H", identical_group=group, cause="t", rule=rule, until=AS_OF + timedelta(days))
        for group, rule, days in (("C", LockRule.NO_LOSS_SALE, 3), ("TWINS", LockRule.NO_LOSS_SALE, 9),
                                  ("TWINS", LockRule.NO_LOSS_SALE, 5), ("D", LockRule.NO_BUY, 5))
        if case.dice.random() < 0.5
    ]  # fmt: skip
    until = {each.identical_group: each.until for each in sorted(locks, key=lambda each: each.until)
             if each.rule is LockRule.NO_LOSS_SALE}  # fmt: skip
    expected = {}
    for lot in case.snapshot.lots:
        mark, security = case.market.marks.get(lot.security_id), case.market.securities.get(lot.security_id)
        loss = basis_at(lot, mark.price) - lot.quantity * mark.price if mark else D(0)
        if loss > 0:
            no_sale = [each.target for each in case.restrictions if each.rule is Rule.DO_NOT_SELL]
            reasons = [
                ("not_tradable", security is not None and security.tradable is False),
                ("restricted", security is not None and any(means(target, security) for target in no_sale)),
                ("pending", lot.lot_id == "lot3"),
                ("wash_sale_lock", (security.group if security else lot.security_id) in until),
                ("below_threshold", loss < least or float(loss) < part * float(basis_at(lot, D(0)))),
            ]
            why = next((reason for reason, holds in reasons if holds), None)
            free = until[security.group if security else lot.security_id] if why == "wash_sale_lock" else None
            expected[lot.lot_id] = (loss, term(held_from_at(lot, D(0)), AS_OF), why, free)

    found = harvest(case.snapshot, case.market, settings, locks)

    assert {lot.lot_id: (lot.loss, lot.term, lot.blocked, lot.until) for lot in found.lots} == expected
    for kind, total in ((Term.SHORT, found.st_loss), (Term.LONG, found.lt_loss)):
        assert total == sum((loss for loss, held, why, _ in expected.values() if why is None and held == kind), D(0))
    assert found.tax_saved == sum((lot.tax_saved for lot in found.lots if lot.blocked is None), D(0))
    assert [-lot.tax_saved for lot in found.lots] == sorted(-lot.tax_saved for lot in found.lots)


def test_moves_are_those_of_each_name_sector_and_account_between_two_marks(case):
    dice, market = case.dice, case.market
    last = {name: Mark(price=case.number(2000), on=AS_OF - timedelta(dice.randrange(1, 12))) for name in case.some()}
    last = {name: mark if dice.random() < 0.5 or name not in market.marks else
            replace(mark, price=market.marks[name].price * D(str(round(dice.gauss(1, 0.02), 3))))
            for name, mark in last.items()}  # fmt: skip
    splits = [
        CorporateAction(
            security_id=dice.choice(NAMES),
            ex_date=AS_OF - timedelta(dice.randrange(12)),
            kind=ActionKind.SPLIT,
            value=dice.choice([D(2), D(3), D("0.1")]),
        )
        for _ in range(2)
    ]
    limits = MoveLimits(name=0.05, sector=0.02, account=0.01, sigmas=3.0, least_effect=0.001)
    now = case.values
    before, days = dict(now), dict.fromkeys(now, 0)
    for name in now:
        if name in last and last[name].on < market.marks[name].on:
            ratio = math.prod(
                (each.value for each in splits
                 if each.security_id == name and last[name].on < each.ex_date <= market.marks[name].on), start=D(1),
            )  # fmt: skip
            before[name] = now[name] / market.marks[name].price * last[name].price / ratio
            days[name] = (market.marks[name].on - last[name].on).days
    whole = case.snapshot.account.cash + sum(before.values(), D(0))
    of_sector: dict[str, list[str]] = {}
    for name in now:
        if name in market.securities:
            of_sector.setdefault(market.securities[name].sector, []).append(name)
    looks = [("A", list(now), whole, limits.account)]
    looks += [
        (sector, names, sum(before[name] for name in names), limits.sector) for sector, names in of_sector.items()
    ]
    looks += [(name, [name], before[name], limits.name) for name in now]
    expected = {}
    for place, (key, names, value, most) in enumerate(looks):
        dollars = sum((now[name] - before[name] for name in names), D(0))
        if value > 0 and abs(dollars) > D("1e-6") and abs(dollars) >= D(limits.least_effect) * whole:
            change, sigma = float(dollars / value), deviation(market.risk, before, names, value)
            sigmas = change / (sigma * math.sqrt(max(days[name] for name in names) / 365)) if sigma else None
            if abs(change) > most or (sigmas is not None and abs(sigmas) > limits.sigmas):
                of = "account" if place == 0 else "sector" if place <= len(of_sector) else "name"
                expected[of, key] = (float(dollars), change, sigmas)

    found = moves(case.snapshot, market, measure(case.snapshot, market), last, limits=limits, actions=splits)

    told = {(move.of, move.key): (float(move.dollars), move.change, move.sigmas) for move in found}
    assert told.keys() == expected.keys()
    for key, (dollars, change, sigmas) in expected.items():
        assert told[key][:2] == (pytest.approx(dollars, rel=1e-12, abs=1e-6), pytest.approx(change, rel=1e-9))
        assert told[key][2] == (None if sigmas is None else pytest.approx(sigmas, rel=1e-9))


def deviation(risk: RiskModel, before: dict[str, D], names: list[str], value: D) -> float:
    """Return the annual volatility of some names over a value, name by name and factor by factor."""
    weights = {name: float(before[name] / value) for name in names if name in risk.position}
    rows = [(weight, risk.position[name]) for name, weight in weights.items()]
    factors = [sum(weight * risk.exposures[row, k] for weight, row in rows) for k in range(len(risk.factors))]
    covariance = risk.factor_covariance
    common = sum(factors[i] * factors[j] * covariance[i, j] for i in range(len(factors)) for j in range(len(factors)))
    return math.sqrt(common + sum(weight**2 * risk.specific_variance[row] for weight, row in rows))


def test_the_random_accounts_have_every_kind_of_loss_and_of_move(snapshot, market):
    """The tests above would pass on accounts in which nothing ever happens."""
    losses = [lot for seed in SEEDS for case in [Case(seed, snapshot, market)]
              for lot in harvest(case.snapshot, case.market, PlanSettings(), ()).lots]  # fmt: skip
    assert {lot.blocked for lot in losses} == {None, "not_tradable", "restricted", "pending"}
    assert {lot.term for lot in losses} == {Term.SHORT, Term.LONG}
    assert len(losses) > 200
