"""On screen securities have their ticker and accounts their name; documents keep the ids."""

from dataclasses import replace

import pytest

from app.steps import execute, plan, review
from app.steps.queue import Assessor
from app.steps.words import Names, in_words
from app.tables.review import check_table, verdict_line
from engine.domain.errors import CheckFailed
from engine.domain.lifecycle import Action
from engine.domain.plans import Check, Verdict

KNOWN = Names(
    tickers={"S1": "ALW", "S2": "BET", "twins": "GOO / GOP", "40": "NUM"},
    accounts={"T1": "T1 · Hill · taxable", "I1": "I1 · Hill · ira"},
)
PLAN = "0123456789ab" + "c" * 52


@pytest.mark.parametrize(
    ("evidence", "says"),
    [
        ("S1: bought; S9: bought; and 2 more", "ALW: bought; S9: bought; and 2 more"),
        ("restricted weights: S2: weight 0.0950 of value", "restricted weights: BET: weight 0.0950 of value"),
        ("S1: bought, but do_not_buy S1", "ALW: bought, but do_not_buy ALW"),
        ("twins: bought and sold at a loss in one plan", "GOO / GOP: bought and sold at a loss in one plan"),
        ("S1 has moved 6.0% since the plan", "ALW has moved 6.0% since the plan"),
        ("lot L1: not a lot of S1 in this account", "lot L1: not a lot of ALW in this account"),
        ("S1: 10 of 40 shares", "ALW: 10 of 40 shares"),  # what is of something is a lot only in this account
        ("max_weight S1", "max_weight ALW"),
        ("40 trades; at most 40", "40 trades; at most 40"),  # a number is no security, though one is called so
        ("40: active weight 0.0400, bound 0.04", "NUM: active weight 0.0400, bound 0.04"),
        (f"plan {PLAN[:12]} of account T1 was sent", f"plan {PLAN[:12]} of account T1 · Hill · taxable was sent"),
        (
            f"S1: sold at a loss, but bought on 2026-11-20 in account I1 (plan:{PLAN}:S1)",
            f"ALW: sold at a loss, but bought on 2026-11-20 in account I1 · Hill · ira (plan {PLAN[:12]})",
        ),
    ],
)  # fmt: skip
def test_evidence_is_told_with_tickers_and_account_names(evidence, says):
    assert in_words(evidence, KNOWN) == says


@pytest.fixture
def tickers_of_their_own(services, desk, hand_firm, tmp_path):
    """A firm in which security AAA has the ticker ALW. move(price) gives it another price."""

    def move(price):
        for file in hand_firm.rglob("*"):
            if file.is_file():
                target = tmp_path / file.relative_to(hand_firm)
                target.parent.mkdir(parents=True, exist_ok=True)
                text = file.read_text().replace("AAA,AAA,Alpha", "AAA,ALW,Alpha")
                target.write_text(text.replace("AAA,2026-11-20,100", f"AAA,2026-11-20,{price}"))
        assert desk.run("import", str(tmp_path)).code == 0

    move("100")
    return move


def test_why_a_plan_no_longer_holds_names_the_ticker_everywhere(services, person, in_review, tickers_of_their_own):
    plan_id = in_review("T1")
    tickers_of_their_own("106")
    head = services.plans.get(plan_id)

    found = Assessor().entry(services, head).assessment

    assert found.stale[0] == "ALW has moved 6.0% since the plan"
    assert verdict_line(found).startswith("no longer holds: ALW has moved 6.0% since the plan")
    assert "ALW has moved 6.0% since the plan" in set(check_table(found)["detail"])
    assert services.opinions.of([plan_id])[plan_id].stale[0] == "AAA has moved 6.0% since the plan"
    review.decide(services, plan_id, Action.APPROVE, actor=person("alan"), comment="", seen=plan_id)
    with pytest.raises(CheckFailed, match="is stale and was not sent: ALW has moved"):
        execute.send(services, [plan_id], actor=person("alan"))
    assert services.plans.history(plan_id)[-1].comment.startswith("ALW has moved 6.0% since the plan")


def test_a_refusal_of_the_second_checker_names_the_ticker(services, person, tickers_of_their_own):
    found = plan.what_if(services, "T1", plan.default_settings(services, "T1"))
    sale, *rest = found.plan.trades
    assert sale.security_id == "AAA"
    wrong = replace(found.plan, trades=(replace(sale, price=sale.price + 1), *rest))
    plan_id = plan.keep(services, replace(found, plan=wrong), actor="maya")

    with pytest.raises(CheckFailed, match=r"prices and amounts: ALW: plan price 101.*, mark 100"):
        review.propose(services, plan_id, actor=person("maya"))


def test_the_planners_own_evidence_names_the_ticker(services, tickers_of_their_own):
    found = plan.what_if(services, "T1", plan.default_settings(services, "T1"))
    small = Check(rule="min_trade_usd", verdict=Verdict.FAIL, detail="AAA: trade of 1.00 USD")
    plan_id = plan.keep(services, replace(found, plan=replace(found.plan, checks=(small,))), actor="maya")

    entry = Assessor().entry(services, services.plans.get(plan_id))

    assert [check.detail for check in entry.assessment.planned] == ["ALW: trade of 1.00 USD"]
    assert entry.head.document["checks"][0]["detail"] == "AAA: trade of 1.00 USD"
