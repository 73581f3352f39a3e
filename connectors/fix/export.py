"""Which files carry the released blocks to the custodians? Orders in each one's own format, a lot sheet, a manifest."""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from connectors.fix import fidelity, lot_sheet
from connectors.fix.destinations import Destination, Route
from connectors.fix.messages import message, number
from connectors.fix.readback import orders_in, with_sheet
from connectors.fix.wire import decode
from engine.domain.errors import DataError
from engine.domain.identifiers import ClOrdId, PlanId
from engine.domain.orders import Block
from engine.domain.plans import Side
from engine.execute.written import WrittenOrder

MANIFEST: Final = "manifest.json"
_OURS: Final = ("orders-*.fix", "orders-*.csv", "lots-*.csv", MANIFEST)
_ORDER_FILES: Final = {Route.FILE: "orders-{}.fix", Route.FIDELITY: "orders-{}.csv"}
_UNSAFE: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What is exported: blocks to their destinations (by custodian), for some plans.

    sender: our CompID. at: the stored time of release, which is the time in the files: exporting again gives the same
    bytes.
    """

    blocks: Sequence[Block]
    sender: str
    destinations: Mapping[str, Destination]
    at: datetime
    plan_ids: tuple[PlanId, ...]

    def to(self, destination: Destination) -> tuple[Block, ...]:
        """Return the blocks of one destination."""
        return tuple(block for block in self.blocks if block.custodian == destination.custodian)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedFile:
    """records: FIX messages, or rows without a header."""

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


def export_files(release: Release, folder: Path) -> Manifest:
    """Write the files of a release into a folder; return the manifest.

    Each custodian gets its orders as its profile says (none where they go over a live session) and always the sheet of
    its lots. A folder that holds the same export already is left alone. Each file appears whole or not at all, the
    manifest last. Raises DataError for no blocks, what a format cannot carry, or a folder that cannot be written, or
    holds another export or altered files.
    """
    if not release.blocks:
        raise DataError(f"export to {folder}: expected at least one block, found none")
    contents, manifest = render(release)
    try:
        if _already_there(folder, contents):
            return manifest
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            _write(folder / name, content)
    except OSError as error:
        raise DataError(f"export to {folder}: expected a folder that can be written, found {error}") from error
    return manifest


def order_messages(release: Release, destination: Destination) -> tuple[tuple[ClOrdId, bytes], ...]:
    """Return one destination's orders as whole FIX messages, each with its block's id.

    Raises DataError for text that FIX cannot carry.
    """
    dialect = destination.dialect
    return tuple(
        (
            block.cl_ord_id,
            message(
                *dialect.new_order(block, at=release.at, lots=destination.lots_on_orders), begin=dialect.begin,
                sender=release.sender, target=destination.target, sequence=sequence, sent=release.at,
            ),
        )
        for sequence, block in enumerate(release.to(destination), start=1)
    )  # fmt: skip


def read_back(destination: Destination, orders: bytes, sheet: bytes) -> tuple[WrittenOrder, ...]:
    """Return what a custodian's orders state, as a file or as the messages of a session, with the lots of its sheet.

    Raises DataError where one does not read, or orders and sheet disagree.
    """
    found = fidelity.read(orders) if destination.route is Route.FIDELITY else orders_in(decode(orders))
    return with_sheet(found, lot_sheet.read(sheet))


def file_names(destination: Destination) -> tuple[str, ...]:
    """Return the names of a custodian's order file, where it gets one, and of its lot sheet, which is the last.

    Raises DataError for a custodian's name without a letter.
    """
    slug = _slug(destination.custodian)
    orders = _ORDER_FILES.get(destination.route)
    return (*([orders.format(slug)] if orders else []), f"lots-{slug}.csv")


def render(release: Release) -> tuple[Mapping[str, bytes], Manifest]:
    """Return the files of a release by name, the manifest last, as export_files writes them; raises as it does."""
    contents: dict[str, bytes] = {}
    files: list[ExportedFile] = []
    for custodian in sorted({block.custodian for block in release.blocks}):
        destination = release.destinations[custodian]
        names = file_names(destination)
        parts = (*_orders(release, destination), lot_sheet.write(release.to(destination)))
        for name, (content, records) in zip(names, parts, strict=True):
            if name in contents:
                raise DataError(
                    f"custodian {custodian}: its file {name} is another custodian's too; rename one of them"
                )
            contents[name] = content
            files.append(ExportedFile(name=name, custodian=custodian, sha256=hashlib.sha256(content).hexdigest(),
                                      size=len(content), records=records))  # fmt: skip
    manifest = Manifest(
        sender=release.sender,
        at=release.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        plan_ids=tuple(sorted(set(release.plan_ids))),
        files=tuple(files),
        blocks=len(release.blocks),
        orders=sum(len(block.allocations) for block in release.blocks),
        shares_bought=_shares(release.blocks, Side.BUY),
        shares_sold=_shares(release.blocks, Side.SELL),
    )
    contents[MANIFEST] = _manifest_bytes(manifest)
    return contents, manifest


def _orders(release: Release, destination: Destination) -> list[tuple[bytes, int]]:
    if destination.route is Route.SESSION:
        return []
    if destination.route is Route.FIDELITY:
        return [fidelity.write(release.to(destination))]
    messages = order_messages(release, destination)
    return [(b"".join(text for _, text in messages), len(messages))]


def _slug(custodian: str) -> str:
    slug = _UNSAFE.sub("-", custodian.lower()).strip("-")
    if not slug:
        raise DataError(f"custodian {custodian!r}: expected letters or digits for a file name, found none")
    return slug


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
