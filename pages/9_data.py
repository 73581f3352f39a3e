"""Firm data: what came in, how good it is, and how to bring in another."""

import streamlit as st

from app import session
from app.panels import data, frame
from app.steps import monitor
from app.tables.monitor import problem_table

services, user = session.services(), session.user()
st.title("Firm data")
data.summary(services)
data.risk(services)
st.subheader("Problems found by the last scan")
scan = monitor.last_scan(services)
frame.table(problem_table(scan.documents if scan else {}), key="data_problems", empty="No account has a data problem.")
data.bring_in(services, user)
