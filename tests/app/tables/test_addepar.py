"""What is shown of Addepar: keys and whether they exist, the lots that a mapping reads, faults and what they do."""

from dataclasses import replace
from datetime import date
from decimal import Decimal as D

import pandas as pd
import pytest

from app.steps import addepar
from app.tables.addepar import issue_table, lots_table, proposal_table, trial_words
from connectors.addepar.discover import Proposal
from connectors.addepar.issues import DataIssue, Severity
from engine.domain.accounts import Account, AccountBook, Lot, Registration


@pytest.fixture
def book():
    account = Account(
        account_id="A", household_id="H", registration=Registration.TAXABLE, custodian="One", account_number="1",
        model_id="M", cash=D("1234.5"), st_rate=D(0), lt_rate=D(0), ytd_st_gain=D(0), ytd_lt_gain=D(0),
        st_carryforward=D(0), lt_carryforward=D(0),
    )  # fmt: skip
    plain = Lot(
        account_id="A", lot_id="L1", security_id="S1", quantity=D("12.5"), cost_per_share=D(40),
        acquired=date(2025, 3, 4),
    )  # fmt: skip
    washed = replace(plain, lot_id="L2", wash_adjustment=D(60), holding_start=date(2024, 5, 6))
    return AccountBook(account=account, lots=(plain, washed), transactions=())


@pytest.mark.parametrize(("exists", "word"), [(True, "yes"), (False, "no"), (None, "")])
def test_a_setting_shows_its_key_now_whether_it_exists_and_the_key_proposed(exists, word):
    one = Proposal(
        place="lots.basis", meaning="Cost", written="cost_basis", exists=exists, proposed="adjusted_cost",
        display_name="Adjusted cost",
    )  # fmt: skip

    assert proposal_table([one]).to_numpy().tolist() == [
        ["lots.basis", "Cost", "cost_basis", word, "adjusted_cost", "Adjusted cost"]
    ]


def test_a_lot_as_read_has_its_whole_basis_and_the_day_from_which_it_counts(book):
    table = lots_table(book)

    assert table["lot"].tolist() == ["L1", "L2"]
    assert table["basis"].tolist() == [500.0, 560.0]  # 12.5 x 40, and 60 that were disallowed
    assert table["shares"].tolist() == [12.5, 12.5]
    assert table["acquired"].tolist() == [date(2025, 3, 4)] * 2
    assert table["held_from"].tolist() == [date(2025, 3, 4), date(2024, 5, 6)]
    assert pd.isna(table["wash_adjustment"][0])
    assert table["wash_adjustment"][1] == 60.0


def test_a_fault_names_the_thing_and_the_setting_that_it_was_read_by():
    issue = DataIssue(
        severity=Severity.ERROR, account_id="A", subject="lot L7", field="lots.basis", found="nothing",
        expected="a number", effect="its present book stays",
    )  # fmt: skip

    assert issue_table([issue]).to_numpy().tolist() == [
        ["error", "lot L7, lots.basis", "nothing", "a number", "its present book stays"]
    ]


def test_a_mapping_that_was_tried_tells_what_it_read_or_that_the_account_would_be_fenced_off(book):
    assert trial_words(addepar.Tested(book=book, issues=())) == "2 lots, 0 transactions, cash 1,234.50 USD."
    assert trial_words(addepar.Tested(book=None, issues=())) == "This account would be fenced off: see its faults."
