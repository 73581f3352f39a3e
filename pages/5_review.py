"""Review: is the plan right, what would an edit cost, and who agrees?"""

import streamlit as st

from app import navigation, session
from app.panels import frame, review
from app.panels import plan as plan_panel
from app.steps import crm, plan
from app.steps import review as step
from app.tables.review import history_table, plan_table

services, user = session.services(), session.user()
st.title("Review")
plan_id = session.plan_id()
with st.container(horizontal=True, vertical_alignment="center"):
    if services.crm and st.button("Read decisions from Salesforce", key="read_decisions", icon=":material/sync:"):
        with st.spinner("Asking Salesforce…"):
            review.tell(step.read_decisions(services))
    if plan_id and st.button("All plans in review", key="all_plans", icon=":material/arrow_back:"):
        session.show(plan=None)
        st.rerun()

if plan_id is None:
    open_plans, closed = review.waiting(services)
    st.subheader("Waiting for somebody")
    row = frame.picked(plan_table(open_plans), key="open_plans", empty="No plan waits for a review.")
    if row is not None:
        navigation.go(navigation.REVIEW, plan=open_plans[row].plan_id)
    st.subheader("Decided and done")
    row = frame.picked(plan_table(closed), key="closed_plans", empty="Nothing yet.")
    if row is not None:
        navigation.go(navigation.REVIEW, plan=closed[row].plan_id)
    st.stop()

stored = services.plans.get(plan_id)
found = session.remember(("kept", plan_id), lambda: plan.kept(services, plan_id))
review.header(stored, found)
st.caption(crm.where_in_crm(services, plan_id))
review.staleness(services, stored)
opinions = session.remember(("checks", plan_id), lambda: step.checks(services, plan_id))
with st.expander(review.opinion_label(opinions), expanded=review.disagrees(opinions)):
    st.caption("Derived again from the raw lots and transactions, by rules written apart from the optimiser.")
    plan_panel.verdicts(opinions)
plan_panel.headline(found)
st.markdown(plan.summary_text(found))
plan_panel.proof(found)
review.decision(services, stored, user)
plan_panel.details(found, key="review")
if review.may_edit(stored, user):
    review.edits(services, stored, found, user)
st.subheader("What happened")
frame.table(history_table(services.plans.history(plan_id)), key="history", empty="A draft: nothing yet.")
