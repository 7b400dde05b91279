"""`rollbook serve`, `worker` and `migrate`."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Annotated

import typer

from rollbook import settings as settings_
from rollbook.cli.output import Json, line, opened, show, stay_at_work
from rollbook.database import schema
from rollbook.jobs import worker as jobs
from rollbook.logs import configure


def add_to(app: typer.Typer) -> None:
    """Adds the commands to the program."""
    app.command(epilog="Example: rollbook serve --host 0.0.0.0 --port 8000")(serve)
    app.command(epilog="Example: rollbook worker")(worker)
    app.command(epilog="Example: rollbook migrate")(migrate)


def serve(
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 picks a free one.", min=0, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(help="Web processes; more than one wants PostgreSQL.", min=1, max=64)] = 1,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Leave the jobs to `rollbook worker`.")] = False,
    inherited: Annotated[int | None, typer.Option("--socket", hidden=True)] = None,
    json: Json = False,
) -> None:
    """Serve the SCIM door and the console, and run the job worker beside them."""
    # Imported here, as the other commands would wait half a second for a web server they do not start.
    from rollbook.supervisor import supervise
    from rollbook.web import Address, listen
    from rollbook.web import serve as serve_

    configure()
    if inherited is not None:
        with opened() as installation:
            serve_(installation, socket.socket(fileno=inherited), with_worker=not no_worker, supervised=True)
        return
    try:
        sock = listen(Address(host, port))
    except OSError as error:
        sys.exit(f"rollbook: Port {port} on {host} cannot be used ({error.strerror}); choose another with --port.")
    address = f"http://{f'[{host}]' if ':' in host else host}:{sock.getsockname()[1]}"
    if json:
        show({"address": address}, as_json=True, human=line(address))
    else:
        typer.echo(f"Rollbook listens on {address}", err=True)
    with opened() as installation:
        if workers == 1:
            serve_(installation, sock, with_worker=not no_worker)
    if workers > 1:
        sock.listen(socket.SOMAXCONN)
        supervise(sock, processes=workers, with_worker=not no_worker)


def worker(
    once: Annotated[bool, typer.Option("--once", help="End when nothing is due.")] = False,
    json: Json = False,
) -> None:
    """Run a job worker alone."""
    configure()
    with opened() as installation:
        stay_at_work()
        done = asyncio.run(jobs.run_until_told(installation, once=once))
    if done is None:
        typer.echo("The worker stopped.", err=True)
    else:
        show({"tasks": done}, as_json=json, human=line(f"{done} tasks were run; nothing is due any more."))


def migrate(json: Json = False) -> None:
    """Bring the database to the newest schema; safe to run twice, from several machines."""
    head = schema.migrate(settings_.read())
    show({"schema": head}, as_json=json, human=line(f"The database has schema {head}, the newest."))
