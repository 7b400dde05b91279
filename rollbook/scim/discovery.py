"""`/ServiceProviderConfig`, `/ResourceTypes`, `/Schemas`: generated from what is implemented (RFC 7644 section 4)."""

from __future__ import annotations

from typing import Any

from rollbook.scim.protocol.errors import NotFound
from rollbook.scim.protocol.messages import SERVICE_PROVIDER_CONFIG, list_response
from rollbook.scim.protocol.schema import Schema
from rollbook.scim.user_schema import USER

RESOURCE_TYPES = (USER,)
SCHEMAS = {schema.id: schema for type_ in RESOURCE_TYPES for schema in (type_.schema, *type_.extensions)}
MAX_RESULTS = 200


def service_provider_config(base_url: str) -> dict[str, Any]:
    """What this service provider can do (RFC 7643 section 5)."""
    return {
        "schemas": [SERVICE_PROVIDER_CONFIG],
        "patch": {"supported": True},
        "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": True, "maxResults": MAX_RESULTS},
        "changePassword": {"supported": False},
        "sort": {"supported": False},
        "etag": {"supported": True},
        "authenticationSchemes": [
            {
                "type": "httpbasic",
                "name": "HTTP Basic",
                "description": "The company's subdomain as user name, its SCIM API key as password.",
                "primary": True,
            },
            {
                "type": "oauthbearertoken",
                "name": "Bearer token",
                "description": "The SCIM API key as a bearer token.",
            },
        ],
        "meta": {"resourceType": "ServiceProviderConfig", "location": f"{base_url}/ServiceProviderConfig"},
    }


def resource_types(base_url: str) -> dict[str, Any]:
    """Every kind of resource."""
    found = [resource_type(base_url, type_.name) for type_ in RESOURCE_TYPES]
    return list_response(found, len(found), 1)


def resource_type(base_url: str, name: str) -> dict[str, Any]:
    """One kind of resource. Raises NotFound."""
    for type_ in RESOURCE_TYPES:
        if type_.name.lower() == name.lower():
            location = f"{base_url}/ResourceTypes/{type_.name}"
            return type_.to_json() | {"meta": {"resourceType": "ResourceType", "location": location}}
    raise NotFound(f"There is no resource type {name[:80]}. See /ResourceTypes for those that exist.")


def schemas(base_url: str, ours: Schema) -> dict[str, Any]:
    """Every schema, `ours` as the asking company has it; Okta's Import User Schema reads these."""
    found = [schema(base_url, urn, ours) for urn in SCHEMAS]
    return list_response(found, len(found), 1)


def schema(base_url: str, urn: str, ours: Schema) -> dict[str, Any]:
    """One schema by its URN, without regard to case. Raises NotFound."""
    for known, definition in (SCHEMAS | {ours.id: ours}).items():
        if known.lower() == urn.lower():
            return definition.to_json() | {
                "meta": {"resourceType": "Schema", "location": f"{base_url}/Schemas/{known}"}
            }
    raise NotFound(f"There is no schema {urn[:120]}. See /Schemas for those that exist.")
