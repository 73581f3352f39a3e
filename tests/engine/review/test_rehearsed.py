"""Figures of a rehearsal are those of the documents, and their sums are the sums by hand."""

from dataclasses import replace

import pytest

from engine.domain.plans import Verdict
from engine.review.rehearsed import AccountFigures, Compared, account_figures, compared, totals

WHO = {"account_id": "A", "household_id": "H", "registration": "taxable", "model_id": "M", "household": "Hill",
       "advisor": "Ann"}  # fmt: skip
SEEN = {"nav": 1_000.0, "tracking_error": 0.02, "reasons": ["cash_high", "out_of_balance", "harvestable"]}
PLAN = {
    "trades": [
        {"security_id": "X", "side": "sell", "amount": 100.0},
        {"security_id": "Y", "side": "buy", "amount": 60.0},
    ],
    "tax": {"st_gain": -5.0, "lt_gain": 2.0, "liability": -1.2, "harvested_loss": 5.0, "disallowed": 0.0},
    "after": {"tracking_error": 0.01},
    "checks": [{"rule": "cash band", "verdict": "pass"}, {"rule": "gains budget", "verdict": "warn"}],
}


def figures(**changes):
    usual = {"outcome": "proposed", "seen": SEEN, "document": PLAN, "verdicts": (), "cause": ""}
    return account_figures(**WHO, **{**usual, **changes})


def test_a_planned_account_has_the_figures_of_its_plan_and_the_rules_that_warn_or_fail():
    found = figures(verdicts=[("restrictions", Verdict.FAIL), ("gains budget", Verdict.WARN), ("cash", Verdict.PASS)])

    assert found.trades == (("X", -100.0), ("Y", 60.0))
    assert (found.traded, found.turnover, found.net_gain) == (160.0, 0.08, -3.0)
    assert (found.te_before, found.te_after, found.liability, found.harvested) == (0.02, 0.01, -1.2, 5.0)
    assert found.breaches == ("gains budget", "restrictions")


def test_an_account_without_a_plan_stays_as_it_is_with_what_keeps_it_out_of_balance():
    found = figures(outcome="exception", document=None, cause="none fits")

    assert (found.trades, found.te_after, found.liability) == ((), 0.02, 0.0)
    assert found.breaches == ("out of balance", "cash high")


def test_an_account_that_could_not_be_looked_at_has_no_tracking_error_and_no_value():
    found = figures(outcome="exception", seen=None, document=None)

    assert (found.nav, found.te_before, found.te_after, found.turnover, found.breaches) == (None, None, None, 0.0, ())


def test_a_book_sums_to_what_its_accounts_sum_to_by_hand():
    second = replace(figures(), account_id="B", nav=3_000.0, te_before=0.04, te_after=0.03, breaches=())
    lost = replace(figures(seen=None, document=None, outcome="exception"), account_id="C")

    found = totals([figures(), second, lost])

    assert (found.accounts, found.would_trade, found.exceptions) == (3, 2, 1)
    assert (found.trades, found.traded, found.turnover) == (4, 320.0, 320 / 2 / 4_000)
    assert (found.tax, found.st_gain, found.lt_gain, found.harvested) == (-2.4, -10.0, 4.0, 10.0)
    assert (found.te_before, found.te_after) == (0.03, 0.02)
    assert found.mean_te_before == pytest.approx((0.02 * 1_000 + 0.04 * 3_000) / 4_000)
    assert found.mean_te_after == pytest.approx((0.01 * 1_000 + 0.03 * 3_000) / 4_000)
    assert (found.in_breach, found.breaches) == (1, 1)


def test_an_empty_book_has_sums_of_nothing_and_no_tracking_error():
    found = totals([])

    assert (found.accounts, found.traded, found.tax, found.te_after, found.mean_te_after) == (0, 0.0, 0.0, None, None)


def test_less_than_half_a_cent_saved_is_no_tax_and_has_no_sign():
    assert str(totals([replace(figures(), liability=-0.001)]).tax) == "0.0"


def test_dollars_of_other_trades_add_up_over_names_whichever_side_has_them():
    then = replace(figures(), trades=(("X", -40.0), ("Z", 30.0)))

    assert Compared(now=figures(), then=then).changed_usd == 60 + 60 + 30
    assert Compared(now=figures(), then=figures()).changed_usd == 0


def test_accounts_come_by_dollars_then_newly_not_planned_then_newly_broken_then_any_other_and_then_by_name():
    still = figures(document=None, outcome="calm", seen={**SEEN, "reasons": []})
    now = [replace(still, account_id=name) for name in "abcdef"]
    then = [
        now[0],
        replace(now[1], breaches=("cash low",)),
        replace(now[2], outcome="exception"),
        replace(now[3], trades=(("X", 1.0),)),
        now[4],
        replace(now[5], te_after=0.03),
    ]

    assert [pair.now.account_id for pair in compared(now, list(reversed(then)))] == ["d", "c", "b", "f", "a", "e"]


def test_figures_are_frozen_values_that_compare_by_what_they_say():
    assert figures() == figures()
    assert isinstance(figures(), AccountFigures)


def test_what_is_new_is_what_was_not_so_before():
    failed = replace(figures(outcome="exception", document=None), breaches=("cash high",))

    assert Compared(now=figures(), then=failed).new_breaches == ("cash high",)
    assert Compared(now=failed, then=failed).new_breaches == ()
    assert [Compared(now=a, then=b).newly_not_planned for a, b in
            ((figures(), failed), (failed, failed), (failed, figures()))] == [True, False, False]  # fmt: skip
