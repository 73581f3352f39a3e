"""Firm data: what came in, how good it is, which systems are reached, what was done, and how to bring in another."""

import streamlit as st

from app import session
from app.panels import addepar, corporate_actions, data, frame

services, user = session.services(), session.user()
st.title("Firm data")
data.summary(services)
frame.tabs(
    {
        "Data quality": lambda: data.quality(services),
        "Corporate actions": lambda: corporate_actions.actions(services, user),
        "Connections": lambda: data.systems(services),
        "Addepar": lambda: addepar.connection(services, user),
        "Jobs": lambda: data.work(services),
        "Risk model": lambda: data.risk(services),
        "Bring in a folder": lambda: data.bring_in(services, user),
    },
    key="tab",
)
