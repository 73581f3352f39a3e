"""What-if: tune the settings, see the plan at once, keep what is worth comparing."""

import streamlit as st

from app import session
from app.panels import frame, kept
from app.panels.lab import frontier_follows, lab
from app.session import lab_view
from app.steps import firm, plan
from app.steps.market import todays_market

services, user = session.services(), session.user()
head, chooser = st.columns([2, 4], vertical_alignment="bottom")
head.title("What-if")
with chooser:
    account_id = session.pick_account(firm.account_labels(services))
frame.told(session.said())
heads = plan.plans_of(services, account_id)
kept.under_way(heads)
laid = kept.compared(services, heads)
lab_view.mark_whole_run()
owed = lab(services, user, account_id, laid)
kept.kept_plans(services, user, heads, laid, todays_market(services))
frontier_follows(owed)
