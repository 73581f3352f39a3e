"""How is a block said in FIX 5.0 SP2? With the words of 4.4, over FIXT.1.1; the lot tags are in the standard."""

from dataclasses import replace
from typing import Final

from connectors.fix import fix44
from connectors.fix.dialect import Dialect
from connectors.fix.wire import FIXT11

DIALECT: Final[Dialect] = replace(
    fix44.DIALECT,
    name="FIX.5.0SP2",
    begin=FIXT11,
    application="FIX50SP2.xml",
    transport="FIXT11.xml",
    lots_by_agreement=False,
)
