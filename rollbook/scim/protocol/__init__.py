"""SCIM 2.0 as pure functions over plain dicts (RFC 7643, RFC 7644): standard library and msgspec, no I/O.

Nothing here knows Rollbook's people or its database; the door that does is the package above.
"""
