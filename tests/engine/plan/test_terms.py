"""A firm's own terms hold in the plan, cost what they say, and never make the bound pass the best plan."""

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal as D
from itertools import product
from math import inf, nan, sqrt
from pathlib import Path

import numpy as np
import pytest

from engine.domain.accounts import Restriction, Rule
from engine.domain.errors import DataError
from engine.domain.plans import PlanStatus, Side, Verdict
from engine.domain.settings import LotMethod, PlanSettings
from engine.plan.document import plan_document
from engine.plan.evaluate import evaluate_trades
from engine.plan.problem import BP, build_problem
from engine.plan.propose import propose_plan
from engine.plan.reference import reference_optimum
from engine.plan.search import search
from engine.plan.stated_search import at_prices
from engine.plan.terms import ConvexTerm, LinearRule, NameCost

OLD = date(2024, 1, 5)
PAGE = Path(__file__).parents[3] / "docs" / "own-terms.md"
EPSILON = 1e-7  # Clarabel's tolerance in the reference, fractions of V
FREE = PlanSettings(
    risk_aversion=10.0, cost_bp=0.0, min_cash=0.0, max_cash=1.0, max_active_weight=None, max_sector_active=None
)


def signed(plan):
    return {t.security_id: t.quantity if t.side is Side.BUY else -t.quantity for t in plan.trades}


def verdict_of(plan, name):
    [check] = [check for check in plan.checks if check.rule == name]
    return check.verdict


def one_free_name(market_of, account_of):
    """A is held at its target of 50 % of 100,000 USD, B is frozen at 40 %, 10 % is cash; D = 0.04 for both."""
    market = market_of({"A": 100, "B": 100}, {"A": "0.5", "B": "0.5"})
    frozen = tuple(
        Restriction(scope="A", target="B", rule=rule, value=None, until=None, reason="Test")
        for rule in (Rule.DO_NOT_BUY, Rule.DO_NOT_SELL)
    )
    account = account_of(10_000, ("a", "A", 500, 100, OLD), ("b", "B", 400, 100, OLD), restrictions=frozen)
    return account, market


def two_names(market_of, account_of, held, targets):
    """Both of 100 USD, lots without gain or loss, D = 0.04, 100,000 USD in all."""
    market = market_of({"A": 100, "B": 100}, targets)
    shares = [round(1000 * weight) for weight in held]
    cash = 100_000 - 100 * sum(shares)
    lots = [(n, n, count, 100, OLD) for n, count in zip("AB", shares, strict=True)]
    return account_of(cash, *lots), market


# Costs on names: risk is 10 x 0.04 u^2 = 0.4 u^2 for a trade u of A.


@pytest.mark.parametrize(
    ("cost", "shares"),
    [
        # 0.4 u^2 + 0.08 u is least at u = -0.1, 100 of the account's 1,000 shares' worth.
        ({"weight": {"A": 0.08}}, -100),
        # 0.4 u^2 + 0.08 u + 0.04 |u|: at u = -0.05.
        ({"weight": {"A": 0.08}, "traded": {"A": 0.04}}, -50),
        # 0.8 u^2 + 0.08 u: at u = -0.05.
        ({"weight": {"A": 0.08}, "squared": {"A": 0.4}}, -50),
    ],
)
def test_a_cost_on_a_name_moves_it_as_far_as_the_closed_form_says(market_of, account_of, cost, shares):
    account, market = one_free_name(market_of, account_of)
    term = NameCost(name="house view", **cost)

    plan, run = propose_plan(account, market, FREE, inputs_hash="", terms=[term])

    assert signed(plan) == {"A": shares}
    assert not run.fallback
    assert plan.after.cash == 10_000 - 100 * shares  # what is weighed is not paid


def test_a_cost_of_weight_is_a_tilt_the_other_way(random_case):
    snapshot, market, settings, _ = random_case(7)
    name = snapshot.lots[0].security_id

    tilted, _ = propose_plan(snapshot, market, replace(settings, tilt={name: -0.01}), inputs_hash="")
    charged, _ = propose_plan(
        snapshot, market, replace(settings, tilt={}), inputs_hash="", terms=[NameCost(name="fee", weight={name: 0.01})]
    )

    assert signed(charged) == signed(tilted)
    assert charged.objective.total == pytest.approx(tilted.objective.total, abs=1e-6)


# Linear rules. Scores 80 and 40, half each: the average is 60.

SCORES = {"A": 80.0, "B": 40.0}


