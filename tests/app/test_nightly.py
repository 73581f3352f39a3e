"""A night over the firm of hand_firm/ on a day on which AAA rose by 30 %.

T1 follows four names at 25 % each and T2, with the usual settings here, two at 50 %, so both are out of balance; I1
holds no AAA and needs nothing.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import update

from app.steps import plan, review
from app.steps.household_night import Outcome
from app.steps.monitor import scan_firm
from app.steps.night_written import NOTE
from app.steps.nightly import run_night
from app.steps.opinions import current, footing
from app.steps.workers import Workers
from data.moves import move_plan
from data.tables import settings
from engine.domain.errors import DataError, NotAllowed
from engine.domain.lifecycle import Action, PlanState

KILLS = int(os.environ.get("NIGHT_KILLS", "2"))


class Hands(Executor):
    """Does each task here at once, then whatever happens beside it. deadly: a household that no hand survives."""

    def __init__(self, then=lambda: None, deadly=""):
        self.then, self.deadly = then, deadly

    def submit(self, function, task):
        future = Future()
        work = getattr(task, "task", task)  # that of a rehearsal is wrapped
        if self.deadly in {each.household.household_id for each in work.households}:
            future.set_exception(BrokenExecutor("gone"))
        else:
            future.set_result(function(task))
        self.then()
        return future


def hands(**how):
    return Workers(open=lambda: nullcontext(Hands(**how)), many=lambda _: 1)


def write_settings(services, name, text):
    with services.database.begin() as connection:
        connection.execute(update(settings).where(settings.c.name == name).values(text=text))


def dearer(services, by):
    """Raise the price of AAA."""
    histories = [
        replace(each, closes=(each.closes[-1] * (by if each.security_id == "AAA" else 1),))
        for each in services.firm.prices()
    ]
    present = services.firm.firm()
    later = present.imported_at + timedelta(seconds=1)
    services.firm.reprice(histories, (), as_of=present.as_of, imported_at=present.imported_at, actor="maya", at=later)


def prepare(services):
    write_settings(services, "withdrawal", "[plan]\n")
    dearer(services, Decimal("1.3"))


@pytest.fixture
def services(services):
    prepare(services)
    return services


@pytest.fixture
def night(services, person):
    """night() is a run of a night by maya."""

    def run(workers=None, by="maya"):
        return run_night(services, actor=person(by), workers=workers or hands(), settings={})

    return run


def plans(services):
    return {head.account_id: head for head in services.plans.heads() if head.state is PlanState.PROPOSED}


def test_every_account_that_needs_a_plan_gets_the_plan_that_it_gets_by_day_proposed_and_checked(services, night):
    by_day = {name: plan.what_if(services, name, plan.default_settings(services, name)).plan for name in ("T1", "T2")}

    found = night()

    assert found.counts == {"proposed": 2, "calm": 1}
    made = plans(services)
    for name, expected in by_day.items():
        stored = plan.kept(services, made[name].plan_id)
        assert [(t.security_id, t.side, t.quantity) for t in stored.plan.trades] == [
            (t.security_id, t.side, t.quantity) for t in expected.trades
        ]
    opinions = services.opinions.of(head.plan_id for head in made.values())
    assert all(current(opinions[head.plan_id], head, footing(services)) for head in made.values())
    assert all(review.require_sound(services, head.plan_id) for head in made.values())


def test_the_queue_is_that_of_a_scan(services, night):
    scan_firm(services, actor="maya")
    scanned = services.scans.queue().table.to_pylist(), dict(services.scans.documents())

    night()

    assert (services.scans.queue().table.to_pylist(), dict(services.scans.documents())) == scanned


def test_a_night_that_is_run_again_changes_nothing(services, night):
    first = night()
    seen = services.audit.rows(limit=1)[0].seq, services.plans.heads()

    again = night()

    assert (again.run, again.counts, again.before) == (services.runs.newest()[0], first.counts, 3)
    assert (services.audit.rows(limit=1)[0].seq, services.plans.heads()) == seen


def test_a_night_over_data_that_came_in_once_more_leaves_a_queue(services, night):
    night()
    queued = services.scans.queue().table.to_pylist()
    reference, books = services.firm.reference(), list(services.firm.books())
    services.firm.replace(reference, books, actor="maya", at=services.now() + timedelta(minutes=1))

    again = night()

    assert again.before == 3
    assert services.scans.queue().table.to_pylist() == queued


def test_a_plan_before_people_is_left_alone_and_its_account_not_planned_again(services, night, in_review):
    theirs = in_review("T1")

    found = night()

    assert found.counts == {"proposed": 1, "under way": 1, "calm": 1}
    assert services.plans.get(theirs).state is PlanState.IN_REVIEW
    assert [each.account_id for each in services.runs.accounts(found.run.run_id, outcome="under way")] == ["T1"]


def test_last_nights_proposals_give_way_to_tonights_and_what_people_proposed_does_not(services, night, person):
    own = plan.keep(services, plan.what_if(services, "T2", plan.default_settings(services, "T2")), actor="maya")
    review.propose(services, own, actor=person("maya"))
    night()
    [first] = [head.plan_id for head in services.plans.heads() if head.name == NOTE]
    dearer(services, Decimal("1.01"))

    found = night()

    assert found.counts == {"proposed": 1, "under way": 1, "calm": 1}
    assert services.plans.get(first).state is PlanState.CANCELLED
    assert services.plans.history(first)[-1].comment == "replaced by the night of 2026-11-20"
    assert services.plans.get(own).state is PlanState.PROPOSED


def test_a_persons_own_proposal_called_night_is_theirs(services, night, person):
    """It has the very name that a night gives its plans, and stays where a night's would give way."""
    found = plan.what_if(services, "T2", plan.default_settings(services, "T2"))
    own = plan.keep(services, found, actor="maya", note=NOTE)
    review.propose(services, own, actor=person("maya"))

    first = night()
    dearer(services, Decimal("1.01"))
    second = night()

    assert first.counts == second.counts == {"proposed": 1, "under way": 1, "calm": 1}
    assert services.plans.get(own).state is PlanState.PROPOSED


