"""Audit log: who did what, when, and proof that nothing was changed since."""

import streamlit as st

from app import session
from app.panels import frame
from app.steps import audit
from app.tables.oversight import audit_table

services = session.services()
st.title("Audit log")
with st.container(horizontal=True, vertical_alignment="bottom"):
    subject = st.text_input(
        "Of one plan, account or person", key="audit_subject", placeholder="its id, or how it begins", width=420
    )
    check = st.button("Verify the whole chain", key="verify", type="primary", icon=":material/verified:")
if check:
    with st.spinner("Verifying every row…"):
        report = audit.verify(services)
    if report.problems:
        st.error("The log is not as it was written:\n\n" + "\n".join(f"- {each}" for each in report.problems))
    else:
        st.success(
            f"{report.rows:,} rows, each sealed by the next. Note this head outside the database: `{report.head}`"
        )
frame.table(
    audit_table(audit.newest(services, subject=subject.strip() or None)),
    key="audit",
    empty="No such event.",
    height=640,
)
