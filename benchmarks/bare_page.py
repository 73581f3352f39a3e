"""The least that Streamlit shows with a figure and a chart: what any page takes in this browser on this machine.

streamlit run benchmarks/bare_page.py --server.port 8700
"""

import plotly.graph_objects as go
import streamlit as st

st.metric("One", "1")
st.plotly_chart(go.Figure(go.Scatter(x=[1, 2], y=[1, 2], mode="markers")))
