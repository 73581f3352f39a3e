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
frame.tabs(
    {
        "To send": lambda: orders.to_send(services, user),
        "Sent": lambda: orders.sent(services, sendings),
        "Breaks": lambda: orders.breaks(services, sendings),
        "Custodians": lambda: orders.custodians(sendings),
        "Outside systems": lambda: orders.outbox(services),
    },
    key="orders_list",
)
