"""The tax year so far, worked by hand: rates 40 % and 20 %, a carried loss is worth half of its rate."""

from dataclasses import replace
from decimal import Decimal as D

import pytest

from engine.domain.accounts import Registration
from engine.domain.settings import PlanSettings
from engine.monitor.harvest import Harvest
from engine.monitor.tax_position import tax_position

HARVEST = Harvest(lots=(), st_loss=D(300), lt_loss=D(700), tax_saved=D(260))


def position(snapshot, *, st, lt, st_carried=0, lt_carried=0, budget=None):
    account = replace(
        snapshot.account,
        registration=Registration.TAXABLE,
        st_rate=D("0.4"),
        lt_rate=D("0.2"),
        ytd_st_gain=D(st),
        ytd_lt_gain=D(lt),
        st_carryforward=D(st_carried),
        lt_carryforward=D(lt_carried),
    )
    settings = PlanSettings(gains_budget=None if budget is None else D(budget))
    return tax_position(account, settings, HARVEST)


@pytest.mark.parametrize(
    ("st", "lt", "st_carried", "lt_carried", "tax"),
    [
        (1000, 2000, 0, 0, 800),  # 1,000 x 0.4 + 2,000 x 0.2
        (-1000, 6000, 0, 0, 1000),  # 5,000 of long-term gain left x 0.2
        (-2000, 0, 0, 0, -800),  # ordinary income of 2,000 at 0.4
        # 4,000 carried in would save 3,000 x 0.4 + 1,000 x 0.4 x 0.5 = 1,400; it meets 4,000 of gain instead
        (4000, 0, 4000, 0, 1400),
        # without gains: 3,000 x 0.4 + 2,000 x 0.2 x 0.5 = 1,400; with 5,000 of long-term gain nothing is left of either
        (0, 5000, 0, 5000, 1400),
    ],
)
def test_the_tax_of_the_year_so_far_is_what_its_gains_change(snapshot, st, lt, st_carried, lt_carried, tax):
    assert position(snapshot, st=st, lt=lt, st_carried=st_carried, lt_carried=lt_carried).tax == D(tax)


def test_what_is_left_of_the_budget_is_the_budget_less_the_net_gain_and_can_be_below_zero(snapshot):
    assert position(snapshot, st=-1000, lt=6000, budget=8000).left == D(3000)
    assert position(snapshot, st=1000, lt=6000, budget=5000).left == D(-2000)
    assert position(snapshot, st=1000, lt=6000).left is None


def test_losses_that_could_be_taken_are_those_of_the_harvest(snapshot):
    found = position(snapshot, st=0, lt=0)

    assert (found.st_harvest, found.lt_harvest) == (D(300), D(700))


def test_an_account_that_pays_no_tax_has_no_tax_year(snapshot):
    account = replace(snapshot.account, registration=Registration.ROTH)

    assert tax_position(account, PlanSettings(), HARVEST) is None
