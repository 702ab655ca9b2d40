"""The README is true: its tables name what there is, no more and no less."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from carprep import explain, report
from carprep.models.rembg import MODELS
from carprep.photo import Reason

CHECKOUT = Path(__file__).parents[1]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return README.split(f"\n## {title}", 1)[1].split("\n## ", 1)[0]


def test_the_table_of_reasons_is_the_closed_list():
    assert re.findall(r"^\| `([a-z-]+)` \|", section("Reasons"), re.M) == [str(reason) for reason in Reason]


def test_every_reason_has_words_and_one_step_of_the_funnel():
    steps = [reason for reasons in report.STEPS.values() for reason in reasons]

    assert sorted(steps) == sorted(Reason)
    assert set(explain.WORDS) == set(Reason)


def test_the_table_of_options_is_what_help_says():
    told = set(re.findall(r"^\| `(--[a-z-]+)", section("Options"), re.M))
    done = subprocess.run(
        [sys.executable, CHECKOUT / "cli.py", "build", "--help"], capture_output=True, text=True, check=True
    )

    assert told == set(re.findall(r"(--[a-z][a-z-]+) ", done.stdout)) - {"--help"}


def test_the_list_of_rembg_models_is_complete():
    assert all(f"`{name}`" in section("Who finds the car") for name in MODELS)


def test_a_room_imports_only_rooms_before_it():
    rooms = ["ingest", "measure", "decide", "render", "pack"]
    for number, room in enumerate(rooms):
        for path in (CHECKOUT / "carprep" / room).glob("*.py"):
            imported = re.findall(r"from carprep\.(\w+)", path.read_text())
            later = set(imported) & set(rooms[number + 1 :])
            assert not later, f"{path.name} imports {later}"


def test_no_path_of_one_machine_is_in_the_project():
    files = subprocess.run(
        ["git", "ls-files"], capture_output=True, text=True, cwd=CHECKOUT, check=False
    ).stdout.split()
    pattern = re.compile(r"(?<![\w.])/(work|root|home)/\w")
    for name in files:
        if name.endswith((".py", ".md", ".cfg", ".toml")) and name != "tests/test_readme.py":
            assert not pattern.search((CHECKOUT / name).read_text(encoding="utf-8")), name
