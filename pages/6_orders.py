"""Orders: release and send what is approved, once; take in what came back; reconcile."""

import streamlit as st

from app import session
from app.panels import frame, orders
from app.steps import crm, execute

services, user = session.services(), session.user()
st.title("Orders")
orders.to_send(services, user)
orders.answers(services)
orders.sent(services)
st.subheader("Waiting for an outside system")
orders.outbox(crm.undelivered(services))
with st.container(horizontal=True, vertical_alignment="center"):
    if st.button("Try again now", key="deliver", icon=":material/refresh:") and frame.attempt(
        lambda: (crm.deliver(services), execute.deliver(services))
    ):
        st.rerun()
    st.caption(orders.fix_engine())
