"""What long work was done? Each use case that takes long leaves a job behind, whoever called it."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from app.ports import Services
from app.steps.people import SYSTEM
from engine.domain.errors import LotsmithError
from engine.domain.jobs import Finding, Job, JobKind, JobOutcome

P = ParamSpec("P")
R = TypeVar("R")
_UseCase = Callable[Concatenate[Services, P], R]


def _nothing(_result: Any) -> Sequence[Finding]:
    return ()


def recorded(
    kind: JobKind, *, detail: Callable[[Any], str], findings: Callable[[Any], Sequence[Finding]] = _nothing
) -> Callable[[_UseCase[P, R]], _UseCase[P, R]]:
    """Make a use case leave a job: who (its argument actor, else Lotsmith itself), when, and how it ended.

    detail: says in a few words what a result comes to. findings: the faults of the data that it met. A refusal is kept
    with its problems and goes on to the caller.
    """

    def decorate(use_case: _UseCase[P, R]) -> _UseCase[P, R]:
        @wraps(use_case)
        def run(services: Services, /, *args: P.args, **kwargs: P.kwargs) -> R:
            actor: Any = kwargs.get("actor", SYSTEM)
            job = services.jobs.begin(kind, actor=getattr(actor, "user_id", actor), at=services.now())
            try:
                result = use_case(services, *args, **kwargs)
            except LotsmithError as error:
                services.jobs.end(
                    job, JobOutcome.FAILED, at=services.now(), detail=str(error), findings=_problems(error)
                )
                raise
            services.jobs.end(job, JobOutcome.DONE, at=services.now(), detail=detail(result), findings=findings(result))
            return result

        return run

    return decorate


def history(services: Services, *, limit: int = 200) -> tuple[Job, ...]:
    """Return the newest jobs, newest first."""
    return services.jobs.newest(limit=limit)


def newest_with_findings(services: Services) -> tuple[Job, ...]:
    """Return of each source of data the newest job, those that met no fault left out."""
    sources = (JobKind.IMPORT, JobKind.SYNC_ADDEPAR, JobKind.PRICES, JobKind.BOOK_ACTIONS,
               JobKind.CHECK_SALESFORCE)  # fmt: skip
    newest = (services.jobs.newest(kind=kind, limit=1) for kind in sources)
    return tuple(job for jobs in newest for job in jobs if job.findings)


def _problems(error: LotsmithError) -> tuple[Finding, ...]:
    return tuple(
        Finding(
            severity="error",
            account_id=None,
            place=", ".join(
                [problem.file, *([f"line {problem.row}"] if problem.row else []), *filter(None, [problem.column])]
            ),
            found=str(problem.found),
            expected=str(problem.expected),
            effect="nothing was brought in",
        )
        for problem in getattr(error, "problems", ())
    )
