"""The same inputs give the same plan document, byte for byte: in another process, and after other plans."""

import os
import pickle
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal as D

import pytest

from engine.domain.settings import LotMethod, PlanSettings, WashSalePolicy
from engine.plan.document import canonical_json, plan_document
from engine.plan.propose import propose_plan

SEEDS = (1, 2, 9, 13, 33, 48, 57, 84)
CHANGES = {
    "as it is": {},
    "netted": {"net_taxes": True},
    "few trades": {"max_trades": 4},
    "few names": {"max_names": 6},
    "near the model": {"max_tracking_error": 0.05},
    "a cap on gains": {"max_net_gain": D(1_000), "lot_method": LotMethod.OPTIMAL},
    "wash sales allowed": {"wash_sales": WashSalePolicy.ALLOW},
    "sold out": {"liquidate": True},
    "fractions": {"whole_shares": False},
}
PROGRAM = """
import pickle, sys
from engine.plan.document import canonical_json, plan_document
from engine.plan.propose import propose_plan

cases = pickle.load(open(sys.argv[1], "rb"))
texts = {}
for label in sorted(cases, reverse=sys.argv[3] == "backwards"):
    document = plan_document(*propose_plan(*cases[label], inputs_hash="same"))
    document.pop("run")
    texts[label] = canonical_json(document)
pickle.dump(texts, open(sys.argv[2], "wb"))
"""


@pytest.fixture(scope="module")
def cases(random_case):
    """Accounts with each kind of rule that takes a path of its own through the search."""
    found = {}
    for seed in SEEDS:
        snapshot, market, settings, _ = random_case(seed, most_names=7)
        found[f"{seed}"] = (snapshot, market, replace(settings, gap_tolerance_bp=0.1))
    snapshot, market, settings, _ = random_case(9, most_names=8)
    for label, changes in CHANGES.items():
        found[label] = (snapshot, market, replace(PlanSettings(max_active_weight=0.1, max_cash=0.1), **changes))
    return found


@pytest.fixture(scope="module")
def elsewhere(cases, tmp_path_factory):
    """The documents as processes of their own make them, with other hash seeds, forwards and backwards."""
    folder = tmp_path_factory.mktemp("processes")
    asked = folder / "cases"
    asked.write_bytes(pickle.dumps(cases))
    answers = []
    for hash_seed, direction in (("1", "forwards"), ("4711", "backwards")):
        answered = folder / hash_seed
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        subprocess.run(
            [sys.executable, "-c", PROGRAM, asked, answered, direction], check=True, capture_output=True, timeout=250,
            env=environment,
        )  # fmt: skip
        answers.append(pickle.loads(answered.read_bytes()))
    return answers


def test_two_processes_with_other_hash_seeds_and_another_order_write_the_same_bytes(cases, elsewhere):
    forwards, backwards = elsewhere

    assert {label for label in cases if forwards[label] != backwards[label]} == set()


def test_a_process_that_has_planned_other_accounts_before_writes_the_same_bytes_again(cases, elsewhere):
    for _ in range(2):
        for label in ("as it is", "netted", "few trades", "a cap on gains", "9"):
            document = plan_document(*propose_plan(*cases[label], inputs_hash="same"))
            document.pop("run")
            assert canonical_json(document) == elsewhere[0][label], label


def test_the_cases_are_plans_of_different_kinds(elsewhere):
    texts = elsewhere[0]

    assert len(set(texts.values())) == len(texts)
    assert sum(b'"trades":[]' not in text for text in texts.values()) > len(texts) / 2
    assert sum(b'"status":"infeasible"' in text for text in texts.values()) < len(texts) / 2
