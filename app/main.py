"""The frame of every page: who is looking, which firm, how old its data are, and the way around."""

from pathlib import Path

import streamlit as st

from app import navigation, session
from app.panels import frame
from app.session import client_view
from engine.domain.errors import LotsmithError

st.set_page_config(page_title="Lotsmith", page_icon=str(Path(__file__).with_name("lotsmith.svg")), layout="wide")

# Above what else the sidebar shows; in a meeting there is none, for an empty one would still take its place.
menu = None if session.in_meeting() else st.sidebar.container()

try:
    session.sign_in()
    sections = navigation.pages(session.user())
    chosen = st.navigation(sections, position="hidden")
    if session.in_meeting() and not navigation.is_meeting(chosen):
        client_view.leave()
        st.rerun()
    if menu is not None:
        with menu:
            navigation.menu(sections)
    frame.header(session.services())
    if not session.in_meeting():
        frame.after_meeting()
    session.enter(chosen.url_path)
    chosen.run()
except LotsmithError as error:
    if session.in_meeting():
        frame.discreet_refusal(error)
    else:
        frame.refusal(error)
