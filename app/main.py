"""The frame of every page: who is looking, which firm, how old its data are, and the way around."""

from pathlib import Path

import streamlit as st

from app import navigation, session
from app.panels import frame
from engine.domain.errors import LotsmithError

st.set_page_config(page_title="Lotsmith", page_icon=str(Path(__file__).with_name("lotsmith.svg")), layout="wide")

menu = st.sidebar.container()  # above what else the sidebar shows

try:
    session.sign_in()
    sections = navigation.pages(session.user())
    chosen = st.navigation(sections, position="hidden")
    with menu:
        navigation.menu(sections)
    frame.header(session.services())
    session.enter(chosen.url_path)
    chosen.run()
except LotsmithError as error:
    frame.refusal(error)