def test_a_floor_that_is_enforced_is_reached(market_of, account_of):
    # 80 a + 40 b >= 70 with a + b <= 1: a = 0.75 is the nearest.
    account, market = two_names(market_of, account_of, (0.5, 0.5), {"A": "0.5", "B": "0.5"})
    floor = LinearRule(name="score", coefficients=SCORES, lo=70.0)

    plan, _ = propose_plan(account, market, replace(FREE, enforce=True), inputs_hash="", terms=[floor])

    assert signed(plan) == {"A": 250, "B": -250}
    assert verdict_of(plan, "score") is Verdict.PASS
    assert "score" in {binding.rule for binding in plan.binding}


def test_a_floor_that_is_broken_already_is_priced_and_may_not_get_worse(market_of, account_of):
    # Moving v from B to A costs 0.4 (v^2 + v^2) of risk and mends (80 - 40) / 80 v of breach, at 32 bp for each 1 %,
    # which is 0.32 a unit: 0.8 v^2 - 0.16 v is least at v = 0.1.
    account, market = two_names(market_of, account_of, (0.5, 0.5), {"A": "0.5", "B": "0.5"})
    floor = LinearRule(name="score", coefficients=SCORES, lo=70.0)

    plan, _ = propose_plan(
        account, market, replace(FREE, breach_penalty=32.0, max_cash=0.0), inputs_hash="", terms=[floor]
    )

    assert signed(plan) == {"A": 100, "B": -100}
    assert verdict_of(plan, "score") is Verdict.WARN


def test_an_active_rule_counts_from_the_model(market_of, account_of):
    # The model has 50 % of each. With 30 % of A and 70 % of B, and A over the model by 10 % at most, 60 % is A's most.
    account, market = two_names(market_of, account_of, (0.3, 0.7), {"A": "0.5", "B": "0.5"})
    house = LinearRule(name="house factor", coefficients={"A": 2.0}, hi=0.2, active=True)
    pull = NameCost(name="pull", weight={"A": -10.0})

    plan, _ = propose_plan(account, market, FREE, inputs_hash="", terms=[house, pull])

    assert signed(plan)["A"] == 300


def test_rules_that_no_plan_can_obey_are_named(market_of, account_of):
    account, market = two_names(market_of, account_of, (0.5, 0.5), {"A": "0.5", "B": "0.5"})
    rule = LinearRule(name="score", coefficients=SCORES, lo=90.0)
    cone = ConvexTerm(name="cone", write=lambda cp, w, facts: (0, [cp.norm(w) <= 0.1]))
    settings = replace(FREE, enforce=True, max_cash=0.5)

    for term in (rule, cone):
        plan, _ = propose_plan(account, market, settings, inputs_hash="", terms=[term])

        assert plan.status is PlanStatus.INFEASIBLE
        assert term.name in plan.conflicts


# Convex terms.


def test_a_cone_stops_the_plan_at_its_surface(market_of, account_of):
    # Both names want 20 % more; no more than 0.1 x sqrt(2) of distance from what is held lets them have 10 % each.
    account, market = two_names(market_of, account_of, (0.3, 0.3), {"A": "0.5", "B": "0.5"})
    cone = ConvexTerm(name="cone", write=lambda cp, w, facts: (0, [cp.norm(w - facts.held) <= 0.1 * sqrt(2.0)]))

    plan, run = propose_plan(account, market, FREE, inputs_hash="", terms=[cone])

    assert signed(plan) == {"A": 100, "B": 100}
    assert plan.objective.risk == pytest.approx(BP * 0.4 * 2 * 0.01)
    assert plan.objective.gap < 0.01
    # Along the diagonal u = r / sqrt(2) each: d/dr of 0.8 (0.2 - r / sqrt(2))^2 is -1.6 x 0.1 / sqrt(2) a unit of r.
    [binding] = [binding for binding in plan.binding if binding.rule == "cone"]
    assert binding.price_bp == pytest.approx(BP * 0.01 * 0.16 / sqrt(2.0), rel=1e-3)
    assert run.fallback
    assert "cone" in run.solver


def test_what_a_term_costs_is_in_the_objective(market_of, account_of):
    # 0.4 u^2 + (0.5 + u - 0.3)^2 x 0.4 is least half way, at u = -0.1: 0.004 of risk and 0.004 of cost.
    account, market = one_free_name(market_of, account_of)
    pull = ConvexTerm(name="pull", write=lambda cp, w, facts: (0.4 * cp.square(w[0] - 0.3), []))

    plan, _ = propose_plan(account, market, FREE, inputs_hash="", terms=[pull])

    assert signed(plan) == {"A": -100}
    assert plan.objective.tilt == pytest.approx(0.004 * BP)
    assert plan.objective.total == pytest.approx((0.004 + 0.004 + 0.4 * 0.01) * BP)  # B is 10 % short of its target


