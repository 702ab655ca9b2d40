"""What a set says of its pictures: dataset.json (classes) and metadata.jsonl (all else)."""

from __future__ import annotations

import json
from typing import Any

from carprep.photo import CLASSES
from torch_datasets.storage import BadSet, Storage

VIEWS = tuple(str(view) for view in CLASSES)  # the order of the classes in dataset.json
LABELS, METADATA = "dataset.json", "metadata.jsonl"


def metadata_of(storage: Storage, pictures: list[str]) -> dict[str, dict[str, Any]]:
    """The line of metadata.jsonl of each picture; only its name where there is none.

    Raises:
        BadSet: a line is no JSON, or names a member that is not there.
    """
    found: dict[str, dict[str, Any]] = {name: {"file_name": name} for name in pictures}
    if METADATA not in storage.names:
        return found
    for number, line in enumerate(storage.read(METADATA).decode("utf-8", "replace").splitlines(), 1):
        try:
            row = json.loads(line)
            name = row["file_name"]
        except (ValueError, TypeError, KeyError) as error:
            raise BadSet(f"{METADATA} in {storage.root}, line {number}, is no JSON object with a file_name") from error
        if name not in found:
            raise BadSet(f"{METADATA} in {storage.root} names {name}, which is not there")
        found[name] = row
    return found


def labels_of(storage: Storage, pictures: list[str]) -> dict[str, int] | None:
    """The class of each picture; None where classes are unknown.

    Raises:
        BadSet: dataset.json is none, misses a picture, names one that is not there, or holds labels that are no
            whole numbers.
    """
    if LABELS not in storage.names:
        return None
    try:
        told = json.loads(storage.read(LABELS))["labels"]
    except (ValueError, TypeError, KeyError) as error:
        raise BadSet(f'{LABELS} in {storage.root} is no JSON object with "labels"') from error
    if told is None:
        return None
    try:
        labels = dict(told)
    except (TypeError, ValueError) as error:
        raise BadSet(f"{LABELS} in {storage.root}: labels must be pairs of a picture and its class") from error
    missing = sorted(set(labels) - set(pictures))
    if missing:
        raise BadSet(f"{LABELS} in {storage.root} names {missing[0]}, which is not there")
    unlabelled = sorted(set(pictures) - set(labels))
    if unlabelled:
        raise BadSet(f"{LABELS} in {storage.root} has no class for {unlabelled[0]}")
    for name, label in labels.items():
        if isinstance(label, bool) or not isinstance(label, int) or label < 0:
            raise BadSet(f"{LABELS} in {storage.root}: the class of {name} is {label!r}, and no whole number from 0")
    return labels


def classes_of(labels: dict[str, int] | None) -> list[str]:
    """Names of the classes: the five views; plain numbers where there are more; unknown where there are none."""
    if labels is None:
        return ["unknown"]
    most = max(labels.values(), default=0)
    return list(VIEWS) if most < len(VIEWS) else [str(number) for number in range(most + 1)]
