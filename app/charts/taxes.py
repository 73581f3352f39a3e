"""Where does the tax year stand, and how much of the gains budget is used?"""

from typing import Final

import plotly.graph_objects as go

from engine.monitor.tax_position import TaxPosition

_GAIN: Final = "#0b5cad"
_LOSS: Final = "#d9822b"


def budget_figure(position: TaxPosition) -> go.Figure:
    """Return the year's net gain as a bar beside the budget, which is a line; losses lie left of zero. USD."""
    gain = float(position.gain)
    figure = go.Figure()
    figure.add_bar(
        x=[gain],
        y=["net gain so far"],
        orientation="h",
        marker={"color": _GAIN if gain >= 0 else _LOSS},
        hovertemplate="%{x:+$,.0f}<extra>net gain so far</extra>",
        width=0.5,
    )
    ends = [0.0, gain]
    if position.budget is not None:
        budget = float(position.budget)
        ends.append(budget)
        figure.add_vline(x=budget, line_width=3, line_color="#8793a0")
        figure.add_annotation(x=budget, y=1, yref="paper", text=f"budget ${budget:,.0f}", showarrow=False,
                              yanchor="bottom")  # fmt: skip
    room = 0.15 * (max(ends) - min(ends)) or 1.0
    figure.update_layout(
        height=150,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        xaxis={"title": "USD", "range": [min(ends) - room, max(ends) + room], "tickformat": "~s", "zeroline": True},
        showlegend=False,
    )
    return figure
