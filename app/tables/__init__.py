"""Domain values as tables for the screen: one function a table, display units, no Streamlit.

Weights, drifts, returns and tracking errors are percentages here; money is USD as float, for the eye only. Column
names are the keys of app.columns, which says how each is shown.
"""
