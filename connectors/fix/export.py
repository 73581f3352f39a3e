"""Which files carry the released blocks to the custodians? One FIX file and one lot sheet each, and a manifest."""

import csv
import hashlib
import io
import json
import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from connectors.fix.messages import NEW_ORDER, message, new_order, number
from engine.domain.errors import DataError
from engine.domain.identifiers import PlanId
from engine.domain.orders import Block
from engine.domain.plans import Side

MANIFEST: Final = "manifest.json"
LOT_COLUMNS: Final = ("cl_ord_id", "block_id", "account", "symbol", "cusip", "quantity", "acquired", "cost_per_share",
                      "lot_id")  # fmt: skip
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_OURS: Final = ("orders-*.fix", "lots-*.csv", MANIFEST)
_UNSAFE: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFile:
    """records: FIX messages, or lot rows without the header."""

    name: str
    custodian: str
    sha256: str
    size: int
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an export consists of. at: UTC, time of release. Shares are whole-export totals of the blocks."""

    sender: str
    at: str
    plan_ids: tuple[PlanId, ...]
    files: tuple[ExportedFile, ...]
    blocks: int
    orders: int
    shares_bought: Decimal
    shares_sold: Decimal


def export_files(
    blocks: Sequence[Block],
    *,
    folder: Path,
    sender: str,
    targets: Mapping[str, str],
    at: datetime,
    plan_ids: Iterable[PlanId],
) -> Manifest:
    """Write orders-<custodian>.fix, lots-<custodian>.csv and manifest.json into a folder; return the manifest.

    sender and targets (by custodian) are FIX CompIDs. at is the stored time of release, so that exporting again gives
    the same bytes: a folder that holds them already is left alone. Each file appears whole or not at all, the manifest
    last. Raises DataError for no blocks, a custodian without a target, text that FIX cannot carry, or a folder that
    holds another export or altered files.
    """
    if not blocks:
        raise DataError(f"export to {folder}: expected at least one block, found none")
    contents, manifest = _render(blocks, sender=sender, targets=targets, at=at, plan_ids=plan_ids)
    contents[MANIFEST] = _manifest_bytes(manifest)
    try:
        if _already_there(folder, contents):
            return manifest
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            _write(folder / name, content)
    except OSError as error:
        raise DataError(f"export to {folder}: expected a folder that can be written, found {error}") from error
    return manifest


def file_names(custodian: str) -> tuple[str, str]:
    """Return the names of a custodian's order file and lot sheet. Raises DataError for a name without a letter."""
    slug = _slug(custodian)
    return f"orders-{slug}.fix", f"lots-{slug}.csv"


def _render(
    blocks: Sequence[Block], *, sender: str, targets: Mapping[str, str], at: datetime, plan_ids: Iterable[PlanId]
) -> tuple[dict[str, bytes], Manifest]:
    contents: dict[str, bytes] = {}
    files: list[ExportedFile] = []
    for custodian in sorted({block.custodian for block in blocks}):
        own = [block for block in blocks if block.custodian == custodian]
        if custodian not in targets:
            raise DataError(f"custodian {custodian}: expected a FIX TargetCompID in the settings, found none")
        rows = _lot_rows(own)
        orders, lots = file_names(custodian)
        for name, content, records in (
            (orders, _orders(own, sender, targets[custodian], at), len(own)),
            (lots, _csv(rows), len(rows)),
        ):
            if name in contents:
                raise DataError(
                    f"custodian {custodian}: its file {name} is another custodian's too; rename one of them"
                )
            contents[name] = content
            files.append(ExportedFile(name=name, custodian=custodian, sha256=hashlib.sha256(content).hexdigest(),
                                      size=len(content), records=records))  # fmt: skip
    manifest = Manifest(
        sender=sender,
        at=at.astimezone(UTC).isoformat(timespec="milliseconds"),
        plan_ids=tuple(sorted(set(plan_ids))),
        files=tuple(files),
        blocks=len(blocks),
        orders=sum(len(block.allocations) for block in blocks),
        shares_bought=_shares(blocks, Side.BUY),
        shares_sold=_shares(blocks, Side.SELL),
    )
    return contents, manifest


def _slug(custodian: str) -> str:
    slug = _UNSAFE.sub("-", custodian.lower()).strip("-")
    if not slug:
        raise DataError(f"custodian {custodian!r}: expected letters or digits for a file name, found none")
    return slug


def _orders(blocks: Sequence[Block], sender: str, target: str, at: datetime) -> bytes:
    return b"".join(
        message(NEW_ORDER, new_order(block, at=at), sender=sender, target=target, sequence=sequence, sent=at)
        for sequence, block in enumerate(blocks, start=1)
    )


def _lot_rows(blocks: Sequence[Block]) -> list[tuple[str, ...]]:
    return [
        (order.cl_ord_id, block.cl_ord_id, order.account_number, block.ticker, block.cusip or "", number(lot.quantity),
         lot.acquired.isoformat(), number(lot.cost_per_share), lot.lot_id)
        for block in blocks for order in block.allocations for lot in order.lots
    ]  # fmt: skip


def _csv(rows: Sequence[tuple[str, ...]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(LOT_COLUMNS)
    writer.writerows([_cell(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def _cell(text: str) -> str:
    # A spreadsheet runs what begins like a formula; an apostrophe in front makes it text.
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _shares(blocks: Sequence[Block], side: Side) -> Decimal:
    return sum((block.quantity for block in blocks if block.side is side), Decimal(0))


def _manifest_bytes(manifest: Manifest) -> bytes:
    document = asdict(manifest)
    document["shares_bought"] = number(manifest.shares_bought)
    document["shares_sold"] = number(manifest.shares_sold)
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _already_there(folder: Path, contents: Mapping[str, bytes]) -> bool:
    """Return whether the export is complete in the folder. Files left by a broken attempt at the same one may stay."""
    for path in (path for pattern in _OURS for path in sorted(folder.glob(pattern))):
        if path.read_bytes() != contents.get(path.name):
            raise DataError(f"{path}: expected a file of this export, found other content; export to another folder")
    missing = [name for name in contents if not (folder / name).exists()]
    if MANIFEST not in missing and missing:
        raise DataError(f"{folder}: expected the {missing[0]} that its manifest lists, found none")
    return not missing


def _write(path: Path, content: bytes) -> None:
    """Put the content in place in one step; only the owner may read it."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)
