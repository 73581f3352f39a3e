"""Before the first plan is pushed, the org is asked whether it has all that plans need."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from connectors.salesforce.config import FinancialAccountNames, read_config
from connectors.salesforce.crm import SalesforceCrm
from connectors.sandbox.loopback import listening
from connectors.sandbox.org.schema import load_schema
from connectors.sandbox.org.tenant import Org
from connectors.sandbox.salesforce import salesforce_stand_in, write_connection


@pytest.fixture
def poor_crm(keys) -> Iterator[SalesforceCrm]:
    """An org whose package was changed by hand: one field gone, one key no longer an external id."""
    schema = dict(load_schema())
    trade, plan = schema["Rebalance_Trade__c"], schema["Rebalance_Plan__c"]
    rest = {name: field for name, field in trade.fields.items() if name != "Lots__c"}
    schema["Rebalance_Trade__c"] = replace(trade, fields=rest)
    key = replace(plan.fields["Plan_Id__c"], external_id=False)
    schema["Rebalance_Plan__c"] = replace(plan, fields={**plan.fields, "Plan_Id__c": key})
    stand_in = salesforce_stand_in(keys, org=Org(schema=schema))
    with listening(stand_in.app, certificate=stand_in.tls.certificate, private_key=stand_in.tls.key) as address:
        write_connection(stand_in, address, keys / "poor.json")
        yield SalesforceCrm(read_config(keys / "poor.json"))


def test_an_org_with_the_package_lacks_nothing(server):
    assert server.crm().verify() == ()


def test_a_missing_field_and_a_lost_key_are_named(poor_crm):
    assert poor_crm.verify() == (
        "Rebalance_Plan__c: field Plan_Id__c is not an external id",
        "Rebalance_Trade__c: field Lots__c is missing or hidden from this user",
    )


def test_a_missing_object_and_process_are_named(server):
    names = FinancialAccountNames(object="FinancialAccount")

    found = server.crm(financial_accounts=names, approval_process="Other").verify()

    assert found == (
        "object FinancialAccount is missing or hidden from this user",
        "approval process Other on Rebalance_Plan__c is missing or not active",
    )


def test_an_org_without_financial_accounts_is_not_asked_for_them(server, document, push):
    crm = server.crm(financial_accounts=None)

    assert crm.verify() == ()
    assert push(crm, document()).trade_count == 2
