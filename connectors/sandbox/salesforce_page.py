"""What does a person see who plays the reviewer "in Salesforce"? One page of the plans in review, with two buttons."""

from collections.abc import Mapping
from html import escape
from typing import Any, Final
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from connectors.sandbox.org.records import Row
from connectors.sandbox.org.refused import Refused
from connectors.sandbox.org.tenant import Org

_PLAN: Final = "Rebalance_Plan__c"
_TRADE: Final = "Rebalance_Trade__c"
_STYLE: Final = """
body { font: 15px system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #181818 }
.banner { background: #fff3c4; border: 1px solid #d9a400; padding: .6rem 1rem; border-radius: .3rem }
.refused { background: #fde2e0; border: 1px solid #b3261e; padding: .6rem 1rem; border-radius: .3rem }
article { border: 1px solid #c9c9c9; border-radius: .4rem; padding: 1rem; margin: 1rem 0 }
table { border-collapse: collapse; width: 100%; margin: .6rem 0 } caption { text-align: left }
th, td { text-align: left; padding: .2rem .6rem; border-bottom: 1px solid #e5e5e5 }
.number { text-align: right; font-variant-numeric: tabular-nums } pre { white-space: pre-wrap; font: inherit }
label { margin-right: 1rem } textarea { width: 100%; box-sizing: border-box } button { padding: .4rem 1rem }
"""
_FIGURES: Final = (
    ("Trades", "Trade_Count__c", "{:,.0f}"),
    ("Net asset value", "Net_Asset_Value__c", "${:,.2f}"),
    ("Tracking error before", "Tracking_Error_Before__c", "{:.2f} %"),
    ("Tracking error after", "Tracking_Error_After__c", "{:.2f} %"),
    ("Tax liability", "Tax_Liability__c", "${:,.2f}"),
    ("Harvested loss", "Harvested_Loss__c", "${:,.2f}"),
    ("Checks failed", "Checks_Failed__c", "{:,.0f}"),
    ("Checks warned", "Checks_Warned__c", "{:,.0f}"),
)


def reviewers_page(org: Org) -> Starlette:
    """Return the page as an application of its own."""

    async def show(_: Request) -> Response:
        with org.lock:
            return HTMLResponse(_page(org, ""))

    async def decide(request: Request) -> Response:
        fields = {name: values[-1] for name, values in parse_qs((await request.body()).decode()).items()}
        refusal = await run_in_threadpool(_decide, org, fields)
        if refusal:
            return HTMLResponse(refusal, status_code=400)
        return RedirectResponse("/", status_code=303)

    return Starlette(routes=[Route("/", show), Route("/decide", decide, methods=["POST"])])


def _decide(org: Org, fields: Mapping[str, str]) -> str:
    """Do what the form asks as the chosen reviewer, all or nothing; return the page with the refusal, "" when done."""
    with org.lock:
        before = org.records.savepoint()
        try:
            _carry_out(org, fields)
        except (Refused, ValueError, KeyError) as error:
            org.records.restore(before)
            return _page(org, str(error))
        org.save()
        return ""


def _carry_out(org: Org, fields: Mapping[str, str]) -> None:
    user, outcome = org.users[fields["user"]], fields["outcome"]
    for trade in _trades(org, fields["plan"]):
        wanted = fields.get(trade["Id"], "").strip()
        change = {"Requested_Quantity__c": float(wanted) if wanted else None}
        if change["Requested_Quantity__c"] != trade["Requested_Quantity__c"]:
            org.records.put(_TRADE, change, user=user, record_id=trade["Id"])
    action = "Approve" if outcome == "approve" else "Reject"
    if action == "Reject":
        org.records.put(_PLAN, {"Review_Outcome__c": outcome}, user=user, record_id=fields["plan"])
    comments = fields.get("comment", "")
    org.approvals.act({"actionType": action, "contextId": fields["item"], "comments": comments}, user=user)


