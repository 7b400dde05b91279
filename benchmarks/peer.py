"""scim2-server in memory on the same uvicorn, its PATCH answering with the resource as Rollbook's does."""

from __future__ import annotations

import argparse
from typing import Any

import uvicorn
from scim2_models import Resource, ResponseParameters
from scim2_server.applications.asgi import ASGIApplication
from scim2_server.memory import AsyncInMemoryStorage
from scim2_server.responses import ScimResponse
from scim2_server.service import ScimService
from scim2_server.utils import load_default_provider


class Service(ScimService):
    """The library's service, but for PATCH: 200 with the resource instead of 204."""

    def patch_response(
        self, base_url: str, resource: Resource[Any], response_parameters: ResponseParameters[Any]
    ) -> ScimResponse:
        return self.replacement_response(base_url, resource, response_parameters)


def main() -> None:
    """Serves it as it comes: without authentication, resources in memory."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    provider = load_default_provider()
    uvicorn.run(
        ASGIApplication(AsyncInMemoryStorage(), provider, Service(provider)),
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        access_log=False,
        log_level="error",
        timeout_keep_alive=75,
    )


if __name__ == "__main__":
    main()
