"""A firm of two accounts written by hand, in the canonical form, and ways to spoil it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.firm_folder.read import read_firm
from engine.domain.errors import DataError

CANONICAL = {
    "firm.csv": "as_of,currency,name\n2026-06-30,USD,Hand & Co\n",
    "securities.csv": (
        "security_id,ticker,name,sector,cusip,identical_group,lot_size,tradable,cost_bp,adv_usd,tags\n"
        'S1,AAA,"Alpha, Inc.",Energy,,G1,,,2.50,,fossil;esg_laggard\n'
        "S2,BBB,Beta Ltd,Energy,,G1,,false,,1000000,\n"
        "S3,CCC,=Gamma,Financials,123456789,,100,true,,,\n"
    ),
    "prices.csv": (
        "security_id,date,close,adjusted_close\n"
        "S1,2026-06-29,10.00,9.9\nS1,2026-06-30,11,\nS2,2026-06-30,20.5,\nS3,2026-06-30,0.000001,\n"
        "S3,2026-07-01,5,\n"
    ),
    "corporate_actions.csv": (
        "security_id,ex_date,kind,value\nS1,2026-06-30,dividend,0.125\nS2,2026-07-01,split,0.10\n"
    ),
    "models.csv": "model_id,security_id,weight\nM,S1,0.5\nM,S2,0.25\nM,S3,0.25\n",
    "households.csv": (
        "household_id,name,advisor,segment,not_visible\nH1,Ash,Ivy,,401(k);Spouse IRA\nH2,Öst & Søn,Ivy,core,\n"
    ),
    "accounts.csv": (
        "account_id,household_id,registration,custodian,account_number,model_id,cash,st_rate,lt_rate,"
        "ytd_st_gain,ytd_lt_gain,st_carryforward,lt_carryforward,settings\n"
        "A1,H1,taxable,Q,77,M,-12.50,0.408,0.238,-100.10,0,0,2000,close\n"
        "A2,H2,ira,Q,78,M,1E+3,0,0,0,0,0,0,\n"
    ),
    "lots.csv": (
        "account_id,lot_id,security_id,quantity,cost_per_share,acquired,wash_adjustment,holding_start,"
        "gift_price,gift_date\n"
        "A1,L1,S1,10.5000,8.25,2025-01-02,,,,\nA1,L2,S2,3,0,2026-06-30,12.34,2026-01-05,,\n"
        "A2,L1,S3,1,5,2020-02-29,,,4.50,2025-12-24\n"
    ),
    "transactions.csv": (
        "transaction_id,account_id,trade_date,security_id,type,quantity,price,lot_id,basis,gift_price,gift_date\n"
        "T9,A1,2025-01-02,S1,buy,20,8.25,,,,\nT1,A1,2025-06-02,S1,sell,9.5,9,L1,78.375,,\n"
        "T2,A1,2025-06-02,S2,split,2,0,,,,\n"
    ),
    "restrictions.csv": (
        "scope,target,rule,value,until,reason\nfirm,S3,do_not_buy,,2026-12-31,restricted list\n"
        "H1,tag:fossil,do_not_hold,,,wish\nA1,sector:Energy,max_weight,0.30,,IPS\n"
    ),
    "substitutes.csv": "security_id,substitute_id,rank\nS1,S3,1\nS1,S2,2\n",
    "risk/exposures.csv": "security_id,market,value\nS1,1.0,-0.25\nS2,0.9,0.1\nS3,1.1,1e-05\n",
    "risk/factor_covariance.csv": "factor,market,value\nmarket,0.0225,0.001\nvalue,0.001,0.0016\n",
    "risk/specific.csv": "security_id,specific_volatility\nS1,0.2\nS2,0.1\nS3,0.3333333333333333\n",
    "settings/close.toml": "# close\n[plan]\nrisk_aversion = 400\n",
}


def write_files(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def canonical() -> dict[str, str]:
    return dict(CANONICAL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The canonical folder, on disk."""
    path = tmp_path / "firm"
    write_files(path, CANONICAL)
    return path


@pytest.fixture
def files_of() -> Callable[[Path], dict[str, bytes]]:
    return bytes_of


@pytest.fixture
def amend(folder: Path) -> Callable[..., None]:
    """Replace a text that occurs once in one file of the folder."""

    def replace_once(name: str, old: str, new: str) -> None:
        text = (folder / name).read_text()
        assert text.count(old) == 1, f"{old!r} occurs {text.count(old)} times"
        (folder / name).write_text(text.replace(old, new))

    return replace_once


@pytest.fixture
def problems() -> Callable[[Path], list[tuple[str, int | None, str | None, str, str]]]:
    """Everything that is reported about a folder, in order."""

    def reported(path: Path) -> list[tuple[str, int | None, str | None, str, str]]:
        try:
            read_firm(path)
        except DataError as error:
            return [(p.file, p.row, p.column, p.found, p.expected) for p in error.problems]
        return []

    return reported


@pytest.fixture
def lie() -> Callable[[Path, int, int], None]:
    """Put another number, stretched to as many bytes, in the place of one in a Parquet footer."""

    def told(path: Path, true: int, false: int) -> None:
        content = path.read_bytes()
        start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
        old = compact(true)
        assert old in content[start:]
        path.write_bytes(content[:start] + content[start:].replace(old, compact(false, length=len(old))))

    return told


def compact(number: int, *, length: int = 1) -> bytes:
    """A positive integer as Thrift's compact protocol writes it: doubled, 7 bits a byte, the lowest first."""
    number, parts = 2 * number, []
    while number or len(parts) < length:
        parts.append(number & 127)
        number >>= 7
    return bytes([part | 128 for part in parts[:-1]] + parts[-1:])
