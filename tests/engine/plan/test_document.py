"""The document that is hashed says everything once and reads back to itself."""

import json
from dataclasses import replace
from decimal import Decimal as D

import pytest

from engine.domain.errors import DataError
from engine.domain.plans import Binding, Run
from engine.plan.document import canonical_json, plan_document, plan_from_document, plan_id

RUN = Run(solver="HAND", fallback=False, solve_ms=1.23, total_ms=4.56)


def test_a_document_reads_back_to_the_same_document(plan):
    document = plan_document(plan, RUN)

    again = plan_document(*plan_from_document(json.loads(json.dumps(document))))

    assert again == document


def test_the_id_is_the_sha256_of_everything_but_itself_and_the_run():
    # sha256 of {"a":1,"b":"é"} in UTF-8, taken with coreutils' sha256sum
    expected = "09ad9fd2fb648cb2f62141215828ea00a62c299db05d20aa9ade2f527a301cc6"
    document = {"b": "é", "a": 1, "plan_id": "anything", "run": {"solve_ms": 1}}

    assert canonical_json({"b": "é", "a": 1}) == '{"a":1,"b":"é"}'.encode()
    assert plan_id(document) == expected


def test_how_long_it_took_does_not_change_the_id(plan):
    slow = replace(RUN, solve_ms=999.0, solver="OTHER")

    assert plan_document(plan, RUN)["plan_id"] == plan_document(plan, slow)["plan_id"]


@pytest.mark.parametrize("cash", ["985.51", "985.49"])
def test_one_cent_changes_the_id(plan, cash):
    other = replace(plan, after=replace(plan.after, cash=D(cash)))

    assert plan_document(plan, RUN)["plan_id"] != plan_document(other, RUN)["plan_id"]


def test_figures_are_rounded_half_to_even_at_the_edge_and_minus_zero_is_zero(plan):
    objective = replace(plan.objective, total=-0.00001, risk=1.23456789)
    odd = replace(plan, objective=objective, after=replace(plan.after, cash=D("985.505")))

    document = plan_document(odd, RUN)

    assert document["after"]["cash"] == 985.50
    assert document["objective_bp"]["risk"] == 1.2346
    assert json.dumps(document["objective_bp"]["total"]) == "0.0"


def test_the_cost_of_whole_shares_and_the_dollars_of_a_rule_are_stated_and_read_back(plan):
    binding = Binding(rule="max_turnover", price_bp=7.5, detail="all used", price_usd=D("75.004"))
    stated = replace(plan, objective=replace(plan.objective, rounding=0.01234), binding=(binding,))

    document = plan_document(stated, RUN)

    assert document["objective_bp"]["rounding"] == 0.0123
    assert document["binding"][0]["price_usd"] == 75
    assert plan_document(*plan_from_document(document)) == document


def test_a_document_older_than_these_figures_reads_back_to_itself(plan):
    older = replace(
        plan,
        objective=replace(plan.objective, rounding=None),
        binding=(Binding(rule="max_turnover", price_bp=7.5, detail="all used"),),
    )
    document = plan_document(older, RUN)

    assert "rounding" not in document["objective_bp"]
    assert "price_usd" not in document["binding"][0]
    assert plan_document(*plan_from_document(document)) == document


def test_a_document_that_was_changed_is_refused(plan):
    document = plan_document(plan, RUN)
    document["trades"][0]["quantity"] = 99

    with pytest.raises(DataError, match="expected plan_id"):
        plan_from_document(document)
