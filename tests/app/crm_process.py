"""A desk that takes plan after plan through Salesforce, and is killed at random instants: what the crash test runs.

    python crm_process.py DATABASE CONNECTION SEED KILLS

Each round makes a plan and forks a process that takes it through; it is killed with SIGKILL somewhere on its way, while
the stand-in Salesforce fails as ordered, and another goes on where it was. At the end nothing is left to do.
"""

import json
import os
import random
import signal
import sys
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import requests

from app import wiring
from app.ports import Services
from app.settings import Settings
from app.steps import crm, decisions, plan, review
from connectors.salesforce.config import read_config
from connectors.salesforce.mapping import ReviewVerdict
from engine.domain.errors import ExternalRefusal
from engine.domain.lifecycle import Action, PlanState
from engine.plan.warm import warm

BEGIN = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)
BETWEEN = timedelta(minutes=11)  # longer than a message is leased
ALAN = "approver@lotsmith.example"
MOST_ROUNDS = 60
MOST_PLANS_A_KILL = 5
FAULTY = 0.5  # of the stories
SETTLED_S = 0.2  # what is under way when a process dies arrives within this
FAULTS = (
    "SERVER_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "CONCURRENT_LIMIT_EXCEEDED", "INVALID_SESSION_ID",
    "UNABLE_TO_LOCK_ROW", "ENTITY_IS_LOCKED", "UNKNOWN_EXCEPTION", "LOST_REPLY", "SLOW", "CUT", "CUT_REPLY", "NOT_JSON",
)  # fmt: skip
PLACES = ("", "POST composite", "POST sobjects", "POST process", "PATCH", "GET query")


def services_at(database: str, connection: str, number: int) -> Services:
    folder = Path(database).parent
    settings = Settings(
        database_url=f"sqlite:///{database}", exports=folder / "exports", user=None,
        connections={"salesforce": {"config": connection}},
    )  # fmt: skip
    found = wiring.connect(settings)
    patient = replace(found.crm, read_timeout_s=2.0)
    return replace(found, crm=patient, now=lambda: BEGIN + number * BETWEEN)


def make(services: Services, seed: int, number: int) -> None:
    """Keep one plan of a document of its own, by a setting that changes no trade."""
    setting = Decimal(f"{200 + seed + number / 1000:.3f}")
    found = plan.what_if(services, "T1", replace(plan.default_settings(services, "T1"), harvest_min_loss_usd=setting))
    plan.keep(services, found, actor="maya")


def work(services: Services) -> None:
    """Bring every plan as far as it goes: half are approved here, half in Salesforce, and all are released."""
    maya, alan = services.users.user("maya"), services.users.user("alan")
    for head in services.plans.heads(states=[PlanState.DRAFT, PlanState.PROPOSED]):
        review.submit(services, head.plan_id, actor=maya)
    for head in services.plans.heads(states=[PlanState.IN_REVIEW]):
        if "plan" not in services.links.records(head.plan_id):
            continue
        if int(head.plan_id, 16) % 2:
            review.decide(services, head.plan_id, Action.APPROVE, actor=alan, comment="", seen=head.plan_id)
        else:
            with suppress(ExternalRefusal):
                services.org(as_user=ALAN).decide(head.plan_id, ReviewVerdict.APPROVE, "fine")
    with suppress(ExternalRefusal):
        decisions.exchange(services)
    for head in services.plans.heads(states=[PlanState.APPROVED]):
        services.plans.move(head.plan_id, Action.RELEASE, alan, at=services.now())
    with suppress(ExternalRefusal):
        decisions.exchange(services)


def make_in_peace(database: str, connection: str, number: int, seed: int) -> None:
    pid = os.fork()
    if not pid:
        make(services_at(database, connection, number), seed, number)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0


def working(database: str, connection: str, number: int) -> int:
    """Return the id of a process that works; it ends with 0 where nothing is left to do, 1 where something is."""
    pid = os.fork()
    if pid:
        return pid
    try:
        services = services_at(database, connection, number)
        work(services)
        os._exit(0 if settled(services) else 1)
    except BaseException as error:
        sys.stderr.write(f"{error!r}\n")
        os._exit(2)


def ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def settled(services: Services) -> bool:
    left = [head for head in services.plans.heads() if head.state is not PlanState.RELEASED]
    return not left and not crm.untold(services) and not services.links.behind() and not services.links.undecided()


def fault(chance: random.Random) -> dict[str, object]:
    kind, match = chance.choice(FAULTS), chance.choice(PLACES)
    at = "Rebalance_Trade__c" if kind in ("UNABLE_TO_LOCK_ROW", "ENTITY_IS_LOCKED") else match
    return {"kind": kind, "times": chance.randint(1, 2), "match": at, "seconds": 0.05}


def main(database: str, connection: str, seed: int, kills: int) -> None:
    chance, config = random.Random(seed), read_config(Path(connection))
    faults, ca = f"{config.address}/sandbox/faults", config.ca_file
    warm()  # once, and not in every process
    make_in_peace(database, connection, 0, seed)
    began = time.monotonic()
    assert ended(working(database, connection, 0)) < 2
    span_s, killed, broken, plans = time.monotonic() - began, 0, 0, 1
    with requests.Session() as session:
        session.trust_env = False
        while killed < kills:
            assert plans < MOST_PLANS_A_KILL * kills, "the desk is too fast to be killed"
            number, plans = 2 * plans, plans + 1
            make_in_peace(database, connection, number, seed)
            if chance.random() < FAULTY:
                session.post(faults, json=fault(chance), verify=ca).raise_for_status()
            pid = working(database, connection, number)
            time.sleep(chance.uniform(0, span_s))
            os.kill(pid, signal.SIGKILL)
            code = ended(pid)
            killed, broken = killed + (code == -signal.SIGKILL), broken + (code == 2)
            span_s *= 1.05 if code == -signal.SIGKILL else 0.9  # a story is shorter where it meets a refusal
            time.sleep(SETTLED_S)
            broken += ended(working(database, connection, number + 1)) == 2  # so that the next kill meets one story
        session.delete(faults, verify=ca).raise_for_status()
    rounds = 1
    while ended(working(database, connection, 2 * plans + rounds)):
        rounds += 1
        assert rounds < MOST_ROUNDS, "the work never ends"
    sys.stdout.write(json.dumps({"killed": killed, "plans": plans, "broken": broken, "rounds": rounds}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
