"""Local processes behind three functions: `start`, `map`, `close`. Other engines may come behind the same three.

Each worker is a fresh interpreter (no fork of a process with threads, no re-import of the user's script), one thread
each, fed over a socket. A worker that dies (a decoder's crash, the out-of-memory killer) costs the one task it was
at, after a second try; a worker whose asker dies goes away by itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, TypeVar

from carprep.engines.worker import READY
from carprep.errors import CarprepError, RunError, StepBug

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 3  # tasks at a worker: one in work, one arriving, one in spare, so that it never waits
TRIES = 2  # a crash may be another program's fault (memory); twice on the same photo is the photo's
WINDOW = 64  # tasks a worker may be ahead of the oldest unanswered one; bounds what waits in memory


@dataclass(frozen=True)
class Answer(Generic[T, R]):
    """What became of one task; `result` is None where the worker `crashed` at it."""

    task: T
    result: R | None
    crashed: bool = False


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    connection: Connection
    tasks: deque[int] = field(default_factory=deque)  # indices, in the order in which they were sent
    ready: bool = False  # it has started, so it is not to blame for dying at a task


class LocalEngine:
    """A number of worker processes on this machine.

    Args:
        workers: how many processes; None takes one for each processor this process may use.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.count = workers or processors()
        self._workers: list[_Worker] = []

    def start(self) -> None:
        """Start the workers; they load while the caller does something else."""
        while len(self._workers) < self.count:
            self._workers.append(_launch())

    def map(self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[Answer[T, R]]:
        """Apply a module-level function to each task; answers come in the order of the tasks.

        Raises:
            CarprepError: what the function raised.
            StepBug: it failed in a way that nobody foresaw.
        """
        self.start()
        run = _Run(function, iter(tasks), self.count)
        try:
            while True:
                self._feed(run)
                yield from run.ready()
                if run.finished:
                    return
                self._collect(run)
        finally:
            if not run.finished:
                self.close()  # workers that still have tasks must not answer into the next run

    def close(self) -> None:
        """End the workers at once; what they were at is lost, what they have answered is not."""
        for worker in self._workers:
            worker.process.kill()
            worker.connection.close()
        for worker in self._workers:
            worker.process.wait()
        self._workers.clear()

    def __enter__(self) -> LocalEngine:
        """The engine itself; its workers start with `start` or the first `map`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the workers."""
        self.close()

    def _feed(self, run: _Run[T, R]) -> None:
        while run.may_send:
            worker = min(self._workers, key=lambda w: len(w.tasks))
            if len(worker.tasks) >= AHEAD:
                return
            index = run.next_index()
            if index is None:
                return
            worker.tasks.append(index)
            try:
                worker.connection.send((run.function, run.tasks[index]))
            except (BrokenPipeError, ConnectionResetError):
                self._bury(worker, run)

    def _collect(self, run: _Run[T, R]) -> None:
        busy = {worker.connection: worker for worker in self._workers if worker.tasks}
        for connection in wait(list(busy)):
            worker = busy[connection]  # type: ignore[index]
            try:
                message = worker.connection.recv()
            except (EOFError, ConnectionResetError):
                self._bury(worker, run)
                continue
            if message == READY:
                worker.ready = True
            else:
                run.answer(worker.tasks.popleft(), message)

    def _bury(self, worker: _Worker, run: _Run[T, R]) -> None:
        """Replace a worker that died: its task is tried once more, those that waited behind it go back."""
        worker.connection.close()
        status = worker.process.wait()
        if not worker.ready and status > 0:  # it never came to work: ours to mend, not the photo's fault
            raise RunError(f"a worker process could not start (exit {status}); its words are above")
        run.crash(worker.tasks)
        self._workers[self._workers.index(worker)] = _launch()


class _Run(Generic[T, R]):
    """One `map` under way: what was sent, what came back, what is next."""

    def __init__(self, function: Callable[[T], R], source: Iterator[T], workers: int) -> None:
        self.function = function
        self.tasks: dict[int, T] = {}  # sent or to be sent again, not yet handed out
        self._source = source
        self._again: deque[int] = deque()
        self._answers: dict[int, Answer[T, R]] = {}
        self._crashes: dict[int, int] = {}
        self._taken = 0  # tasks taken from the source
        self._given = 0  # answers handed out
        self._window = WINDOW * workers
        self._dry = False

    @property
    def finished(self) -> bool:
        return self._dry and self._given == self._taken

    @property
    def may_send(self) -> bool:
        return bool(self._again) or (not self._dry and self._taken - self._given < self._window)

    def next_index(self) -> int | None:
        if self._again:
            return self._again.popleft()
        for task in self._source:
            self.tasks[self._taken] = task
            self._taken += 1
            return self._taken - 1
        self._dry = True
        return None

    def answer(self, index: int, message: tuple[Any, ...]) -> None:
        if message[0]:
            self._answers[index] = Answer(self.tasks[index], message[1])
            return
        error, trace = message[1:]
        if isinstance(error, CarprepError):
            raise error
        name = getattr(self.function, "__name__", type(self.function).__name__)
        raise StepBug(f"{name} failed on {self.tasks[index]}: {error}\n{trace}")

    def crash(self, indices: deque[int]) -> None:
        if indices:
            first = indices[0]
            self._crashes[first] = self._crashes.get(first, 0) + 1
            if self._crashes[first] >= TRIES:
                self._answers[first] = Answer(self.tasks[first], None, crashed=True)
                indices.popleft()
        self._again.extendleft(reversed(indices))
        indices.clear()

    def ready(self) -> Iterator[Answer[T, R]]:
        while self._given in self._answers:
            answer = self._answers.pop(self._given)
            del self.tasks[self._given]
            self._given += 1
            yield answer


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _launch() -> _Worker:
    ours, theirs = Pipe(duplex=True)
    package = str(Path(__file__).parents[2])
    serve = f"from carprep.engines.worker import serve; serve({theirs.fileno()})"
    code = f"import sys; sys.path.insert(0, {package!r}); {serve}"
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            process_group=0,  # Ctrl-C at the terminal is for us; we close the workers
            env={**os.environ, **single},
        )
    except OSError as error:
        raise RunError(f"cannot start a worker process: {error}") from error
    finally:
        theirs.close()
    return _Worker(process, ours)
