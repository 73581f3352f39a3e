"""Review: verdict first, every check visible, and nothing signed that is not exactly what is sent."""

import streamlit as st

from app import navigation, session
from app.panels import approval, frame, orders, queue, review
from app.panels import plan as plan_panel
from app.session import memory
from app.steps import crm, decisions, plan
from app.tables.parts import literal
from app.tables.review import history_table

services, user = session.services(), session.user()
plan_id = session.plan_id()
with st.container(horizontal=True, vertical_alignment="center"):
    st.title("Review", width="content")
    if services.crm and st.button("Read decisions from Salesforce", key="read_decisions", icon=":material/sync:"):
        with st.spinner("Asking Salesforce…"):
            review.tell(decisions.read_decisions(services))
    if plan_id and st.button("All plans in review", key="all_plans", icon=":material/arrow_back:"):
        navigation.go(navigation.REVIEW)
frame.told(session.said())

if plan_id is None:
    frame.tabs(
        {
            "To decide": lambda: queue.waiting(services, user),
            "With their makers": lambda: review.with_makers(services, user),
            "Decided and done": lambda: review.decided(services),
        },
        key="review_list",
    )
    st.stop()

stored = services.plans.get(plan_id)
found = memory.remember(("kept", plan_id), lambda: plan.kept(services, plan_id))
with st.spinner("Checking…"):
    entry = session.assessor().entry(services, stored)
review.header(stored, found)
approval.last_word(services, stored)
approval.verdict(entry, services)
approval.decision(services, stored, entry, user)
if stored.state in orders.OUT:
    orders.arriving(services, stored)
approval.budget(entry)
approval.checks(entry)
approval.changes(services, stored, found)
approval.preview(services, entry)
st.subheader("The plan")
plan_panel.headline(found)
st.markdown(literal(plan.summary_text(found)))
plan_panel.details(found, key="review")
plan_panel.proof(found)
if review.may_edit(stored, user):
    review.edits(services, stored, found, user)
st.subheader("What happened")
st.caption(crm.where_in_crm(services, plan_id))
frame.table(history_table(services.plans.history(plan_id)), key="history", alt="What happened to this plan",
            empty="A draft: nothing yet.")  # fmt: skip