def test_the_price_of_a_term_is_its_conjugate(market_of, account_of):
    # min over w of 0.4 (w - 0.3)^2 - p w is -0.3 p - p^2 / 1.6 as long as w = 0.3 + p / 0.8 can be reached.
    account, market = one_free_name(market_of, account_of)
    pull = ConvexTerm(name="pull", write=lambda cp, w, facts: (0.4 * cp.square(w[0] - 0.3), []))
    written = build_problem(account, market, FREE, locks=(), terms=[pull]).written

    for p in (-0.2, 0.0, 0.1):
        exact = -0.3 * p - p * p / 1.6
        assert exact - 1e-6 < written.least(np.array([p, 0.0])) <= exact


def crowding(cp, w, facts):
    """A cost and a cone with no meaning but that neither follows the model."""
    away = np.random.default_rng(len(facts.held)).normal(0.0, 1.0, len(facts.held))
    cost = 0.3 * cp.square(away @ w) + 0.02 * cp.abs(w[0] - 0.1) + 0.01 * cp.power(cp.norm(w), 1.5)
    return cost, [cp.norm(w - facts.target) <= 0.9 * float(np.linalg.norm(facts.held - facts.target)) + 0.01]


CROWDING = ConvexTerm(name="crowding", write=crowding)


@pytest.fixture(scope="module", params=[1001, 1012, 1016])
def enumerated(request, random_case):
    """A problem with a convex term, and the least objective over all combinations of sides by another statement."""
    snapshot, market, settings, locks = random_case(request.param, most_names=4, pairs=False)
    settings = replace(settings, lot_method=LotMethod.OPTIMAL, min_trade_usd=D(0))
    problem = build_problem(snapshot, market, settings, locks=locks, terms=[CROWDING])
    sides = [(1, -1) if name.sellable else (1,) for name in problem.names]
    optima = [reference_optimum(problem, combination) for combination in product(*sides)]
    return problem, min((optimum[0] for optimum in optima if optimum is not None), default=inf)


def test_the_plan_is_the_best_over_every_combination_of_sides(enumerated):
    problem, best = enumerated

    found = search(problem)

    assert found.bound <= best + EPSILON
    assert best - EPSILON <= found.objective <= best + (found.objective - found.bound) + EPSILON
    assert found.objective - found.bound < 0.1 / BP


def test_no_price_on_weights_makes_the_bound_pass_the_best_plan(enumerated):
    problem, best = enumerated
    rng = np.random.default_rng(0)

    for size in (0.0, 0.001, 0.01, 0.1, 1.0):
        price = rng.normal(0.0, size, len(problem.names))
        priced, least = search(at_prices(problem, price)), problem.written.least(price)
        assert priced.bound + float(price @ problem.prepared.held) + least <= best + EPSILON


@pytest.mark.parametrize(("seed", "changes"), [
    (4, {}),
    (32, {}),  # a turnover cap that leaves hardly any choice, and a minimum trade
    (9, {"net_taxes": True}),
    (9, {"max_names": 6, "max_trades": 6}),
])  # fmt: skip
def test_a_term_that_asks_for_nothing_changes_nothing(random_case, seed, changes):
    snapshot, market, settings, locks = random_case(seed)
    settings = replace(settings, **changes)
    idle = ConvexTerm(name="idle", write=lambda cp, w, facts: (0, [cp.norm(w) <= 10.0]))

    without = search(build_problem(snapshot, market, settings, locks=locks))
    with_it = search(build_problem(snapshot, market, settings, locks=locks, terms=[idle]))

    assert with_it.objective == pytest.approx(without.objective, abs=without.objective - without.bound + 0.01 / BP)
    assert with_it.bound <= without.objective + EPSILON
    assert without.bound <= with_it.objective + EPSILON


def tracking_error(cap):
    """The model's own tracking error, written by hand."""

    def write(cp, w, facts):
        risk = facts.market.risk
        rows = [risk.position[name] for name in facts.security_ids]
        loadings = risk.exposures[rows] @ np.linalg.cholesky(risk.factor_covariance) if risk.factors else None
        parts = [cp.multiply(np.sqrt(risk.specific_variance[rows]), w - facts.target)]
        parts += [] if loadings is None else [loadings.T @ (w - facts.target)]
        return 0, [cp.norm(cp.hstack(parts)) <= cap]

    return ConvexTerm(name="tracking error", write=write)


