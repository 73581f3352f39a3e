"""Firm data: what came in, how good it is, which systems are reached, what was done, and how to bring in another."""

import streamlit as st

from app import session
from app.panels import data

services, user = session.services(), session.user()
st.title("Firm data")
data.summary(services)
quality, systems, work, risk, folder = st.tabs(
    ["Data quality", "Connections", "Jobs", "Risk model", "Bring in a folder"], key="tab", bind="query-params"
)
if quality.open:
    with quality:
        data.quality(services)
if systems.open:
    with systems:
        data.systems(services)
if work.open:
    with work:
        data.work(services)
if risk.open:
    with risk:
        data.risk(services)
if folder.open:
    with folder:
        data.bring_in(services, user)
