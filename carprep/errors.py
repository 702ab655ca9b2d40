"""What can go wrong, sorted by who must act.

CarprepError
├── UsageError    the caller: one clear line, exit 2
├── BadPhoto      one photo: it becomes a row of the ledger with a reason, the run goes on
└── RunError      the run cannot be trusted: it stops, exit 1
    ├── AlarmStop a training was stopped by an alarm: what it had drawn is no good, and another try would end alike
    └── StepBug   a step of ours failed in a way we did not foresee; names the step and the photo
"""

from __future__ import annotations

from carprep.photo import Reason


class CarprepError(Exception):
    """The root of all errors that carprep raises on purpose."""


class UsageError(CarprepError):
    """The call was wrong; the message says what to do."""


class RunError(CarprepError):
    """The run cannot go on, or its result could not be trusted."""


class AlarmStop(RunError):
    """A training was stopped by one of its alarms."""


class StepBug(RunError):
    """A measuring step failed on a photo in a way that no `BadPhoto` foresees."""


class BadPhoto(CarprepError):
    """This one photo cannot be used, and why."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[BadPhoto], tuple[Reason, str]]:
        return BadPhoto, (self.reason, self.detail)
