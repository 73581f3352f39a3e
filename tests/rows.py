"""Lots and numbers at random, with every exponent and every word that there is."""

from hypothesis import strategies as some

from engine.domain.accounts import Lot

decimals = some.decimals(allow_nan=False, allow_infinity=False)
lots = some.builds(
    Lot,
    account_id=some.just("A"),
    lot_id=some.text(),
    security_id=some.text(),
    quantity=decimals.filter(lambda value: value > 0),
    cost_per_share=decimals,
    acquired=some.dates(),
    wash_adjustment=some.none() | decimals,
    holding_start=some.none() | some.dates(),
)
