"""Account: what is out of line, lot by lot, and what may be done about it."""

import streamlit as st

from app import navigation, session
from app.panels import account as panel
from app.panels import frame
from app.session import memory
from app.steps import firm, monitor, plan
from app.tables.review import plan_table

services = session.services()
head, chooser, action = st.columns([2, 3, 1], vertical_alignment="bottom")
head.title("Account")
with chooser:
    account_id = session.pick_account(firm.account_labels(services))
if action.button("What if?", key="to_what_if", type="primary", icon=":material/tune:", width="stretch"):
    navigation.go(navigation.WHAT_IF, account=account_id)

view = memory.shared(("account", account_id, firm.version(services)), lambda: monitor.look_at(services, account_id))
panel.header(view)
parts = {
    "Drift": panel.drift,
    "Tax lots": panel.lots,
    "Harvest": panel.harvest,
    "Wash sales": panel.wash_sales,
    "Tax year": panel.taxes,
    "Rules and moves": panel.rules,
    "Data": panel.data,
}
*views, plans = st.tabs([*parts, "Plans"], key="tab", bind="query-params")
for tab, draw in zip(views, parts.values(), strict=True):
    if tab.open:
        with tab:
            draw(view)
if plans.open:
    with plans:
        heads = plan.plans_of(services, account_id)
        row = frame.picked(plan_table(heads), key="account_plans", empty="No plan yet.", height=460)
        if row is not None:
            navigation.go(navigation.REVIEW, plan=heads[row].plan_id)
