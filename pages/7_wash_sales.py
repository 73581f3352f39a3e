"""Wash sales: what became of each loss, the 61 days around it, and what the household may not trade."""

import streamlit as st

from app import session
from app.panels import frame
from app.panels import ledger as panel
from app.session import memory
from app.steps import firm, ledger

services = session.services()
head, chooser = st.columns([2, 4], vertical_alignment="bottom")
head.title("Wash sales")
with chooser:
    household_id = session.pick_household(ledger.household_labels(services))
view = memory.remember(
    ("ledger", household_id, firm.version(services)), lambda: ledger.household_ledger(services, household_id)
)
panel.figures(view)
frame.tabs({"Losses": lambda: panel.losses(view), "Locks and replacements": lambda: panel.calendar(view)}, key="tab")
