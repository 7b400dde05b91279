"""The benchmark of the hot paths: Rollbook beside a bare floor on the same database, and beside scim2-server.

Nothing here is shipped or tested against a clock; `python -m benchmarks` prints the table and writes RESULTS.md.
"""
