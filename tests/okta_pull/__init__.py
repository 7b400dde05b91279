"""The standard integration: the pull from Okta."""