@pytest.mark.parametrize(("seed", "cap", "changes"), [
    (1, 0.03, {}),
    (2, 0.03, {"net_taxes": True}),
    (15, 0.03, {"min_trade_usd": D(5_000)}),
])  # fmt: skip
def test_a_tracking_error_written_as_a_term_is_the_setting(random_case, seed, cap, changes):
    snapshot, market, settings, locks = random_case(seed)
    settings = replace(settings, risk_aversion=5.0, **changes)

    by_setting = search(build_problem(snapshot, market, replace(settings, max_tracking_error=cap), locks=locks))
    by_term = search(build_problem(snapshot, market, settings, locks=locks, terms=[tracking_error(cap)]))

    assert by_term.bound <= by_setting.objective + EPSILON
    assert by_setting.bound <= by_term.objective + EPSILON
    assert by_term.objective - by_term.bound < 1.0 / BP


@pytest.mark.parametrize("seed", [1, 2, 6, 9, 15, 17])
def test_whole_shares_keep_a_convex_rule(random_case, seed):
    snapshot, market, settings, locks = random_case(seed)
    problem = build_problem(snapshot, market, settings, locks=locks)
    free = search(problem)
    n = len(problem.names)
    reach = 0.5 * float(np.linalg.norm(free.trade[:n]))
    term = ConvexTerm(name="near", write=lambda cp, w, facts: (0, [cp.norm(w - facts.held) <= reach]))

    plan, _ = propose_plan(snapshot, market, settings, inputs_hash="", terms=[term])

    if plan.trades:
        moved = sum((float(t.amount) / float(problem.value)) ** 2 for t in plan.trades)
        assert sqrt(moved) <= reach + 1e-6
        assert verdict_of(plan, "near") is Verdict.PASS


def test_the_proposed_trades_evaluated_are_the_proposal(market_of, account_of):
    account, market = two_names(market_of, account_of, (0.3, 0.3), {"A": "0.5", "B": "0.5"})
    terms = [ConvexTerm(name="near", write=lambda cp, w, facts: (0, [cp.norm(w - facts.held) <= 0.1]))]
    plan, _ = propose_plan(account, market, FREE, inputs_hash="", terms=terms)

    same, _ = evaluate_trades(account, market, FREE, signed(plan), inputs_hash="", edited=(), terms=terms)
    more, _ = evaluate_trades(account, market, FREE, {"A": D(150)}, inputs_hash="", edited=("A",), terms=terms)

    assert same.objective.total == pytest.approx(plan.objective.total, abs=1e-9)
    assert verdict_of(more, "near") is Verdict.FAIL


def test_an_account_that_is_sold_out_keeps_no_terms(market_of, account_of):
    account, market = two_names(market_of, account_of, (0.3, 0.3), {"A": "0.5", "B": "0.5"})
    terms = [
        ConvexTerm(name="near", write=lambda cp, w, facts: (0, [cp.norm(w - facts.held) <= 0.1])),
        LinearRule(name="score", coefficients=SCORES, lo=10.0),
    ]

    plan, _ = propose_plan(account, market, replace(FREE, liquidate=True), inputs_hash="", terms=terms)

    assert signed(plan) == {"A": -300, "B": -300}
    assert [verdict_of(plan, term.name) for term in terms] == [Verdict.PASS, Verdict.PASS]


# What a plan is identified by, and what is no term.


@pytest.mark.parametrize("term_of", [
    lambda x: LinearRule(name="rule", coefficients={"A": 1.0}, hi=x),
    lambda x: NameCost(name="cost", traded={"B": x}),
    lambda x: ConvexTerm(name="cone", write=lambda cp, w, facts: (0, [cp.norm(w) <= x])),
])  # fmt: skip
def test_a_plan_with_other_numbers_is_another_plan(market_of, account_of, term_of):
    # Neither limit is near, so that the trades are the same.
    account, market = two_names(market_of, account_of, (0.5, 0.5), {"A": "0.5", "B": "0.5"})

    def document(x):
        return plan_document(*propose_plan(account, market, FREE, inputs_hash="", terms=[term_of(x)]))

    first, again, other = document(2.0), document(2.0), document(3.0)

    assert first["trades"] == other["trades"] == []
    assert first["plan_id"] == again["plan_id"]
    assert first["plan_id"] != other["plan_id"]


def not_convex(cp, w, facts):
    return cp.sqrt(w[0]), []


