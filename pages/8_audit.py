"""Audit log: who did what, when, and proof that nothing was changed since."""

import streamlit as st

from app import session
from app.panels import audit

services = session.services()
st.title("Audit log")
audit.events(services, audit.search(services))
st.subheader("Proof")
audit.proof(services)
