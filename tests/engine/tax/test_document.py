"""The ledger document, field by field, on one household worked by hand."""

import json
from dataclasses import replace

import pytest

from engine.tax.document import ledger_document


def a_third_is_washed(story):
    """3 shares cost 300; sold for 250 on 3 June; 1 bought back in the IRA and 1 in the joint account: 16.67 each."""
    story.buy("2023-01-03", 3, 100, lot="old")
    story.sell("2024-06-03", 3, "83.333333", lot="old")
    story.buy("2024-06-10", 1, 80, account="ira")
    story.buy("2024-06-12", 1, 81, account="joint", lot="new")
    return story.ledger("2024-06-20")


def test_the_document_has_the_fields_of_the_format_and_every_amount_is_to_the_cent(story):
    document = ledger_document([a_third_is_washed(story)])

    assert document == {
        "losses": [
            {
                "transaction_id": "t2",
                "account_id": "taxable",
                "security_id": "X",
                "trade_date": "2024-06-03",
                "quantity": 3.0,
                "proceeds": 250.0,
                "basis": 300.0,
                "loss": 50.0,
                "disallowed": 33.33,
                "permanently_disallowed": 16.67,
                "allowed": 16.67,
                "matches": [
                    {
                        "transaction_id": "t3",
                        "account_id": "ira",
                        "quantity": 1.0,
                        "basis_increase": 0.0,
                        "holding_start": None,
                    },
                    {
                        "transaction_id": "t4",
                        "account_id": "joint",
                        "quantity": 1.0,
                        "basis_increase": 16.67,
                        "holding_start": "2023-01-12",
                    },
                ],
            }
        ],
        "lots": [
            {
                "account_id": "ira",
                "lot_id": "t3",
                "security_id": "X",
                "quantity": 1.0,
                "basis": 80.0,
                "acquired": "2024-06-10",
                "holding_start": None,
            },
            {
                "account_id": "joint",
                "lot_id": "new",
                "security_id": "X",
                "quantity": 1.0,
                "basis": 97.67,
                "acquired": "2024-06-12",
                "holding_start": "2023-01-12",
            },
        ],
        "locks": [
            {"household_id": "H", "identical_group": "X", "cause": "t2", "rule": "no_buy", "until": "2024-07-04"},
            {"household_id": "H", "identical_group": "X", "cause": "t3", "rule": "no_loss_sale", "until": "2024-07-11"},
            {"household_id": "H", "identical_group": "X", "cause": "t4", "rule": "no_loss_sale", "until": "2024-07-13"},
        ],
        "not_visible": [],
    }


def test_the_document_is_plain_json(story):
    document = ledger_document([a_third_is_washed(story)])

    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_losses_of_several_households_come_oldest_first(story):
    story.buy("2023-01-03", 2, 100)
    story.sell("2024-06-05", 1, 80)
    late = story.ledger()
    story.rows[-1] = replace(story.rows[-1], transaction_id="early", trade_date=story.rows[0].trade_date)
    early = story.ledger()

    assert [loss["transaction_id"] for loss in ledger_document([late, early])["losses"]] == ["early", "t2"]


def test_accounts_that_the_household_has_elsewhere_are_named(story):
    ledger = replace(story.ledger(), not_visible=("401(k) at work",))

    assert ledger_document([ledger])["not_visible"] == ["401(k) at work"]


def test_half_a_cent_goes_to_the_even_cent_and_shares_keep_six_decimals(story):
    story.buy("2024-06-10", "0.1234565", 1, lot="a")
    story.buy("2024-06-10", "0.025", 1, lot="b")
    story.buy("2024-06-10", "0.035", 1, lot="c")

    lots = ledger_document([story.ledger()])["lots"]

    assert [lot["quantity"] for lot in lots] == [0.123456, 0.025, 0.035]
    assert [lot["basis"] for lot in lots] == [0.12, 0.02, 0.04]


def test_no_household_is_an_empty_document():
    assert ledger_document([]) == {"losses": [], "lots": [], "locks": [], "not_visible": []}


def test_a_loss_of_10_01_half_of_it_disallowed_still_adds_up_in_whole_cents(story):
    """5.005 is disallowed and 5.005 allowed: rounded apart they would be 5.00 and 5.00."""
    story.buy("2023-01-03", 2, 10, lot="old")
    story.sell("2024-06-03", 2, "4.995", lot="old")
    story.buy("2024-06-10", 1, 5)

    loss = ledger_document([story.ledger()])["losses"][0]

    assert (loss["loss"], loss["disallowed"], loss["allowed"]) == (10.01, 5.0, 5.01)


@pytest.mark.parametrize(
    ("cost", "price", "loss"),
    [
        ("20.006", "10.004", 10.01),  # 10.002 exactly; in cents 20.01 - 10.00
        ("20.005", "9.996", 10.0),  # 10.009 exactly; in cents 20.00 (the even cent) - 10.00
    ],
)
@pytest.mark.parametrize(("account", "for_good"), [("joint", 0), ("ira", 1)])
def test_a_loss_is_basis_less_proceeds_in_whole_cents_and_none_of_it_is_left_where_all_is_disallowed(
    story, cost, price, loss, account, for_good
):
    story.buy("2023-01-03", 1, cost)
    story.sell("2024-06-03", 1, price)
    story.buy("2024-06-10", 1, 5, account=account)

    entry = ledger_document([story.ledger()])["losses"][0]

    assert [entry[name] for name in ("loss", "disallowed", "permanently_disallowed", "allowed")] == [
        loss,
        loss,
        loss * for_good,
        0.0,
    ]
