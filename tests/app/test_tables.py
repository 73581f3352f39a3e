"""What the screen shows of a value: filters, signs and units, against values worked out by hand."""

from decimal import Decimal

import pandas as pd
import pytest

from app.tables import filtered_queue, usd

QUEUE = pd.DataFrame(
    {
        "account": ["A1", "A2", "B1"],
        "household": ["Moss Family", "Moss Family", "Reed Trust"],
        "advisor": ["Ada", "Bea", "Ada"],
        "reasons": [["harvestable"], [], ["cash high", "harvestable"]],
        "custodian": ["North", "South", "North"],
    }
)


def shown(search="", reasons=(), custodians=()):
    found = filtered_queue(QUEUE, search=search, reasons=reasons, columns={"custodian": custodians})
    return list(found["account"])


def test_no_filter_shows_the_whole_queue_in_its_order():
    assert shown() == ["A1", "A2", "B1"]


def test_a_search_finds_accounts_households_and_advisors_whatever_their_case():
    assert shown(search="b1") == ["B1"]
    assert shown(search="moss") == ["A1", "A2"]
    assert shown(search=" ADA ") == ["A1", "B1"]


def test_a_search_is_text_and_no_pattern():
    assert shown(search=".") == []


def test_any_of_the_chosen_reasons_will_do():
    assert shown(reasons=["cash high", "market move"]) == ["B1"]


def test_filters_narrow_one_another():
    assert shown(search="moss", reasons=["harvestable"], custodians=["North"]) == ["A1"]
    assert shown(search="moss", custodians=["North", "South"]) == ["A1", "A2"]


@pytest.mark.parametrize(
    ("amount", "text"), [(Decimal("1234.5"), "$1,234"), (-161718.2, "-$161,718"), (Decimal(0), "$0"), (-0.2, "$0")]
)
def test_dollars_carry_their_sign_before_the_dollar_sign(amount, text):
    assert usd(amount) == text
