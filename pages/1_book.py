"""Book: every account, the one with most at stake first."""

import streamlit as st

from app import session
from app.panels import book as panel
from app.session import memory
from app.steps import firm, plan

services, user = session.services(), session.user()
scanned = panel.heading(services, user)
if scanned is None:
    st.stop()
book = panel.read(services, scanned)
tiles = st.container()
with st.container(horizontal=True, vertical_alignment="center", gap="small"):
    view = panel.controls(book)
    panel.views(services, user, book, view)
if panel.wants_map():
    panel.heat_map(book, view)
states = memory.shared(("plan states", firm.version(services)), lambda: plan.newest_states(services))
panel.queue(services, user, book, view, plan_states=states, scanned=scanned)
with tiles:  # after the table, which is longer on its way: then the browser paints both at once
    panel.tiles(book, view)
