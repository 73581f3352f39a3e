"""What goes into a client's document besides the meeting: the firm, the day, and what lies between the choices."""

from app.ports import Services
from app.report.client import Handout, client_pdf
from app.steps import firm, meeting
from app.steps.meeting import Choice, Meeting
from engine.domain.errors import CheckFailed


def prepare(services: Services, found: Meeting, chosen: Choice) -> bytes:
    """Return the document of a meeting as PDF. Raises CheckFailed where a choice cannot be had under the rules."""
    conflict = meeting.impossible(found, chosen)
    if conflict is not None:
        raise CheckFailed(
            f"account {found.account.account_id}: no plan obeys {', '.join(conflict.plan.conflicts)} together. "
            f"{conflict.plan.repair}"
        )
    return client_pdf(
        Handout(
            meeting=found,
            chosen=chosen,
            points=meeting.between(found),
            firm=services.firm.firm().name,
            generated=firm.is_demo(services),
            prepared=services.now().date(),
        )
    )
