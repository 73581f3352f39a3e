"""Whatever fails and whoever is killed, each plan is in Salesforce once and whole, and both sides say the same.

LOTSMITH_KILLS sets how often the desk is killed.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from engine.domain.lifecycle import PlanState

KILLS = int(os.environ.get("LOTSMITH_KILLS", "20"))
TRADES = 4  # of each plan of T1


@pytest.mark.timeout(120 + 20 * KILLS)
def test_each_plan_is_there_once_and_whole_though_the_desk_is_killed_again_and_again(new_desk, reviewers):
    desk = new_desk(reviewers.config)
    script = Path(__file__).with_name("crm_process.py")
    done = subprocess.run(
        [sys.executable, script, desk.folder / "firm.db", reviewers.config.with_suffix(".json"), "7", str(KILLS)],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    reviewers.heal()
    assert done.returncode == 0, done.stderr
    counted = json.loads(done.stdout)
    assert counted["broken"] == 0, done.stderr
    assert counted["killed"] == KILLS

    services = desk.services()
    ids = {head.plan_id for head in services.plans.heads()}
    assert len(ids) == counted["plans"]
    assert {head.state for head in services.plans.heads()} == {PlanState.RELEASED}
    plans = {row["Id"]: row for row in reviewers.records("Rebalance_Plan__c", "Plan_Id__c", "Status__c")
             if row["Plan_Id__c"] in ids}  # fmt: skip
    assert Counter(row["Plan_Id__c"] for row in plans.values()) == dict.fromkeys(ids, 1)
    assert {row["Status__c"] for row in plans.values()} == {"released"}
    for name, field, each in (
        ("Rebalance_Trade__c", "Plan__c", TRADES),
        ("ContentVersion", "FirstPublishLocationId", 1),
        ("Task", "WhatId", 1),
        ("ProcessInstance", "TargetObjectId", 1),
    ):
        found = Counter(row[field] for row in reviewers.records(name, field) if row[field] in plans)
        assert found == dict.fromkeys(plans, each), name
    processes = {row["Id"] for row in reviewers.records("ProcessInstance", "TargetObjectId")
                 if row["TargetObjectId"] in plans}  # fmt: skip
    steps = reviewers.records("ProcessInstanceStep", "ProcessInstanceId", "StepStatus")
    approved = Counter(s["ProcessInstanceId"] for s in steps if s["StepStatus"] == "Approved")
    assert {name: approved[name] for name in processes} == dict.fromkeys(processes, 1)
    assert services.outbox.waiting() == ()
    assert services.audit.verify().problems == ()
    services.database.close()
