"""The far end of the local engine: takes a task, does it, sends the answer, until nobody asks any more."""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import traceback
from multiprocessing.connection import Connection
from typing import Any

from carprep.errors import CarprepError

READY = "ready"  # the first message: from here on a death is the task's doing, not the start's


def serve(descriptor: int) -> None:
    """Answer the tasks that come over a socket, in their order; return when its other end is closed.

    A task is `(function, argument)`, pickled; the answer is `(True, result)` or `(False, error, traceback)`.
    """
    _settle()
    connection = Connection(descriptor)
    connection.send(READY)
    tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
    # reading ahead in a thread keeps the asker's `send` from ever waiting for us: two full pipes would be a deadlock
    threading.Thread(target=_receive, args=(connection, tasks), daemon=True).start()
    while (task := tasks.get()) is not None:
        function, argument = task
        try:
            answer: tuple[Any, ...] = (True, function(argument))
        except CarprepError as error:
            answer = (False, error, "")
        except Exception as error:  # the one broad except: the asker names the step and the photo
            answer = (False, repr(error), traceback.format_exc())
        try:
            connection.send(answer)
        except (BrokenPipeError, ConnectionResetError):
            return  # the asker is gone, and its task with it


def _receive(connection: Connection, tasks: queue.SimpleQueue[Any]) -> None:
    try:
        while True:
            tasks.put(connection.recv())
    except (EOFError, OSError):
        tasks.put(None)


def _settle() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the asker, who closes the socket
    os.nice(1)  # the asker hands out the work: it must never wait for those who wait for it
    sys.stdout = sys.stderr  # a library that prints must not mix with what the command prints
    import cv2  # only here, so that the asker's own start stays light

    cv2.setNumThreads(1)  # one photo a process: threads inside it would only get in each other's way
