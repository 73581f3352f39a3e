"""Does what we are about to send, or have written, say exactly what was approved? Read back, and held against plans."""

from collections.abc import Iterable, Mapping

from app.ports import Services
from connectors.fix.destinations import Destination, Route
from connectors.fix.export import Release, file_names, order_messages, read_back
from engine.domain.errors import DataError
from engine.domain.orders import Order
from engine.domain.plans import Plan
from engine.execute.written import WrittenOrder, approved_orders, differences
from engine.plan.document import plan_from_document


def refuse_other(services: Services, release: Release, contents: Mapping[str, bytes]) -> None:
    """Raise DataError where a release, read back, is not its plans: every account, side, share and lot.

    contents: the files by name. Orders of a live session are read from the messages themselves. Raises DataError also
    where something does not read at all.
    """
    by_custodian: dict[str, list[Plan]] = {}
    orders = [order for block in release.blocks for order in block.allocations]
    where = {order.account_id: order.custodian for order in orders}
    for plan_id in release.plan_ids:
        plan, _ = plan_from_document(services.plans.get(plan_id).document)
        by_custodian.setdefault(where.get(plan.account_id, ""), []).append(plan)
    for custodian, plans in sorted(by_custodian.items()):
        found = _read(release, release.destinations[custodian], contents) if custodian else ()
        _refuse(custodian, plans, orders, found)


def _read(release: Release, destination: Destination, contents: Mapping[str, bytes]) -> tuple[WrittenOrder, ...]:
    *order_file, sheet = file_names(destination)
    if destination.route is Route.SESSION:
        orders = b"".join(text for _, text in order_messages(release, destination))
    else:
        orders = contents[order_file[0]]
    return read_back(destination, orders, contents[sheet])


def _refuse(custodian: str, plans: Iterable[Plan], orders: Iterable[Order], found: Iterable[WrittenOrder]) -> None:
    wrong = differences(approved_orders(plans, orders), found)
    if wrong:
        raise DataError(f"orders to {custodian or 'nobody'}, read back, are not what was approved: {'; '.join(wrong)}")
