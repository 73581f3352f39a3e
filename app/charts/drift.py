"""How far is each sector from its target, before and after?"""

from collections.abc import Sequence

import plotly.graph_objects as go


def sector_figure(series: Sequence[tuple[str, Sequence[tuple[str, float]]]], *, band: float | None) -> go.Figure:
    """Return active weights by sector as bars in per cent, one series a moment or plan, with the tolerance band.

    series: pairs of a label and (sector, active weight as a fraction). band: the bound on either side, a fraction.
    """
    figure = go.Figure()
    for label, sectors in series:
        names = [name for name, _ in sectors]
        percents = [100 * active for _, active in sectors]
        figure.add_bar(y=names, x=percents, name=label, orientation="h", hovertemplate="%{y}: %{x:.2f} %")
    if band is not None:
        figure.add_vrect(x0=-100 * band, x1=100 * band, opacity=0.12, line_width=0, fillcolor="gray", layer="below")
    figure.update_layout(
        barmode="group",
        height=380,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        xaxis={"title": "weight less target, % of value", "zeroline": True},
        yaxis={"autorange": "reversed"},
        legend={"orientation": "h", "y": -0.2},
        showlegend=len(series) > 1,
    )
    return figure
