"""Worker processes: answers in order, a crash costs one task, nobody is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from carprep.engines.local import LocalEngine
from carprep.errors import StepBug, UsageError

CHECKOUT = Path(__file__).parents[1]


def double(number: int) -> int:
    time.sleep(0.01 * (number % 3))  # answers would come out of order
    return 2 * number


def crash_at_seven(number: int) -> int:
    if number == 7:
        os._exit(9)
    return number


def crash_once(flag: str) -> str:
    if flag and not Path(flag).exists():
        Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "fine"


@dataclass(frozen=True)
class Step:
    """A task's function as the pipeline has them: an object with its settings."""

    divisor: int

    def __call__(self, number: int) -> float:
        return number / self.divisor


def wrong_call(number: int) -> int:
    raise UsageError("say it again")


def bug(number: int) -> int:
    raise ZeroDivisionError("ours")


def large(data: bytes) -> bytes:
    return data[::-1]


def test_answers_come_in_the_order_of_the_tasks():
    with LocalEngine(3) as engine:
        assert [answer.result for answer in engine.map(double, range(60))] == [2 * n for n in range(60)]


def test_a_crash_costs_one_task_and_no_other():
    with LocalEngine(2) as engine:
        answers = list(engine.map(crash_at_seven, range(30)))

    assert [answer.task for answer in answers if answer.crashed] == [7]
    assert [answer.result for answer in answers if not answer.crashed] == [n for n in range(30) if n != 7]


def test_a_task_is_tried_again_since_a_crash_may_be_anothers_fault(tmp_path):
    with LocalEngine(1) as engine:
        answers = list(engine.map(crash_once, ["", str(tmp_path / "flag"), ""]))

    assert [answer.result for answer in answers] == ["fine"] * 3


def test_our_own_errors_pass_through_and_bugs_name_the_task():
    with LocalEngine(1) as engine:
        with pytest.raises(UsageError, match="say it again"):
            list(engine.map(wrong_call, [1]))
        with pytest.raises(StepBug, match=r"bug failed on 41.*ZeroDivisionError"):
            list(engine.map(bug, [41]))


def test_large_tasks_and_answers_do_not_block_each_other():
    data = [bytes([n]) * 700_000 for n in range(12)]
    with LocalEngine(2) as engine:
        assert [answer.result for answer in engine.map(large, data)] == data


def test_no_worker_outlives_an_asker_that_was_killed():
    code = (
        "import time; from carprep.engines.local import LocalEngine; e = LocalEngine(2); e.start();"
        "print(*[w.process.pid for w in e._workers], flush=True); time.sleep(60)"
    )
    asker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=CHECKOUT)
    assert asker.stdout is not None
    workers = [int(word) for word in asker.stdout.readline().split()]
    asker.kill()
    asker.wait()
    asker.stdout.close()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and any(_lives(pid) for pid in workers):
        time.sleep(0.1)

    assert len(workers) == 2 and not any(_lives(pid) for pid in workers)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_bug_in_a_step_with_settings_names_the_step_and_the_task():
    with LocalEngine(1) as engine, pytest.raises(StepBug, match=r"Step failed on 5.*ZeroDivisionError"):
        list(engine.map(Step(0), [5]))
