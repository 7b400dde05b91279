"""Work in a thread, its outcome on the event loop: what asyncio's run_in_executor does, at a third of its price.

That one wraps two kinds of future into each other, so that either can be cancelled from any thread: nobody does here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

T = TypeVar("T")


def in_thread(executor: Executor, work: Callable[[], T]) -> asyncio.Future[T]:
    """Runs `work` in a thread; the future is done on the running loop. Raises RuntimeError where the threads ended."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            settle, outcome = _succeed, work()
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to the caller who waits for it
            settle, outcome = _fail, error  # type: ignore[assignment]  # the two belong together
        with contextlib.suppress(RuntimeError):  # a loop that ended meanwhile has nobody waiting
            loop.call_soon_threadsafe(settle, future, outcome)

    executor.submit(run)
    return future


def _succeed(future: asyncio.Future[T], result: T) -> None:
    if not future.done():  # else the caller went away
        future.set_result(result)


def _fail(future: asyncio.Future[T], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)
