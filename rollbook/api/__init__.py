"""The management API's door: /api/v1."""
