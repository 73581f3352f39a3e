"""Orders: release and send what is approved, once; watch what comes back; reconcile."""

import streamlit as st

from app import session
from app.panels import frame, orders

services, user = session.services(), session.user()
st.title("Orders")
frame.told(session.said())
plan_id = session.plan_id()
if plan_id is not None:
    orders.one_plan(services, plan_id)
    st.stop()

sendings = orders.on_its_way(services)
orders.tiles(services, sendings)
to_send, sent, breaks, custodians, outbox = st.tabs(
    ["To send", "Sent", "Breaks", "Custodians", "Outside systems"], key="orders_list", bind="query-params"
)
if to_send.open:
    with to_send:
        orders.to_send(services, user)
if sent.open:
    with sent:
        orders.sent(services, sendings)
if breaks.open:
    with breaks:
        orders.breaks(sendings)
if custodians.open:
    with custodians:
        orders.custodians(sendings)
if outbox.open:
    with outbox:
        orders.outbox(services)
