"""How much is too much? Bounds that no honest firm folder meets, so that a hostile one cannot exhaust the machine."""

from decimal import Decimal
from typing import Final

MAX_PROBLEMS_PER_FILE: Final = 1_000  # further ones are counted, not listed
MAX_FILE_BYTES: Final = 20 * 1024**3
MAX_SETTINGS_BYTES: Final = 64 * 1024
MAX_LINE_BYTES: Final = 256 * 1024
MAX_CELL_CHARS: Final = 1_000
MAX_ID_CHARS: Final = 64
MAX_FACTORS: Final = 1_000

MAX_NUMBER: Final = Decimal(10) ** 15
MAX_DIGITS: Final = 28  # the precision of decimal's default context: products of longer numbers would be rounded
MAX_DECIMALS: Final = 20
MAX_FLOAT: Final = 1e6  # exposures, volatilities and covariances of the risk files

MAX_EXPANSION: Final = 100  # uncompressed bytes a Parquet file may claim for each byte it has on disk ...
FREE_EXPANSION_BYTES: Final = 32 * 1024**2  # ... above this many, which tiny files may always claim
MAX_ROWS_PER_BYTE: Final = 4  # rows for each byte on disk: equal rows take no room, but no table is all equal rows ...
FREE_ROWS: Final = 1_000_000  # ... above this many, which tiny files may always have

MAX_FOOTER_BYTES: Final = 2 * 1024**2  # of a Parquet file: some 10,000 columns of row groups

CSV_BLOCK_BYTES: Final = 1024**2
PARQUET_BATCH_ROWS: Final = 8_192
SPOOL_MEMORY_BYTES: Final = 32 * 1024**2  # rows of accounts kept in memory before they go to a temporary file
