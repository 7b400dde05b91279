"""Process logs: one JSON object a line on standard error, without personal data or secrets."""

from __future__ import annotations

import logging
import sys

import structlog


def kind_and_place(error: BaseException) -> dict[str, str]:
    """What may be logged of an exception: its kind and where it was raised; its text may hold a person's data."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else "unknown"
    return {"kind": type(error).__name__, "place": place}


def configure() -> None:
    """Sets up structlog, and keeps libraries to warnings without their arguments' values."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    # uvicorn prints tracebacks with exception texts, which may hold a person's data; our doors log the kind instead.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    # psycopg logs the server's texts, which quote values, where one error hides another.
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
