"""Rollbook keeps the people of a learning platform up to date, the second something changes in Okta."""
