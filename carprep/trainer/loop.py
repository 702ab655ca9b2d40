"""The training, from top to bottom."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from carprep import files
from carprep.errors import AlarmStop, RunError, UsageError
from carprep.progress import Progress, silent
from carprep.trainer import checkpoint, features, outputs, plan
from carprep.trainer.alarms import Alarm
from carprep.trainer.chance import draw, part, seed_of
from carprep.trainer.config import Config
from carprep.trainer.judge import LEAST, Judge
from carprep.trainer.machine import Team, device_of, prepare
from carprep.trainer.reals import Reals, reals_of
from carprep.trainer.run import BEST, CONFIG, LATEST, Run, begin, take_weights
from carprep.trainer.stepper import stepper

Say = Callable[[str], None]


@dataclass
class Result:
    """How a run ended.

    Attributes:
        step, total: steps made, and wanted.
        best: lowest KID so far with its step; empty without a holdout.
        score: figures at the end; empty without a holdout.
        alarms: all that rang in this call.
    """

    folder: Path
    step: int
    total: int
    best: dict[str, Any]
    score: dict[str, Any] = field(default_factory=dict)
    alarms: list[dict[str, Any]] = field(default_factory=list)


def never() -> bool:
    """No wish to stop."""
    return False


def mute(words: str) -> None:
    """Say nothing."""


def train(
    dataset: Any,
    config: Config,
    out: str | Path,
    *,
    holdout: Any = None,
    resume: bool = False,
    init: Path | None = None,
    device: str = "auto",
    stop: Callable[[], bool] = never,
    progress: Progress = silent,
    say: Say = mute,
    tensorboard: bool = False,
) -> Result:
    """Train a generator on any torch Dataset of (float32 (3, S, S) in [-1, 1] with white at +1, int).

    Args:
        out: folder of the run.
        holdout: a Dataset as `dataset`, for the score; without it there is no best.pt.
        resume: go on with the run in `out`; its checkpoint's settings must be these, but for steps, epochs and alarms.
        init: run or checkpoint whose weights are taken to begin with.
        stop: asked after each step; True ends the run with a checkpoint.

    Raises:
        UsageError: pictures out of range or of another size, a run that is already there, settings that do not fit.
        RunError: the run cannot go on: no numbers, an alarm with on_alarm "stop", no memory.
    """
    folder = Path(out)
    features.check(config.features)
    outputs.check_board(tensorboard)
    where = device_of(device)
    team = Team(config, where)
    prepare(config, where)
    reals = reals_of(dataset, where)
    if reals.side != config.size:
        raise UsageError(f"the pictures are {reals.side} px, the settings say {config.size}")
    held = _held(holdout, where, say)
    with (
        files.held(folder, "the run") if team.writes else nullcontext(),
        torch.random.fork_rng(devices=[where] if where.type == "cuda" else []),
    ):
        run = begin(config, folder, reals.about, reals.count, team, where)
        done = _start(run, resume, init, say, team)
        if done is not None:
            return done
        try:
            return _Training(run, reals, held, team, stop, progress, say, tensorboard).go()
        finally:
            reals.close()
            team.leave()


def _held(holdout: Any, device: torch.device, say: Say) -> Reals | None:
    if holdout is not None and len(holdout) < LEAST:
        say(f"no score and no best: {len(holdout)} pictures are held out, {LEAST} are the least")
        return None
    return reals_of(holdout, device) if holdout is not None else None


def _start(run: Run, resume: bool, init: Path | None, say: Say, team: Team) -> Result | None:
    """Make the run ready; its result where it has nothing left to do."""
    latest = run.checkpoint(LATEST)
    if resume:
        saved = checkpoint.load(latest)
        if not run.config.same_run(Config.from_toml(saved["config"])):
            raise UsageError(f"{latest} was made with other settings; only steps, epochs and on_alarm can change")
        step, total = int(saved["step"]), run.config.total(run.pictures)
        if step >= total:  # before anything is cut: a finished run stays as it is
            fewer = f", more than the {total:,} asked for" if step > total else "; --steps N takes it further"
            say(f"{run.folder} has made its {step:,} steps{fewer}")
            return Result(run.folder, step, total, dict(saved["best"]))
        for words in run.restore(saved, team.writes):
            say(words)
        return None
    if latest.exists():
        raise UsageError(f"there is a run in {run.folder}: go on with --resume {run.folder}, or choose another --out")
    team.wait()  # all have looked before one writes
    if init is not None:
        take_weights(run, init)
    if team.writes:
        files.write_text(run.record.path, "")
        run.save()
    return None


@dataclass
class _Training:
    run: Run
    reals: Reals
    held: Reals | None
    team: Team
    stop: Callable[[], bool]
    progress: Progress
    say: Say
    tensorboard: bool
    alarms: list[dict[str, Any]] = field(default_factory=list)

    def go(self) -> Result:
        run, config = self.run, self.run.config
        total = config.total(self.reals.count)
        if self.team.writes:
            files.write_text(run.folder / CONFIG, config.to_toml())
        self.judge = Judge.of(config, self.reals, self.held) if self.team.writes else None
        self.show = outputs.Show.of(run, self.reals, self.tensorboard) if self.team.writes else None
        if run.state.step == 0 and self.show is not None:
            self._picture()
        self.stream = self.reals.stream(config.seed)
        self.indices = self._indices(run.state.step)
        self.learn = stepper(run.state, self.team.share, self.team.size, self.say)
        while run.state.step < total and not self.stop():
            self._step()
            self._after(total)
        return self._end(total)

    def _step(self) -> None:
        run, config, state = self.run, self.run.config, self.run.state
        torch.manual_seed(seed_of("step", config.seed, state.step))  # so a stop and a resume draw the same numbers
        draws = part(draw(config, config.batch, state.device), self.team.rank, self.team.size)
        pictures, views = self.reals.batch(self.indices)
        try:
            told = self.learn(pictures, views, draws)
        except RuntimeError as error:
            if not plan.is_memory(error):
                raise
            raise RunError(plan.lack_of_memory(config, state.device)) from error
        run.record.add(told)
        state.step += 1
        self.indices = self._indices(state.step)
        self.reals.ahead(self.indices)

    def _indices(self, step: int) -> Tensor:
        """Which pictures this process sees in a step."""
        config = self.run.config
        indices = self.stream.indices(step, config.batch)
        own = len(indices) // self.team.size
        return indices[self.team.rank * own : (self.team.rank + 1) * own]

    def _after(self, total: int) -> None:
        run, config, step = self.run, self.run.config, self.run.state.step
        if step % config.window == 0:
            self._window(config.window)
            run.record.reset()
        if not self.team.writes:
            return
        if step % config.sample_every == 0:
            self._picture()
        if step % config.score_every == 0 and self.judge is not None:
            self._score(final=False)
        if step % config.keep_every == 0:
            run.keep_number()
        if step % config.save_every == 0:
            run.save()
        self.progress(f"train {config.preset}", step, total)

    def _window(self, steps: int) -> None:
        line = self.run.record.close(self.run.state.step)
        if self.team.writes:
            self.run.record.write(line)
            if self.show is not None:
                self.show.figures(line)
        self._ring(self.run.watch.window(line, steps))

    def _picture(self) -> None:
        assert self.show is not None
        fakes = self.show.sample()
        step = self.run.state.step
        self._ring(self.run.watch.samples(fakes, self.show.reals, step, self.reals.count))
        self.show.page()

    def _score(self, final: bool) -> dict[str, Any]:
        run = self.run
        assert self.judge is not None
        self.progress("score", 0, 1)
        figures, alarms = self.judge.score(run.state.average.network, run.state.device)
        self.progress("score", 1, 1)
        line = {"step": run.state.step, **figures, **({"final": True} if final else {})}
        run.record.write(line)
        if not final:
            if not run.best or figures["kid"] < run.best["kid"]:
                run.best = {"step": run.state.step, **figures}
                run.save(BEST)
            self._ring(alarms)
        return line

    def _ring(self, alarms: list[Alarm]) -> None:
        run = self.run
        for alarm in alarms:
            line = {"step": run.state.step, "alarm": alarm.name, "reason": alarm.reason}
            new = all(told["alarm"] != alarm.name for told in self.alarms)
            self.alarms.append(line)
            if self.team.writes:
                run.record.write(line)
            if new:
                self.say(f"alarm at step {run.state.step}, {alarm.name}: {alarm.reason}")
            # nothing brings a run back from NaN, and its checkpoint must not take the last good one's place
            if alarm.name == "nan" or run.config.on_alarm == "stop":
                raise AlarmStop(
                    f"stopped at step {run.state.step} by the alarm {alarm.name}: {alarm.reason}; "
                    f"the last checkpoint is {run.checkpoint(LATEST)}"
                )

    def _end(self, total: int) -> Result:
        run, config, step = self.run, self.run.config, self.run.state.step
        score: dict[str, Any] = {}
        if self.team.writes:
            run.save()
            if step % config.window:
                run.record.write({**run.record.close(step), "final": True})
            if step % config.sample_every:
                self._picture()
            if self.judge is not None and step == total and step % config.score_every:  # a stop is not kept waiting
                score = self._score(final=True)
            if self.judge is not None and not run.best:
                self.say(
                    f"no best yet: the first score that counts is due at step {config.score_every:,} (--score-every)"
                )
            assert self.show is not None
            self.show.finish()
        self.team.wait()
        return Result(run.folder, step, total, run.best, score, self.alarms)
