"""A simulated Okta: it provisions people into any SCIM 2.0 server exactly as Okta does, over real HTTP.

Nothing here knows Rollbook's inside; what the server does with a request is in rollbook/scim.
"""
