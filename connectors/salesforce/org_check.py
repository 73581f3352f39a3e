"""Does this org have everything that a plan's review needs?"""

from collections.abc import Iterator, Sequence

from connectors.salesforce import mapping
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.config import SalesforceConfig
from connectors.salesforce.mapping import PLAN, PLAN_KEY, TRADE, TRADE_KEY
from connectors.salesforce.refusal import SalesforceRefusal
from engine.domain.lifecycle import PlanState


def missing_parts(client: SalesforceClient, config: SalesforceConfig) -> tuple[str, ...]:
    """Return what the org lacks, or hides from the signed-in user, a sentence each. Raises SalesforceRefusal."""
    names = config.financial_accounts
    wanted: dict[str, tuple[str, ...]] = {
        PLAN: mapping.PLAN_FIELDS + ((names.link,) if names else ()),
        TRADE: mapping.TRADE_FIELDS,
        "Task": ("WhatId", "Subject", "Status", "Description", "ActivityDate"),
        "ContentVersion": ("Title", "PathOnClient", "VersionData", "FirstPublishLocationId"),
    }
    if names:
        wanted[names.object] = (names.key, *([names.household] if names.household else []))
    if names and (party := names.party):
        wanted[party.object] = (party.financial_account, party.account, party.role)
    missing = [sentence for name, needed in wanted.items() for sentence in _missing_fields(client, name, needed)]
    processes = (client.call("GET", "process/approvals") or {}).get("approvals", {})
    if not any(process["name"] == config.approval_process for process in processes.get(PLAN, ())):
        missing.append(f"approval process {config.approval_process} on {PLAN} is missing or not active")
    return tuple(missing)


def _missing_fields(client: SalesforceClient, name: str, needed: Sequence[str]) -> Iterator[str]:
    try:
        description = client.call("GET", f"sobjects/{name}/describe")
    except SalesforceRefusal as refusal:
        if refusal.code != "NOT_FOUND":
            raise
        yield f"object {name} is missing or hidden from this user"
        return
    found = {field["name"]: field for field in description["fields"]}
    for field in needed:
        if field not in found:
            yield f"{name}: field {field} is missing or hidden from this user"
        elif field in (PLAN_KEY, TRADE_KEY) and not found[field]["externalId"]:
            yield f"{name}: field {field} is not an external id"
        elif name in (PLAN, TRADE) and not found[field]["createable"]:
            yield f"{name}: field {field} may not be written by this user"
    if name == PLAN and "Status__c" in found:
        known = {choice["value"] for choice in found["Status__c"]["picklistValues"] if choice["active"]}
        yield from (f"{name}: Status__c has no value {state}" for state in PlanState if state not in known)
