"""What a meeting's figures rest on is told with the account's own rates, and an untaxed account is told no rate."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.steps import meeting
from app.steps.meeting import Wishes
from app.tables.assumptions import assumptions, disclosures, in_one_line


@pytest.fixture
def talk(services):
    return meeting.meet(services, "T1", Wishes())


def test_the_line_on_screen_names_the_prices_day_the_rates_and_the_thirty_days(talk):
    assert in_one_line(talk) == (
        "Hypothetical, no promise · prices of 20 November 2026 · tax at 32.0% short-term, 20.0% long-term · closeness "
        "predicted from past returns · what is sold at a loss is not bought back for 30 days"
    )


def test_the_prices_day_is_that_of_the_prices_where_the_account_moved_on_without_them(talk):
    later = replace(talk.inputs, market=replace(talk.market, as_of=talk.market.as_of + timedelta(days=7)))

    for told in (in_one_line(replace(talk, inputs=later)), " ".join(assumptions(replace(talk, inputs=later)))):
        assert "prices of 20 November 2026" in told


def test_an_account_that_pays_no_tax_is_told_no_rate(services):
    ira = meeting.meet(services, "I1", Wishes())

    assert "· no tax in this account ·" in in_one_line(ira)
    assert "This account pays no tax on its trades." in assumptions(ira)
    assert not any("taxed at" in each for each in assumptions(ira))


def test_gains_are_said_to_net_with_the_year_only_where_the_settings_say_so(talk):
    own = replace(talk.inputs, own=replace(talk.own, net_taxes=True))
    net = "They net with the year's gains and losses so far and with losses carried forward."
    alone = "up to $3,000 of other income a year"

    assert any(each.endswith(net) for each in assumptions(replace(talk, inputs=own)))
    assert any(alone in each for each in assumptions(talk))
    assert not any(net in each for each in assumptions(talk))


def test_a_made_up_firm_is_disclosed_before_all_else_and_a_real_one_not_at_all():
    def headings(*, generated):
        return [heading for heading, _ in disclosures(firm="F", household="H", generated=generated)]

    assert headings(generated=True) == ["Generated data", *headings(generated=False)]
    assert headings(generated=False)[0] == "Hypothetical figures"
