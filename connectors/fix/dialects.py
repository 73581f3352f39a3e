"""Which versions of FIX do we speak? Each is a module of its own."""

from collections.abc import Mapping
from typing import Final

from connectors.fix import fix42, fix44, fix50sp2
from connectors.fix.dialect import Dialect

DIALECTS: Final[Mapping[str, Dialect]] = {
    dialect.name: dialect for dialect in (fix44.DIALECT, fix50sp2.DIALECT, fix42.DIALECT)
}
