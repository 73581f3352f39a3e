"""Parts of a screen that more than one page shows: each function draws a value, or asks for one, with Streamlit."""
