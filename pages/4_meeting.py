"""Client meeting: one household, three choices, one slider, plain words."""

import streamlit as st

from app import session
from app.panels import meeting as panel
from app.session import client_view, memory
from app.steps import firm, meeting
from app.steps.market import todays_market

services, user = session.services(), session.user()
if not session.in_meeting():
    panel.door(services)
    st.stop()

household = meeting.household(services, client_view.household_id())
panel.head(household)
account_id = client_view.pick_account(meeting.account_labels(services, household.household_id))
left, right = st.columns([3, 9], gap="medium")
with left:
    wishes, lean = panel.controls(todays_market(services))
asked = (account_id, firm.version(services), wishes)
with right, st.spinner("Working it out…"):
    found = memory.remember(("meeting", *asked), lambda: meeting.meet(services, account_id, wishes))
    chosen = memory.remember(("choice", *asked, lean), lambda: meeting.choose(found, lean))
with right:
    if not panel.possible(found, chosen):
        st.stop()
    panel.whose(found)
    panel.cards(found, chosen)
    panel.chosen_plan(found, chosen)
with left:
    panel.take_away(services, found, chosen, user)
panel.assumed_in_sight(found)
with right, st.spinner("Drawing…"):
    panel.pictures(found, chosen, memory.remember(("between", *asked), lambda: meeting.between(found)))
panel.why(found, chosen)
panel.assumed(found)
