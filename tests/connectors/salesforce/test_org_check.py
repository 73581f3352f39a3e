"""Before the first plan is pushed, the org is asked whether it has all that plans need."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from connectors.salesforce.config import STANDARD_OBJECTS, read_config
from connectors.salesforce.crm import SalesforceCrm
from connectors.sandbox.loopback import listening
from connectors.sandbox.org.schema import Model, load_schema
from connectors.sandbox.org.tenant import Org
from connectors.sandbox.salesforce import salesforce_stand_in, write_connection
from engine.domain.lifecycle import PlanState


@pytest.fixture
def poor_crm(keys) -> Iterator[SalesforceCrm]:
    """An org whose package was changed by hand: a field gone, a key no key, one not writable, a status missing."""
    schema = dict(load_schema())
    trade, plan = schema["Rebalance_Trade__c"], schema["Rebalance_Plan__c"]
    rest = {name: field for name, field in trade.fields.items() if name != "Lots__c"}
    schema["Rebalance_Trade__c"] = replace(trade, fields=rest)
    changed = {
        "Plan_Id__c": replace(plan.fields["Plan_Id__c"], external_id=False),
        "Summary__c": replace(plan.fields["Summary__c"], writable="never"),
        "Status__c": replace(plan.fields["Status__c"], choices=tuple(s for s in PlanState if s != "filled")),
    }
    schema["Rebalance_Plan__c"] = replace(plan, fields={**plan.fields, **changed})
    stand_in = salesforce_stand_in(keys, org=Org(schema=schema))
    with listening(stand_in.app, certificate=stand_in.tls.certificate, private_key=stand_in.tls.key) as address:
        write_connection(stand_in, address, keys / "poor.json")
        yield SalesforceCrm(read_config(keys / "poor.json"))


def test_an_org_with_the_package_lacks_nothing(server):
    assert server.crm().verify() == ()


def test_whatever_was_changed_in_the_org_is_named(poor_crm):
    assert poor_crm.verify() == (
        "Rebalance_Plan__c: field Plan_Id__c is not an external id",
        "Rebalance_Plan__c: field Summary__c may not be written by this user",
        "Rebalance_Plan__c: Status__c has no value filled",
        "Rebalance_Trade__c: field Lots__c is missing or hidden from this user",
    )


def test_a_missing_object_and_process_are_named(server):
    found = server.crm(financial_accounts=STANDARD_OBJECTS, approval_process="Other").verify()

    assert found == (
        "object FinancialAccount is missing or hidden from this user",
        "object FinancialAccountParty is missing or hidden from this user",
        "approval process Other on Rebalance_Plan__c is missing or not active",
    )


def test_a_plan_is_linked_through_the_standard_objects_too(keys, document, push):
    org = Org(schema=load_schema(Model.STANDARD_OBJECTS))
    user = org.users["lotsmith@lotsmith.example"]

    def put(name, **values):
        return org.records.put(name, values, user=user)

    owner, other = put("Account", Name="The Hand family"), put("Account", Name="A daughter")
    joint = put("FinancialAccount", Name="Joint", Lotsmith_Account_Id__c="A-1")
    put("FinancialAccountParty", FinancialAccountId=joint, AccountId=owner, Role="Owner")
    put("FinancialAccountParty", FinancialAccountId=joint, AccountId=other, Role="Beneficiary")
    shared = put("FinancialAccount", Name="Shared", Lotsmith_Account_Id__c="A-2")
    for account in (owner, other):  # two owners: which of them the household is, nobody can tell
        put("FinancialAccountParty", FinancialAccountId=shared, AccountId=account, Role="Owner")
    stand_in = salesforce_stand_in(keys, org=org)
    with listening(stand_in.app, certificate=stand_in.tls.certificate, private_key=stand_in.tls.key) as address:
        write_connection(stand_in, address, keys / "standard.json")
        config = replace(read_config(keys / "standard.json"), financial_accounts=STANDARD_OBJECTS)
        crm = SalesforceCrm(config)

        assert crm.verify() == ()
        for account_id in ("A-1", "A-2"):
            push(crm, document(account_id=account_id))

    plans = list(org.records.rows("Rebalance_Plan__c"))
    assert [(p["Financial_Account__c"], p["Household__c"]) for p in plans] == [(joint, owner), (shared, None)]


def test_an_org_without_financial_accounts_is_not_asked_for_them(server, document, push):
    crm = server.crm(financial_accounts=None)

    assert crm.verify() == ()
    assert push(crm, document()).trade_count == 2
