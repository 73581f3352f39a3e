"""Client meeting: one household, three choices, one slider, plain words."""

import streamlit as st

st.title("Client meeting")