def another_variable(cp, w, facts):
    return 0, [w <= cp.Variable(len(facts.held))]


def not_finite(cp, w, facts):
    return 0, [w <= inf]


def not_a_pair(cp, w, facts):
    return cp.norm(w)


def wrong_shape(cp, w, facts):
    return 0, [w[:1] + np.ones(7) @ w <= 1]


@pytest.mark.parametrize(("make", "said"), [
    (lambda: LinearRule(name="rule", coefficients={"A": nan}, lo=0), "term rule: expected a finite coefficient of A"),
    (lambda: LinearRule(name="rule", coefficients={"A": 1}, lo=2, hi=1), "term rule: expected lo <= hi"),
    (lambda: LinearRule(name="rule", coefficients={"A": 1}, lo=nan), "term rule: expected lo <= hi"),
    (lambda: LinearRule(name="rule", coefficients={"A": 1}), "term rule: expected lo or hi"),
    (lambda: LinearRule(name="rule", coefficients={"Z": 1}, lo=0), "term rule: expected known securities, found Z"),
    (lambda: LinearRule(name="max_turnover", coefficients={"A": 1}, lo=0), "expected a name of its own"),
    (lambda: LinearRule(name="min_weight A", coefficients={"A": 1}, lo=0), "expected a name of its own"),
    (lambda: LinearRule(name=" ", coefficients={"A": 1}, lo=0), "expected a name"),
    (lambda: NameCost(name="cost", squared={"A": -1.0}), "term cost: expected squared >= 0 of A"),
    (lambda: NameCost(name="cost", weight={"A": inf}), "term cost: expected a finite weight of A"),
    (lambda: ConvexTerm(name="cone", write=not_convex), "term cone: expected a convex cost"),
    (lambda: ConvexTerm(name="cone", write=another_variable), "term cone: expected the weights alone"),
    (lambda: ConvexTerm(name="cone", write=not_finite), "term cone: expected finite numbers"),
    (lambda: ConvexTerm(name="cone", write=not_a_pair), "term cone: expected (cost, list of constraints)"),
    (lambda: ConvexTerm(name="cone", write=wrong_shape), "term cone: expected (cost, list of constraints)"),
    (lambda: ConvexTerm(name="cone", write=lambda cp, w, facts: (0, [])), "term cone: expected a cost or constraint"),
])  # fmt: skip
def test_what_is_no_term_is_refused_by_name(market_of, account_of, make, said):
    account, market = two_names(market_of, account_of, (0.5, 0.5), {"A": "0.5", "B": "0.5"})

    with pytest.raises(DataError, match=re.escape(said)):
        propose_plan(account, market, FREE, inputs_hash="", terms=[make()])


def test_two_terms_of_one_name_are_refused(market_of, account_of):
    account, market = two_names(market_of, account_of, (0.5, 0.5), {"A": "0.5", "B": "0.5"})
    term = NameCost(name="cost", traded={"A": 0.1})

    with pytest.raises(DataError, match="expected one term of this name"):
        propose_plan(account, market, FREE, inputs_hash="", terms=[term, term])


def test_every_example_of_the_page_runs_and_is_obeyed(market_of, account_of):
    targets = {"ACME": "0.25", "BOLT": "0.2", "CORE": "0.2", "DUNE": "0.2", "ECHO": "0.15"}
    market = market_of(
        {"ACME": 120, "BOLT": 40, "CORE": 75, "DUNE": 200, "ECHO": 15},
        targets,
        exposures=[[1.0, 0.2], [1.1, -0.4], [0.8, 0.1], [1.3, 0.9], [0.9, -0.6]],
        covariance=[[0.02, 0.001], [0.001, 0.01]],
    )
    account = account_of(
        20_000,
        ("a", "ACME", 200, 90, OLD),
        ("b", "BOLT", 900, 60, OLD),
        ("c", "CORE", 200, 70, OLD),
        ("d", "DUNE", 100, 150, OLD),
    )
    settings = replace(FREE, max_cash=0.02)
    names = {"snapshot": account, "market": market, "settings": settings}
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    sections = len(re.findall(r"^## ", PAGE.read_text(encoding="utf-8"), re.MULTILINE))

    assert len(blocks) == sections + 1
    for block in blocks:
        exec(block, names)
        if "plan" in names:
            plan = names["plan"]
            assert plan.status is not PlanStatus.INFEASIBLE
            assert all(check.verdict is not Verdict.FAIL for check in plan.checks)
    assert names["benchmark"].name == "second benchmark"