def while_at_work(act):
    """Do a night's tasks here; something else happens once between the first one's work and its writing."""
    left = [act]
    return hands(then=lambda: left.pop()() if left else None)


def test_a_proposal_of_a_night_that_a_person_submits_at_the_moment_of_writing_is_theirs(services, night, person):
    """The submission is not committed yet when the next night comes to write, and is when it may."""
    night()
    mine = plans(services)["T1"].plan_id
    dearer(services, Decimal("1.01"))
    submitted, threads = threading.Event(), []

    def submit():
        with services.database.begin() as connection:
            move_plan(connection, mine, Action.SUBMIT, person("maya"), at=services.now(), comment="", seen=mine)
            submitted.set()
            time.sleep(1.0)

    def start():
        threads.append(threading.Thread(target=submit))
        threads[0].start()
        submitted.wait(timeout=20)

    found = night(workers=while_at_work(start))

    threads[0].join()
    assert services.plans.get(mine).state is PlanState.IN_REVIEW
    assert found.counts == {"proposed": 1, "under way": 1, "calm": 1}
    assert list(plans(services)) == ["T2"]


def test_an_account_that_a_person_proposes_a_plan_for_while_the_night_works_gets_none(services, night, person):
    def propose():
        own = plan.keep(services, plan.what_if(services, "T2", plan.default_settings(services, "T2")), actor="maya")
        review.propose(services, own, actor=person("maya"))

    found = night(workers=while_at_work(propose))

    [other] = services.runs.accounts(found.run.run_id, outcome=Outcome.UNDER_WAY)
    assert (other.account_id, other.cause) == ("T2", "a plan was proposed for it while the night was at work")
    assert [head.note for head in services.plans.heads() if head.account_id == "T2"] == [""]


