"""Every address of the console, on one screen."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from rollbook.console import (
    alarms,
    assignments,
    home,
    leavers,
    not_linked,
    plan_changes,
    provisioning,
    rendering,
    returners,
    runs,
    sign_in,
    standard_integration,
)
from rollbook.console.visit import Visit, Work, endpoint
from rollbook.errors import NotFound
from rollbook.installation import Installation


def routes(installation: Installation) -> list[BaseRoute]:
    """The console's routes over an opened installation; the last one answers every GET that nobody else did."""

    def get(path: str, work: Work) -> Route:
        return Route(path, endpoint(installation, work), methods=["GET"])

    def post(path: str, work: Work) -> Route:
        return Route(path, endpoint(installation, work), methods=["POST"])

    return [
        get("/", home.show),
        get("/sign-in/{token}", sign_in.show),
        post("/sign-in/{token}", sign_in.use),
        post("/sign-in", sign_in.ask),
        post("/sign-out", home.sign_out),
        get("/assignments", assignments.show),
        get("/assignments/{assignment:uuid}", assignments.read),
        post("/assignments/{assignment:uuid}/complete", assignments.complete),
        get("/assignments/{assignment:uuid}/lessons/{lesson:uuid}", assignments.read),
        post("/assignments/{assignment:uuid}/lessons/{lesson:uuid}/complete", assignments.complete),
        get("/provisioning", provisioning.show),
        get("/provisioning/alarms/{alarm:uuid}/{action}", alarms.ask),
        post("/provisioning/alarms/{alarm:uuid}/{action}", alarms.settle),
        get("/provisioning/returners/{old:uuid}/{new:uuid}", returners.ask),
        post("/provisioning/returners/{old:uuid}/{new:uuid}", returners.join),
        get("/provisioning/not-linked", not_linked.show),
        get("/provisioning/not-linked/{user:uuid}/{action}", not_linked.ask),
        post("/provisioning/not-linked/{user:uuid}/{action}", not_linked.do),
        get("/provisioning/leavers", leavers.show),
        get("/provisioning/standard", standard_integration.show),
        post("/provisioning/standard/begin/{purpose}", standard_integration.begin),
        get("/provisioning/standard/runs/{run:uuid}", runs.show),
        get("/provisioning/standard/runs/{run:uuid}/{action}", runs.ask),
        post("/provisioning/standard/runs/{run:uuid}/{action}", runs.settle),
        get("/provisioning/standard/runs/{run:uuid}/changes/{change:uuid}/{action}", plan_changes.ask),
        post("/provisioning/standard/runs/{run:uuid}/changes/{change:uuid}/{action}", plan_changes.do),
        Route("/static/{address}", _static, methods=["GET"]),
        get("/{path:path}", _nothing),
    ]


async def _static(request: Request) -> Response:
    found = rendering.static_file(request.path_params["address"])
    return found or rendering.page("refused.html", status=404, title="There is nothing here", text=_NOTHING)


async def _nothing(_: Visit) -> Response:
    raise NotFound(_NOTHING)


_NOTHING = "There is no page at this address. Rollbook's first page leads on."
