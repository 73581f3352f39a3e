"""Book: every account, the one with most at stake first."""

import streamlit as st

from app import navigation, session
from app.panels import frame
from app.steps import firm, monitor, plan
from app.tables.monitor import REASONS, filtered_queue, queue_table

services, user = session.services(), session.user()
title, scan_now = st.columns([5, 1], vertical_alignment="bottom")
title.title("Book")
scan = monitor.last_scan(services)
if (
    scan_now.button("Scan now", key="scan", icon=":material/radar:", width="stretch")
    or scan is None
    or not (scan.documents or firm.is_without_accounts(services))
):
    with frame.progress("Scanning") as progress:
        monitor.scan_firm(services, progress=progress)
    st.rerun()

queue = session.remember(("queue", scan.at), lambda: queue_table(scan.documents))
waiting = queue[queue["reasons"].map(len) > 0]
with st.grid(5, min_column_width=150, gap="small"):
    st.metric("Accounts", f"{len(queue):,}", border=True)
    st.metric("Need attention", f"{len(waiting):,}", border=True)
    st.metric("At stake", f"${queue['at_stake'].sum():,.0f}", border=True, help="Over all accounts")
    st.metric("Tax that harvesting saves", f"${queue['tax_saved'].sum():,.0f}", border=True)
    st.metric("Fenced by data problems", f"{queue['fenced'].sum():,}", border=True)

with st.container(horizontal=True, vertical_alignment="bottom"):
    search = st.text_input("Search", key="book_search", placeholder="account, household or advisor", width=260)
    custodians = st.multiselect("Custodian", sorted(queue["custodian"].unique()), key="book_custodians", width=220)
    kinds = st.multiselect("Registration", sorted(queue["registration"].unique()), key="book_kinds", width=220)
    reasons = st.pills("Why", REASONS, selection_mode="multi", key="book_reasons")
shown = filtered_queue(queue, search=search, reasons=reasons, columns={"custodian": custodians, "registration": kinds})
row = frame.picked(shown, key="book_queue", empty="No account matches.", height=560)
if row is not None:
    navigation.go(navigation.ACCOUNT, account=shown["account"][row])

st.caption(
    f"Click a row to open the account. {len(shown)} of {len(queue)} shown. Scanned {scan.at:%d %b %Y %H:%M} UTC."
)
if st.button(
    f"Plan these {len(shown)} accounts with their own settings",
    key="plan_book",
    icon=":material/playlist_play:",
    disabled=shown.empty,
):
    with frame.progress("Planning") as progress:
        outcomes = plan.plan_book(services, list(shown["account"]), actor=user.user_id, progress=progress)
    failed = [(account, why) for account, why in outcomes if " " in why]
    st.success(f"{len(outcomes) - len(failed)} plans kept as drafts.")
    st.markdown("\n".join(f"- **{account}**: {why}" for account, why in failed))