def test_a_plan_is_judged_anew_where_its_household_was_planned_while_the_night_worked(services, night, person):
    def propose():
        settings = replace(plan.default_settings(services, "I1"), withdrawal=Decimal(500))
        own = plan.keep(services, plan.what_if(services, "I1", settings), actor="maya")
        review.propose(services, own, actor=person("maya"))

    night(workers=while_at_work(propose))

    made = plans(services)
    assert made.keys() == {"T1", "T2", "I1"}
    assert services.opinions.of([made["T1"].plan_id]) == {}


def test_nothing_is_proposed_on_data_that_came_in_while_the_night_worked(services, night):
    with pytest.raises(DataError, match="came in anew meanwhile"):
        night(workers=while_at_work(lambda: dearer(services, Decimal("1.01"))))

    assert services.plans.heads() == ()
    assert night().counts == {"proposed": 2, "calm": 1}


def test_a_task_that_no_worker_survives_is_an_exception_and_the_others_are_done(services, night):
    found = night(workers=hands(deadly="H2"))

    [failed] = services.runs.accounts(found.run.run_id, outcome=Outcome.EXCEPTION)
    assert found.counts == {"exception": 1, "proposed": 1, "calm": 1}
    assert (failed.account_id, failed.cause) == ("T2", "it could not be worked on: its worker was lost 3 times")


def test_an_account_that_cannot_be_planned_is_an_exception_in_the_queue_with_its_cause(services, night):
    """T1 must raise 1,000 USD and may trade nothing."""
    write_settings(services, "fully_invested", "[plan]\nwithdrawal = 1000\nmax_turnover = 0.0\n")

    found = night()

    [failed] = services.runs.accounts(found.run.run_id, outcome=Outcome.EXCEPTION)
    queued = {row["account_id"]: row["reasons"] for row in services.scans.queue().table.to_pylist()}
    assert failed.account_id == "T1"
    assert failed.cause.startswith("No plan meets every rule: ")
    assert "exception" in queued["T1"]
    assert "exception" not in queued["T2"]


def test_a_person_who_may_not_propose_and_withdraw_plans_cannot_run_a_night(services, night):
    for who in ("ada", "alan", "cora"):
        with pytest.raises(NotAllowed, match="may not propose plans, which a night does"):
            night(by=who)

    assert services.runs.newest() == ()


def test_each_night_is_a_job_and_two_rows_of_the_audit_log(services, night):
    found = night()

    what = [row.what for row in services.audit.rows(limit=100)]
    assert services.jobs.newest(limit=1)[0].detail == "1 calm, 2 proposed"
    assert (what.count("night.begin"), what.count("night.end")) == (1, 1)
    assert found.run.actor == "maya"


def outcome_of(services):
    """Return all that a night leaves, but times: who came to what, each plan with its state and its opinion."""
    run = services.runs.newest()[0]
    accounts = [(each.account_id, each.outcome, each.plan_id) for each in services.runs.accounts(run.run_id)]
    heads = sorted((head.plan_id, head.state, head.version, head.note) for head in services.plans.heads())
    return run.run_id, accounts, heads, services.scans.queue().table.to_pylist()


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_night_killed_at_any_instant_goes_on_and_ends_as_if_it_had_not_been(new_desk, seed):
    """The real command, killed with SIGKILL one to three times within its first seconds, then run to its end."""
    undisturbed, desk, dice = new_desk(), new_desk(), random.Random(seed)
    whole, disturbed = undisturbed.services(), desk.services()
    prepare(whole)
    prepare(disturbed)
    run_night(whole, actor=whole.users.user("maya"), workers=hands(), settings={})
    command = [sys.executable, "-m", "app.cli", "nightly", "--as", "maya", "--workers", "1", "--json"]
    environment = {**os.environ, **desk.environment}

    for _ in range(dice.randint(1, 3)):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(dice.uniform(1.0, 9.0))
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = subprocess.run(command, env=environment, capture_output=True, check=False)

    assert (done.returncode, json.loads(done.stdout)["outcomes"]) == (0, {"calm": 1, "proposed": 2}), done.stderr
    assert outcome_of(disturbed) == outcome_of(whole)
    assert disturbed.audit.verify().problems == ()
    disturbed.database.close()
    whole.database.close()
