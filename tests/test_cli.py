"""The command line: parse, call, print; one clear line for every wrong call."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Bench
from tests.pictures import blobs, encoded, fill

CHECKOUT = Path(__file__).parents[1]


def carprep(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, CHECKOUT / "cli.py", *map(str, arguments)],
        capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "200", **environment},
    )  # fmt: skip


def build(bench: Bench, *options: object) -> subprocess.CompletedProcess[str]:
    return carprep(
        "build", bench.raw, "--zip", bench.zip, "--cache", bench.cache, "--look", "none", "--enlarge", "4", *options
    )


@pytest.fixture
def heap(bench: Bench) -> Bench:
    fill(bench.raw, 8)
    bench.add("copy.jpg", encoded(blobs(2), quality=70))
    return bench


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["build"],
        ["explain"],
        ["funnel"],
        ["look"],
        ["compare"],
        ["duplicates"],
        ["check"],
        ["plan"],
        ["train"],
        ["sample"],
        ["curves"],
        ["runs"],
        ["export"],
        ["score"],
        ["validate"],
        ["doctor"],
        ["draw"],
        ["cache", "prune"],
    ],
    ids=" ".join,
)
def test_every_command_has_help_with_an_example(command):
    done = carprep(*command, "--help")

    assert done.returncode == 0
    assert not command or f"Example: carprep {' '.join(command)}" in done.stdout


def test_help_needs_no_heavy_library():
    heavy = ("numpy", "cv2", "PIL", "pyarrow", "rich", "torch", "rembg")
    code = f"import sys; import carprep.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=CHECKOUT, check=True)

    assert done.stdout.strip() == "[]"


def test_the_pipeline_never_imports_torch():
    code = "import sys, carprep.pipeline, carprep.measure.photo, carprep.render.square; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=CHECKOUT, check=True)

    assert done.stdout.strip() == "False"


def test_build_prints_the_funnel_and_where_things_lie(heap):
    done = build(heap)

    assert done.returncode == 0, done.stderr
    for words in ("9  found", "8  kept", "1  duplicate", str(heap.zip), "cars.sheet.jpg", "cars.left-out.jpg"):
        assert words in done.stdout
    assert carprep("funnel", heap.zip).stdout.splitlines() == done.stdout.splitlines()[:-4]


def test_json_is_one_object_and_nothing_else_on_stdout(heap):
    told = json.loads(build(heap, "--json").stdout)

    assert (told["found"], told["readable"], told["unique"], told["wanted_view"], told["kept"]) == (9, 9, 8, 8, 8)
    assert told["left_out"] == {"duplicate": 1}
    assert json.loads(carprep("funnel", heap.zip, "--json").stdout)["kept"] == 8
    assert json.loads(carprep("explain", heap.zip, "copy.jpg", "--json").stdout)["reason"] == "duplicate"


def test_a_dry_run_prints_the_funnel_and_writes_nothing(heap):
    done = build(heap, "--dry-run")

    assert "8  kept" in done.stdout
    assert not heap.zip.parent.exists()


def test_explain_says_what_happened_in_plain_words(heap):
    build(heap)
    kept, copy = carprep("explain", heap.zip, "00001.jpg").stdout, carprep("explain", heap.zip, "copy.jpg").stdout

    assert "00001.jpg was kept: 00000/img0000000" in kept
    assert "copy.jpg was left out (duplicate): a better copy of the same picture is kept." in copy
    assert "Kept instead: 00002.jpg." in copy and "copy, score" in copy


def test_explain_takes_a_hash_or_a_member_and_helps_with_a_wrong_name(heap):
    build(heap)
    row = json.loads(carprep("explain", heap.zip, "00001.jpg", "--json").stdout)

    assert row["key"] in carprep("explain", heap.zip, row["sha256"][:12]).stdout
    assert row["key"] in carprep("explain", heap.zip, row["member"]).stdout
    wrong = carprep("explain", heap.zip, "elsewhere/00003.jpg")
    assert wrong.returncode == 2 and "did you mean 'sub1/00003.jpg'?" in wrong.stderr


def test_a_recipe_is_saved_and_read_and_options_win(heap, tmp_path):
    recipe = tmp_path / "recipe.toml"
    build(heap, "--margin", "0.2", "--save-recipe", recipe)
    again = carprep(
        "build", heap.raw, "--zip", heap.zip, "--cache", heap.cache, "--recipe", recipe, "--size", "48", "--json"
    )

    assert json.loads(again.stdout)["kept"] == 8, again.stderr
    from carprep.pack import ledger
    from carprep.recipe import Recipe

    made = Recipe.from_toml(ledger.read(heap.zip).about["recipe"])
    assert (made.margin, made.sizes, made.look) == (0.2, (48,), "none")


def test_overrides_are_above_every_decision(heap, tmp_path):
    words = tmp_path / "words.csv"
    words.write_text("photo,word,note\n00001.jpg,drop,ugly\ncopy.jpg,keep,\n")
    told = json.loads(build(heap, "--overrides", words, "--json").stdout)

    # a copy that is kept by hand stands above the better one
    assert told["left_out"] == {"duplicate": 1, "dropped-by-hand": 1}
    assert "Kept instead: copy.jpg" in carprep("explain", heap.zip, "00002.jpg").stdout
    assert told["by_hand"] == 2
    assert "ugly" in carprep("explain", heap.zip, "00001.jpg").stdout


def test_limit_lets_only_the_first_photos_in(heap):
    told = json.loads(build(heap, "--limit", "3", "--json").stdout)

    assert told["found"] == 3
    assert "only the first 3" in carprep("funnel", heap.zip).stdout


WRONG = {
    "missing RAW": (["nowhere"], "there is no folder or archive"),
    "empty RAW": (["empty"], "there is no file in"),
    "a file that is no archive": (["notes.txt"], "is neither a folder nor a zip or tar"),
    "a damaged archive": (["damaged.tar.gz"], "is damaged"),
    "zip in RAW": (["raw", "--zip", "raw/cars.zip"], "would lie in"),
    "zip deep in RAW": (["raw", "--zip", "raw/a/b/cars.zip"], "would lie in"),
    "zip is a folder": (["raw", "--zip", "empty"], "it is a folder"),
    "zip without a name": (["raw", "--zip", "/"], "names no file"),
    "empty zip": (["raw", "--zip", ""], "names no file"),
    "zip below a file": (["raw", "--zip", "notes.txt/cars.zip"], "cannot write"),
    "unknown device": (["raw", "--device", "tpu"], "--device must be one of cpu, cuda"),
    "device of another looker": (["raw", "--look", "border", "--device", "cuda"], "is for --look carnet"),
    "no network there": (["raw", "--look", "carnet:none.onnx"], "cannot read the network"),
    "unknown looker": (["raw", "--look", "eyes"], "there is no looker 'eyes'"),
    "unknown view": (["raw", "--views", "top"], "no such view: top"),
    "face without facing": (["raw", "--face", "left", "--look", "border"], "needs a looker that tells facing"),
    "silly size": (["raw", "--size", "3"], "--size must be 16 to 1024"),
    "silly workers": (["raw", "--workers", "0"], "--workers must be"),
    "silly limit": (["raw", "--limit", "0"], "--limit must be"),
    "missing recipe": (["raw", "--recipe", "none.toml"], "cannot read the recipe"),
    "missing overrides": (["raw", "--overrides", "none.csv"], "cannot read the overrides file"),
    "cache below a file": (["raw", "--cache", "notes.txt/cache"], "cannot use the cache"),
    "cache and no cache": (["raw", "--cache", "c", "--no-cache"], "exclude each other"),
    "cache in RAW": (["raw", "--cache", "raw/cache"], "would lie in"),
    "recipe saved in RAW": (["raw", "--save-recipe", "raw/r.toml"], "would lie in"),
    "holdout over the zip": (["raw", "--split", "0.1", "--holdout-zip", "cars.zip"], "the same name"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_call_is_one_clear_line_and_exit_2(name, tmp_path):
    arguments, words = WRONG[name]
    fill(tmp_path / "raw", 2)
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("words, no archive")
    import shutil

    shutil.make_archive(str(tmp_path / "damaged"), "gztar", tmp_path / "raw")
    (tmp_path / "damaged.tar.gz").write_bytes((tmp_path / "damaged.tar.gz").read_bytes()[:2000])
    defaults = [] if "--zip" in arguments else ["--zip", "cars.zip"]
    if "--cache" not in arguments:
        defaults += ["--cache", "c"]
    done = subprocess.run(
        [sys.executable, CHECKOUT / "cli.py", "build", *arguments, *defaults],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip

    assert done.returncode == 2, (done.stdout, done.stderr)
    assert words in done.stderr and len(done.stderr.splitlines()) == 1 and done.stderr.startswith("carprep: ")
    assert done.stdout == ""
    assert not (tmp_path / "cars.zip").exists()
    assert sorted(path.name for path in (tmp_path / "raw").rglob("*")) == ["00000.jpg", "00001.jpg", "sub0"]


def test_doctor_names_versions_models_cache_and_disk(tmp_path):
    done = carprep("doctor", "--cache", tmp_path / "cache")

    assert done.returncode == 0, done.stdout
    for words in ("numpy", "OpenCV", "looker carnet", "looker border", "onnxruntime", "torch", "cache", "disk"):
        assert words in done.stdout
    findings = json.loads(carprep("doctor", "--cache", tmp_path / "cache", "--json").stdout)["findings"]
    assert all(finding["advice"] for finding in findings if finding["state"] != "ok")


def test_doctor_notices_two_packages_of_onnxruntime_and_one_that_is_half_removed(tmp_path):
    twin = tmp_path / "twin" / "onnxruntime_gpu-1.20.0.dist-info"
    twin.mkdir(parents=True)
    (twin / "METADATA").write_text("Metadata-Version: 2.1\nName: onnxruntime-gpu\nVersion: 1.20.0\n")
    both = carprep("doctor", "--cache", tmp_path / "cache", PYTHONPATH=str(tmp_path / "twin"))
    (tmp_path / "half" / "onnxruntime").mkdir(parents=True)
    (tmp_path / "half" / "onnxruntime" / "__init__.py").write_text("")
    half = carprep("doctor", "--cache", tmp_path / "cache", PYTHONPATH=str(tmp_path / "half"))

    assert both.returncode == half.returncode == 1
    assert "they overwrite each other: pip uninstall -y onnxruntime onnxruntime-gpu" in both.stdout
    assert "WRONG looker carnet: onnxruntime is half removed: pip uninstall" in half.stdout
    assert half.stderr == ""


def test_the_caches_default_place_follows_xdg(heap, tmp_path):
    done = carprep(
        "build", heap.raw, "--zip", heap.zip, "--look", "none", "--enlarge", "4", XDG_CACHE_HOME=str(tmp_path / "xdg")
    )

    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "xdg" / "carprep").glob("cache-*.sqlite"))
    assert f"{tmp_path / 'xdg' / 'carprep'}, 9 photos" in carprep("doctor", XDG_CACHE_HOME=str(tmp_path / "xdg")).stdout


def test_pruning_forgets_and_the_next_build_measures_again(heap):
    build(heap)
    done = carprep("cache", "prune", "--days", "0", "--cache", heap.cache)

    assert "forgot 9 photos" in done.stdout
    before = heap.zip.read_bytes()
    heap.zip.unlink()
    assert build(heap).returncode == 0
    assert heap.zip.read_bytes() == before
    assert carprep("cache", "prune", "--cache", heap.root / "nowhere").returncode == 2


def test_draw_makes_a_heap_that_builds(tmp_path):
    assert carprep("draw", tmp_path / "raw", "--count", "12", "--side", "96").returncode == 0
    told = json.loads(
        carprep(
            "build", tmp_path / "raw", "--zip", tmp_path / "cars.zip", "--no-cache", "--json", "--size", "48"
        ).stdout
    )

    assert told["found"] == 12 and told["hidden_folders"] == 1 and told["kept"] >= 3


def test_a_real_heap_of_red_cars_builds_the_same_twice(photos, tmp_path):
    options = ("--limit", "60", "--json", "--no-cache")
    one = json.loads(carprep("build", photos / "redcars", "--zip", tmp_path / "a" / "cars.zip", *options).stdout)
    two = json.loads(
        carprep("build", photos / "redcars", "--zip", tmp_path / "b" / "cars.zip", "--workers", "1", *options).stdout
    )

    assert one["sha256"] == two["sha256"] and one["kept"] > 10


def test_help_takes_little_processor_time():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    carprep("--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)

    assert after.ru_utime - before.ru_utime < 5  # the real bound is a benchmark's; this one only catches a heavy import
