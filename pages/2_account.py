"""Account: what is out of line, lot by lot, and what may be done about it."""

import streamlit as st

from app import navigation, session
from app.panels import account as panel
from app.panels import frame
from app.session import memory
from app.steps import firm, monitor, plan

services = session.services()
head, chooser, action = st.columns([2, 3, 1], vertical_alignment="bottom")
head.title("Account")
with chooser:
    account_id = session.pick_account(firm.account_labels(services))
if action.button("What if?", key="to_what_if", type="primary", icon=":material/tune:", width="stretch"):
    navigation.go(navigation.WHAT_IF, account=account_id)

view = memory.shared(("account", account_id, firm.version(services)), lambda: monitor.look_at(services, account_id))
panel.header(view)
frame.tabs(
    {
        "Drift": lambda: panel.drift(view),
        "Tax lots": lambda: panel.lots(view),
        "Harvest": lambda: panel.harvest(view),
        "Wash sales": lambda: panel.wash_sales(view),
        "Tax year": lambda: panel.taxes(view),
        "Rules and moves": lambda: panel.rules(view),
        "Data": lambda: panel.data(view),
        "Plans": lambda: panel.plans(plan.plans_of(services, account_id)),
    },
    key="tab",
)
