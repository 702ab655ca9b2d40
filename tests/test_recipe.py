"""The recipe: every setting, in and out of TOML, and what it refuses."""

from __future__ import annotations

import pytest

from carprep.errors import UsageError
from carprep.photo import CLASSES, View
from carprep.recipe import Recipe, Word, read_words, views_from


def test_a_recipe_survives_toml():
    words = (Word('a/ब "quoted" \\ 🚗.jpg', "keep", "tab\tand\x7f"), Word("b" * 12, "drop"))
    recipe = Recipe(sizes=(64, 128), views=(View.REAR,), face="left", margin=0.1, split=0.25, words=words)

    assert Recipe.from_toml(recipe.to_toml()) == recipe


def test_settings_that_are_not_named_keep_their_defaults():
    assert Recipe.from_toml("margin = 0.2") == Recipe(margin=0.2)


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("colour = 1", "no setting colour"),
        ("margin = ", "is no TOML"),
        ("margin = 'wide'", "margin = 'wide' does not fit"),
        ("look = 3", "look = 3 does not fit"),
        ("max_frames = true", "does not fit"),
        ("sizes = 64", "does not fit"),
        ("views = ['top']", "no such view: top"),
        ("[[words]]\nphoto = 'a'\nword = 'maybe'", "must be keep or drop"),
        ("face = 'up'", "--face must be one of"),
        ("sizes = []", "--size must be"),
        ("sizes = [64, 64]", "twice"),
        ("sizes = [800]", "needs --detail"),
        ("margin = 3.0", "--margin must be"),
        ("split = 1.0", "--split must be"),
        ("enlarge = 0.5", "--enlarge must be"),
    ],
)
def test_what_does_not_fit_is_one_clear_line(toml, words):
    with pytest.raises(UsageError, match=words) as error:
        Recipe.from_toml(toml)

    assert "\n" not in str(error.value)


def test_any_is_all_five_views_and_order_does_not_matter():
    assert views_from(["any"]) == CLASSES
    assert views_from(["front-side", "front"]) == (View.FRONT, View.FRONT_SIDE)


def test_words_are_read_from_a_table_also_one_that_a_spreadsheet_saved(tmp_path):
    path = tmp_path / "words.csv"
    path.write_bytes('\ufeffphoto,word,note\r\na.jpg,keep,"good, this one"\r\nb.jpg,drop,\r\n'.encode())

    assert read_words(path) == (Word("a.jpg", "keep", "good, this one"), Word("b.jpg", "drop"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("key,word\n", "no column photo"),
        ("photo,word\na,perhaps\n", "line 2"),
        ("photo,word\n,keep\n", "no photo is named"),
    ],
)
def test_a_bad_table_of_words_names_the_fault(tmp_path, text, words):
    (tmp_path / "words.csv").write_text(text)
    with pytest.raises(UsageError, match=words):
        read_words(tmp_path / "words.csv")