def _page(org: Org, refusal: str) -> str:
    waiting = "".join(_waiting(org, item) for item in org.records.rows("ProcessInstanceWorkitem"))
    warning = f'<p class="refused" role="alert">Refused: {escape(refusal)}</p>' if refusal else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Salesforce stand-in</title>'
        f"<style>{_STYLE}</style></head><body><h1>Plans in review</h1>"
        '<p class="banner">This is a <strong>stand-in for Salesforce</strong>, for demonstrations and tests. '
        "Nothing here reaches a real org.</p>"
        f"{warning}{waiting or '<p>No plan is waiting for a review.</p>'}<h2>All plans</h2>{_all_plans(org)}"
        "</body></html>"
    )


def _waiting(org: Org, item: Row) -> str:
    instance = org.records.get("ProcessInstance", item["ProcessInstanceId"])
    plan = org.records.get(_PLAN, instance["TargetObjectId"])
    figures = "".join(
        f'<tr><th scope="row">{label}</th><td class="number">{_figure(plan[name], form)}</td></tr>'
        for label, name, form in _FIGURES
    )
    people = "".join(f'<option value="{escape(u.username)}">{escape(u.name)}</option>' for u in org.reviewers)
    return (
        f"<article><h2>{_shown(plan['Name'])}</h2><p>{_shown(plan['Household_Name__c'])}, as of "
        f"{_shown(plan['As_Of__c'])}</p><pre>{_shown(plan['Summary__c'])}</pre><table>{figures}</table>"
        f'<pre>{_shown(plan["Checks__c"])}</pre><form method="post" action="/decide">'
        f'<input type="hidden" name="item" value="{item["Id"]}"><input type="hidden" name="plan" value="{plan["Id"]}">'
        f"<details><summary>Trades</summary>{_trade_table(org, plan['Id'])}</details>"
        f'<p><label>Reviewer <select name="user">{people}</select></label></p>'
        '<p><label>Comment <textarea name="comment" rows="2"></textarea></label></p>'
        '<p><button name="outcome" value="approve">Approve</button> '
        '<button name="outcome" value="request_changes">Request changes</button> '
        '<button name="outcome" value="reject">Reject</button></p></form></article>'
    )


def _trade_table(org: Org, plan_id: str) -> str:
    rows = "".join(
        f"<tr><td>{_shown(trade['Side__c'])}</td><td>{_shown(trade['Security_Id__c'])}</td>"
        f'<td class="number">{_figure(trade["Quantity__c"], "{:,.6g}")}</td>'
        f'<td class="number">{_figure(trade["Amount__c"], "${:,.2f}")}</td><td>{_shown(trade["Reason__c"])}</td>'
        f'<td><input name="{trade["Id"]}" inputmode="decimal" size="8" '
        f'aria-label="Requested quantity of {_shown(trade["Security_Id__c"])}" '
        f'value="{_shown(trade["Requested_Quantity__c"])}"></td></tr>'
        for trade in _trades(org, plan_id)
    )
    heads = "".join(f"<th>{head}</th>" for head in ("Side", "Security", "Shares", "Amount", "Reason", "Wanted shares"))
    return f"<table><tr>{heads}</tr>{rows}</table>"


def _all_plans(org: Org) -> str:
    rows = "".join(
        f"<tr><td>{_shown(plan['Name'])}</td><td>{_shown(plan['Household_Name__c'])}</td>"
        f"<td>{_shown(plan['Status__c'])}</td><td>{_shown(plan['Status_Text__c'])}</td></tr>"
        for plan in reversed(list(org.records.rows(_PLAN)))
    )
    heads = "".join(f"<th>{head}</th>" for head in ("Plan", "Household", "Status", "Note"))
    return f"<table><tr>{heads}</tr>{rows}</table>"


def _trades(org: Org, plan_id: str) -> list[Row]:
    return [row for row in org.records.rows(_TRADE) if row["Plan__c"] == plan_id]


def _shown(value: Any) -> str:
    return "" if value is None else escape(str(value))


def _figure(value: Any, form: str) -> str:
    return "" if value is None else form.format(value).replace("$-", "-$")
