"""The frame of every page: who is looking, which firm, how old its data are, and the way around."""

from pathlib import Path
from typing import Final

import streamlit as st

from app import session
from app.steps import firm
from engine.domain.errors import LotsmithError

PAGES: Final = Path(__file__).parents[1] / "pages"

st.set_page_config(page_title="Lotsmith", page_icon=":material/account_tree:", layout="wide")


def page(file: str, title: str, icon: str, path: str, *, default: bool = False) -> st.Page:
    """Return one page of the pipeline."""
    return st.Page(PAGES / file, title=title, icon=f":material/{icon}:", url_path=path, default=default)


chosen = st.navigation(
    {
        "Monitor": [
            page("1_book.py", "Book", "view_list", "book", default=True),
            page("2_account.py", "Account", "account_balance_wallet", "account"),
        ],
        "Plan": [page("3_what_if.py", "What-if", "tune", "what-if")],
        "Review": [page("4_review.py", "Review", "fact_check", "review")],
        "Execute": [page("5_orders.py", "Orders", "send", "orders")],
        "Oversight": [
            page("6_audit.py", "Audit log", "policy", "audit"),
            page("7_data.py", "Firm data", "database", "data"),
        ],
    }
)

try:
    services = session.services()
    if firm.is_demo(services):
        st.badge("Demo firm: generated data, no real client", icon=":material/science:", color="orange")
    session.user()
    chosen.run()
except LotsmithError as error:
    st.error(str(error), icon=":material/error:")
    problems = getattr(error, "problems", ())
    if problems:
        st.dataframe([{"file": p.file, "line": p.row, "column": p.column, "found": p.found, "expected": p.expected}
                      for p in problems])  # fmt: skip
