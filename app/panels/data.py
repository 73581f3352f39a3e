"""The firm's data on screen: what is there, and how to bring in a folder."""

import streamlit as st

from app.charts.risk import risk_figure
from app.panels import frame
from app.ports import Services
from app.session import memory
from app.steps import crm, firm, health, jobs, monitor, nightly
from app.steps.market import judged_risk, todays_market
from app.tables.execute import outbox_table
from app.tables.monitor import problem_table
from app.tables.oversight import connection_table, exception_table, finding_table, job_table, night_table
from engine.domain.lifecycle import Role, User
from engine.domain.market import RiskQuality

_IMPORTERS = frozenset({Role.PORTFOLIO_MANAGER, Role.COMPLIANCE})


def summary(services: Services) -> None:
    """Show what the firm consists of; nothing before a firm was imported."""
    if services.firm.is_empty():
        return
    present, market = services.firm.firm(), todays_market(services)
    with st.grid(5, min_column_width=140, gap="small"):
        st.metric("As of", f"{present.as_of:%d %b %Y}", border=True)
        st.metric("Accounts", f"{len(services.firm.accounts()):,}", border=True)
        st.metric("Households", f"{len(services.firm.households()):,}", border=True)
        st.metric("Securities", f"{len(market.securities):,}", border=True)
        st.metric("Models", f"{len(market.models):,}", border=True)
    st.caption(f"Imported {present.imported_at:%d %b %Y %H:%M} UTC.")


def quality(services: Services) -> None:
    """Show what is wrong with the data: what the last scan saw in each account, and what the sources brought."""
    scanned = monitor.queue_at(services)
    documents = memory.shared(("documents", scanned), lambda: monitor.documents(services))
    st.subheader("In the accounts")
    if scanned is None:
        st.caption(frame.NOT_SCANNED)
    else:
        fenced = sum(bool(seen["fenced"]) for seen in documents.values())
        told = f"{fenced:,} of {len(documents):,} accounts are fenced off from planning."
        st.caption(f"Scanned {scanned:%d %b %Y %H:%M} UTC. {told}")
        frame.table(
            problem_table(documents), key="data_problems", empty="No account has a data problem.", height=380,
            file="data-problems",
        )  # fmt: skip
    st.subheader("In the sources")
    frame.table(
        finding_table(jobs.newest_with_findings(services)), key="findings", height=380, file="source-faults",
        empty="The newest import and sync met no fault.",
    )  # fmt: skip


def systems(services: Services) -> None:
    """Show which outside systems are reached, and what waits for them."""
    st.subheader("Connections")
    frame.table(connection_table(health.connections(services)), key="connections")
    waiting = crm.undelivered(services)
    if waiting:
        st.subheader("Waiting")
        frame.table(outbox_table(waiting), key="waiting", height=300)


def work(services: Services) -> None:
    """Show the newest jobs: imports, scans, plans of the book, reconciliations."""
    newest = nightly.newest(services)
    if newest:
        st.subheader("Nights")
        frame.table(night_table(newest), key="nights", file="nights")
        failed = nightly.exceptions(services)
        if failed:
            st.subheader("Not planned by the newest night")
            frame.table(exception_table(failed), key="night_exceptions", file="not-planned", height=260)
    st.subheader("Jobs")
    frame.table(job_table(jobs.history(services)), key="jobs", empty="Nothing was done yet.", height=480, file="jobs")


def risk(services: Services) -> None:
    """Show how the risk model in use was made, what it covers and how its forecasts came out."""
    if services.firm.is_empty():
        st.caption("No firm yet.")
        return
    model = judged_risk(services)
    st.subheader("Risk model")
    judged = model.judged
    if judged is None:
        st.caption(f"{model.quality} Not judged here: no prices to try it on.")
        return
    st.caption(judged.made)
    with st.grid(5, min_column_width=140, gap="small"):
        st.metric("Names covered", f"{len(model.security_ids):,}", border=True)
        st.metric("Short histories", f"{judged.short_histories:,}", border=True,
                  help="Fewer than 60 days of returns: no statistical factors, a cautious specific risk.")  # fmt: skip
        st.metric("Prices to", f"{judged.to_day:%d %b %Y}", border=True)
        st.metric("Bias statistic", f"{judged.bias:.2f}" if judged.test_days else "untested", border=True,
                  help="Active risk met over active risk predicted, day by day; 1 is perfect.")  # fmt: skip
        st.metric("Its forecasts are", _verdict(judged), border=True)
    if not judged.test_days:
        st.caption("Too little history to test it out of sample.")
        return
    frame.chart(risk_figure(judged.months), key="risk_months", alt="Predicted and realised tracking error by month")
    st.caption(_how(judged))


def _verdict(judged: RiskQuality) -> str:
    if not judged.test_days:
        return "untested"
    if judged.bias > judged.high:
        return "too low"
    return "too high" if judged.bias < judged.low else "about right"


def _how(judged: RiskQuality) -> str:
    days = (
        f"The model was held against the last {judged.test_days} days, which it may have been made from."
        if judged.hindsight
        else f"Fitted anew every 21 days and held against the next 21, over {judged.test_days} days in all."
    )
    return (
        f"{days} {judged.portfolios} active portfolios, half of them chosen by the model to track closely. "
        f"{judged.within:.0%} have a bias between {judged.low:.2f} and {judged.high:.2f}, where 95 % would be if the "
        f"model were right and returns normal. By the median instead of the mean the bias is {judged.robust:.2f}."
    )


def bring_in(services: Services, user: User) -> None:
    """Let a firm folder be uploaded: every problem is shown at once, and nothing changes unless there is none."""
    st.subheader("Bring in a firm folder")
    if not user.roles & _IMPORTERS:
        st.caption("A portfolio manager or compliance brings in data.")
        return
    st.caption(
        "A folder of CSV or Parquet files as docs/firm-folder.md describes. It takes the place of the present firm "
        "whole, or not at all."
    )
    uploaded = st.file_uploader("Firm folder", accept_multiple_files="directory", key="firm_folder")
    if uploaded and st.button("Check and bring in", key="import", type="primary", icon=":material/upload:"):
        with frame.progress("Bringing in") as progress:
            done = frame.attempt(
                lambda: firm.import_files(
                    services,
                    {file.name: file.getvalue() for file in uploaded},
                    actor=user.user_id,
                    progress=progress,
                )
            )
        if done:
            st.rerun()
