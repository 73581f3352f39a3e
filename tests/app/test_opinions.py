"""The second checker's opinion is kept with a plan, shown while it holds, and never trusted when it counts."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from app.steps import approvals, execute, plan, review
from app.steps.outgoing import outgoing
from app.steps.queue import Assessor, Standing
from engine.domain.errors import CheckFailed
from engine.domain.lifecycle import Action, PlanState
from engine.domain.plans import Verdict
from engine.plan.document import plan_from_document
from engine.review.checker import CHECKER, second_opinion

RAISES_CASH = {"withdrawal": Decimal(48_900)}  # of I1, which holds 48,800 in cash: it has to sell


def standings(services, *plan_ids):
    """Return what the queue of a program that was started just now says at its first visit."""
    entries = Assessor().entries(services, [services.plans.get(each) for each in plan_ids])
    return [entry.standing for entry in entries]


def test_a_plan_that_is_proposed_has_its_opinion_beside_it(services, in_review):
    plan_id = in_review("T1")

    opinion = services.opinions.of([plan_id])[plan_id]

    found, _ = plan_from_document(services.plans.get(plan_id).document)
    assert opinion.checks == second_opinion(found, *services.plans.inputs(plan_id))
    assert (opinion.checker, opinion.inputs_hash, opinion.on) == (CHECKER, found.inputs_hash, date(2026, 11, 20))
    assert (opinion.stale, opinion.washed, opinion.at) == ((), (), services.now())


def test_the_first_visit_to_a_queue_waits_for_no_check(services, in_review):
    assert standings(services, in_review("T1"), in_review("T2")) == [Standing.PASSES] * 2


def test_a_plan_of_the_household_that_is_proposed_later_has_the_others_checked_again(services, person, in_review):
    first, elsewhere = in_review("T1"), in_review("T2")
    settings = replace(plan.default_settings(services, "I1"), **RAISES_CASH)  # an IRA of the household of T1
    ira = plan.keep(services, plan.what_if(services, "I1", settings), actor="maya")
    assert standings(services, first, elsewhere) == [Standing.PASSES] * 2

    review.propose(services, ira, actor=person("maya"))

    assert standings(services, first, elsewhere, ira) == [Standing.CHECKING, Standing.PASSES, Standing.PASSES]


def test_an_approval_changes_nothing_that_an_opinion_stands_on(services, person, in_review):
    first, other = in_review("I1", **RAISES_CASH), in_review("T1")
    Assessor().entry(services, services.plans.get(first))

    approvals.act(services, other, Action.APPROVE, actor=person("alan"), comment="", version=2)

    assert standings(services, first, other) == [Standing.PASSES] * 2


def test_an_opinion_of_another_version_of_the_checker_is_not_shown(services, in_review):
    plan_id = in_review("T1")
    services.opinions.keep(replace(services.opinions.of([plan_id])[plan_id], checker="checker 0"))

    assert standings(services, plan_id) == [Standing.CHECKING]


@pytest.fixture
def praised(services, person):
    """A plan of T1 in review that claims 100 USD less tax, beside an opinion that says every check passes."""
    found = plan.what_if(services, "T1", plan.default_settings(services, "T1"))
    tax = replace(found.plan.tax, liability=found.plan.tax.liability - 100)
    plan_id = plan.keep(services, replace(found, plan=replace(found.plan, tax=tax)), actor="maya")
    for action in (Action.PROPOSE, Action.SUBMIT):
        services.plans.move(plan_id, action, person("maya"), at=services.now())
    Assessor().entry(services, services.plans.get(plan_id))
    opinion = services.opinions.of([plan_id])[plan_id]
    assert [check.rule for check in opinion.checks if check.verdict is Verdict.FAIL] == ["tax", "objective"]
    passing = tuple(replace(check, verdict=Verdict.PASS) for check in opinion.checks)
    services.opinions.keep(replace(opinion, checks=passing))
    assert standings(services, plan_id) == [Standing.PASSES]
    return plan_id


def test_no_kept_opinion_lets_a_wrong_plan_be_approved_or_sent(services, person, praised):
    with pytest.raises(CheckFailed, match="tax: liability"):
        approvals.act(services, praised, Action.APPROVE, actor=person("alan"), comment="", version=2)
    with pytest.raises(CheckFailed, match="tax: liability"):
        approvals.approve_and_send(
            services, {praised: 2}, actor=person("alan"), comment="", confirmed=outgoing(services, [praised]).seal
        )
    services.plans.move(praised, Action.APPROVE, person("alan"), at=services.now())  # past the checks
    with pytest.raises(CheckFailed, match="tax: liability"):
        execute.send(services, [praised], actor=person("alan"))

    assert services.plans.get(praised).state is PlanState.APPROVED
