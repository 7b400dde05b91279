"""What a server costs: CPU time and memory of all its processes, those of its database included."""

from __future__ import annotations

from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]  # psutil has no types


@dataclass(frozen=True, slots=True)
class Family:
    """The processes of one server: each of these pids with all its descendants."""

    pids: tuple[int, ...]

    def cpu_seconds(self) -> float:
        """User and system time so far, that of children which have ended included."""
        return sum(_cpu(process) for process in self._members())

    def megabytes(self) -> float:
        """Resident memory of the first pid and its descendants; a database's shared pages would count many times."""
        return sum(_resident(process) for process in _tree(self.pids[0])) / 1024 / 1024

    def _members(self) -> list[psutil.Process]:
        return [process for pid in self.pids for process in _tree(pid)]


def _tree(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:  # ended since it was listed; its parent counts it from now on
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _resident(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0.0
