"""What does a custodian honour of the lots that a plan sells, and what is at stake if it does not?"""

import streamlit as st

from app.steps.outgoing import Destination, on_lots
from app.tables.parts import literal, usd
from connectors.fix.destinations import LotHandling
from engine.domain.plans import Side


def lots(destination: Destination) -> None:
    """Say it where something is sold; what is sure to cost more is a warning."""
    risk = destination.risk
    if risk is None or not any(block.side is Side.SELL for block in destination.blocks):
        return
    certain = destination.profile.lots is LotHandling.DEFAULT
    said = f"{destination.custodian} {on_lots(destination.profile)}."
    if risk.usd > 0:
        will = "will" if certain else "would"
        said += f" Its default method {will} cost {usd(risk.usd)} more tax than the lots that the plan sells."
    if certain and risk.usd > 0:
        st.warning(literal(said), icon=":material/warning:")
    else:
        st.caption(literal(f":material/receipt_long: {said}"))
