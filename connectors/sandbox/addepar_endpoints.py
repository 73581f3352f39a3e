"""What does the stand-in Addepar answer at each address? Collections, queries, jobs, and the faults put in."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from connectors.firm_folder.read import read_firm
from connectors.sandbox.addepar_attributes import (
    ARGUMENTS,
    CATALOGUE,
    VIEWS,
    argument_resource,
    attribute_resource,
    view_resource,
)
from connectors.sandbox.addepar_firm import AddeparFirm, addepar_firm
from connectors.sandbox.addepar_gate import ALLOWANCES, Gate
from connectors.sandbox.addepar_jobs import COMPLETED, Job, JobManners
from connectors.sandbox.addepar_later import moved_on
from connectors.sandbox.addepar_query import Parameters, Patch
from connectors.sandbox.addepar_wire import (
    answer,
    error,
    find,
    listed,
    one,
    page,
    parsed,
    query_attributes,
)

Query = Callable[[AddeparFirm, Parameters, Sequence[Patch]], dict[str, Any]]
Endpoint = Callable[[Request], Awaitable[Response]]


class AddeparSandbox:
    """The stand-in of one firm. clock gives seconds; the allowances are kept by it, and jobs grow old by it."""

    def __init__(
        self,
        firm: AddeparFirm,
        *,
        clock: Callable[[], float] = time.monotonic,
        allowances: Sequence[tuple[int, float]] = ALLOWANCES,
    ) -> None:
        self._first_firm, self.clock = firm, clock
        self.gate = Gate(clock=clock, allowances=allowances)
        self.reset()

    def reset(self) -> None:
        """Forget every request, job and fault, and go back to the first firm."""
        self.firm = self._first_firm
        self.gate.reset()
        self.jobs: dict[str, Job] = {}
        self.manners = JobManners()
        self.patches: list[Patch] = []

    async def entities(self, request: Request) -> Response:
        """GET /v1/entities, with filter[model_types] and filter[ids]."""
        kinds, ids = listed(request, "filter[model_types]"), listed(request, "filter[ids]")
        found = [
            entity
            for entity in self.firm.entities
            if (not kinds or entity["attributes"]["model_type"] in kinds) and (not ids or entity["id"] in ids)
        ]
        return page(request, found)

    async def entity(self, request: Request) -> Response:
        """GET /v1/entities/ID."""
        return one(self.firm.entities, request.path_params["id"])

    async def groups(self, request: Request) -> Response:
        """GET /v1/groups, with filter[group_types]."""
        kinds = listed(request, "filter[group_types]")
        return page(request, [group for group in self.firm.groups
                              if not kinds or group["relationships"]["group_type"]["data"]["id"] in kinds])  # fmt: skip

    async def group(self, request: Request) -> Response:
        """GET /v1/groups/ID."""
        return one(self.firm.groups, request.path_params["id"])

    async def members(self, request: Request) -> Response:
        """GET /v1/groups/ID/members."""
        group = find(self.firm.groups, request.path_params["id"])
        ids = {member["id"] for member in group["relationships"]["members"]["data"]}
        return page(request, [entity for entity in self.firm.entities if entity["id"] in ids])

    async def child_groups(self, request: Request) -> Response:
        """GET /v1/groups/ID/child_groups: no household holds another."""
        find(self.firm.groups, request.path_params["id"])
        return page(request, [])

    async def positions(self, request: Request) -> Response:
        """GET /v1/positions, with filters on the id and the model type of owner and owned."""
        kinds = {entity["id"]: entity["attributes"]["model_type"] for entity in self.firm.entities}
        found = list(self.firm.positions)
        for end in ("owner", "owned"):
            ids, types = listed(request, f"filter[{end}_entity_id]"), listed(request, f"filter[{end}_model_types]")
            at_end = [(position, position["relationships"][end]["data"]["id"]) for position in found]
            found = [position for position, entity in at_end
                     if (not ids or entity in ids) and (not types or kinds[entity] in types)]  # fmt: skip
        return page(request, found)

    async def attributes(self, request: Request) -> Response:
        """GET /v1/attributes, with filter[category], filter[usage] and filter[output_type]."""
        found = [attribute_resource(key) for key in CATALOGUE]
        for name in ("category", "output_type", "usage"):
            wanted = request.query_params.get(f"filter[{name}]")
            found = [a for a in found if wanted in (None, a["attributes"][name]) or wanted in a["attributes"]["usage"]]
        return page(request, found)

    async def attribute(self, request: Request) -> Response:
        """GET /v1/attributes/KEY."""
        return one([attribute_resource(key) for key in CATALOGUE], request.path_params["id"])

    async def arguments(self, request: Request) -> Response:
        """GET /v1/attributes/KEY/arguments."""
        key = request.path_params["id"]
        return answer({"data": [argument_resource(key, name) for name in ARGUMENTS.get(key, ())]})

    async def argument_ids(self, request: Request) -> Response:
        """GET /v1/attributes/KEY/relationships/arguments."""
        return answer(
            {"data": [{"id": name, "type": "arguments"} for name in ARGUMENTS.get(request.path_params["id"], ())]}
        )

    async def search_attributes(self, request: Request) -> Response:
        """POST /v1/attributes/query."""
        keys = (await query_attributes(request)).get("attribute_keys", ())
        return answer({"data": [attribute_resource(key) for key in keys if key in CATALOGUE]})

    async def views(self, _request: Request) -> Response:
        """GET /v1/portfolio/views."""
        return answer({"data": [view_resource(view_id, whole=False) for view_id in VIEWS]})

    async def view(self, request: Request) -> Response:
        """GET /v1/portfolio/views/ID."""
        return one([view_resource(view_id, whole=True) for view_id in VIEWS], request.path_params["id"])

    async def prices(self, request: Request) -> Response:
        """GET /v1/entities/ID/prices, of all days or with date of one."""
        entity, day = find(self.firm.entities, request.path_params["id"])["id"], request.query_params.get("date")
        return answer({"data": [
            {"id": f"{entity}:{on}", "type": "historical_prices",
             "attributes": {"date": on.isoformat(), "source": "GLOBAL", "value": close, "nodeId": int(entity)}}
            for on, close in self.firm.prices.get(entity, ()) if day in (None, on.isoformat())
        ]})  # fmt: skip

    def query(self, ask: Query) -> Endpoint:
        """Return the endpoint that answers a query at once."""

        async def endpoint(request: Request) -> Response:
            return answer(ask(self.firm, await query_attributes(request), self.patches))

        return endpoint

    def submit(self, kind: str, job_type: str, ask: Query) -> Endpoint:
        """Return the endpoint that takes a query as a job."""

        async def endpoint(request: Request) -> Response:
            given = await query_attributes(request)
            if str(given.get("job_type", "")).upper() != job_type:
                return error(400, "Bad Request", f"job_type must be {job_type}, found {given.get('job_type')}")
            result = ask(self.firm, given.get("parameters") or {}, self.patches)
            manners = self._next_manners()
            job = Job(job_id=str(900_001 + len(self.jobs)), kind=kind, job_type=job_type, result=result,
                      manners=manners, created=self.clock())  # fmt: skip
            self.jobs[job.job_id] = job
            return answer({"data": job.resource()}, status=202)

        return endpoint

    async def list_jobs(self, request: Request) -> Response:
        """GET /v1/jobs."""
        return page(request, [job.resource() for job in self.jobs.values()])

    async def job(self, request: Request) -> Response:
        """GET /v1/jobs/ID: its status, or in the end what its manners say."""
        job = self._job(request)
        job.asked += 1
        told_by_status = job.kind == "transaction_jobs" or job.manners.completion == "status"
        if job.status() != COMPLETED or told_by_status:
            return answer({"data": job.resource()})
        if job.manners.completion == "document":
            return answer(job.result)
        return Response(status_code=303, headers={"Location": f"/api/v1/{job.kind}/{job.job_id}/download"})

    async def download(self, request: Request) -> Response:
        """GET /v1/jobs/ID/download."""
        job = self._job(request)
        if job.status() != COMPLETED:
            return error(404, "Not Found", f"Job {job.job_id} has no result yet")
        return answer(job.result)

    async def cancel(self, request: Request) -> Response:
        """DELETE /v1/jobs/ID."""
        self._job(request).cancelled = True
        return Response(status_code=204)

    def _next_manners(self) -> JobManners:
        """The manners of the job that is submitted now."""
        manners = self.manners
        if manners.times:
            self.manners = JobManners() if manners.times == 1 else replace(manners, times=manners.times - 1)
        return manners

    def _job(self, request: Request) -> Job:
        job = self.jobs.get(request.path_params["id"])
        if job is None:
            raise HTTPException(404, f"No job {request.path_params['id']}")
        if job.gone(self.clock()) and job.status() == COMPLETED:
            raise HTTPException(410, f"The results of job {job.job_id} have expired")
        return job

    async def control(self, request: Request) -> Response:
        """POST /sandbox/WHAT: put a fault in, or move the firm on; see the module's question."""
        what, body = request.path_params["what"], parsed(await request.body() or b"{}")
        if what == "faults":
            self.gate.faults.append({"times": 1, **body})
        elif what == "jobs":
            self.manners = JobManners(**{**body, "errors": tuple(body.get("errors", ()))})
        elif what == "rows":
            self.patches.append(Patch(**body))
        elif what == "allowances":
            self.gate.allow(body)
        elif what == "firm":
            self.firm = moved_on(
                self.firm, addepar_firm(*read_firm(Path(body["folder"]))), on=date.fromisoformat(body["on"])
            )
        elif what == "clear":
            self.gate.faults.clear()
        elif what == "reset":
            self.reset()
        else:
            raise HTTPException(404, f"no control named {what}")
        return answer({"data": None})

    async def counted(self, _request: Request) -> Response:
        """GET /sandbox/requests."""
        return answer({"data": self.gate.requests})
