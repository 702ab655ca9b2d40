"""The lookers `rembg:NAME`: a session of the `rembg` package, from a closed list of its local single-mask models."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from carprep import files
from carprep.errors import RunError, UsageError
from carprep.models.looker import Seen
from carprep.photo import RGB, Reason
from carprep.versions import of

PREFIX = "rembg:"
FLAT = 1e-3  # range of the raw output below which the model saw the same everywhere
UNSURE = 0.3  # highest probability below which nothing was found
INSTALL = 'pip install "carprep[rembg]"'


@dataclass(frozen=True)
class Model:
    """One of rembg's models: what it is, whose terms its weights come under, and whether its output is a logit."""

    what: str
    licence: str
    logits: bool = False


# Only models that run here and answer with one mask. Left out on purpose: those that send photos to a web service
# (withoutbg, atlascloud), those for people, clothes or drawings, and those that want prompts or a file of one's own.
MODELS = {
    "u2net": Model("U2-Net, 176 MB", "Apache-2.0"),
    "u2netp": Model("U2-Net small, 5 MB", "Apache-2.0"),
    "silueta": Model("U2-Net cut down, 43 MB", "Apache-2.0"),
    "isnet-general-use": Model("IS-Net, 179 MB", "Apache-2.0"),
    "birefnet-general": Model("BiRefNet, 973 MB", "MIT", logits=True),
    "birefnet-general-lite": Model("BiRefNet small, 224 MB", "MIT", logits=True),
    "birefnet-dis": Model("BiRefNet for fine outlines, 973 MB", "MIT", logits=True),
    "birefnet-hrsod": Model("BiRefNet for large photos, 973 MB", "MIT", logits=True),
    "birefnet-massive": Model("BiRefNet, more training data, 973 MB", "MIT", logits=True),
    "bria-rmbg": Model("BRIA RMBG 2.0, 1 GB; for non-commercial use only", "CC-BY-NC-4.0"),
}


class Rembg:
    """Finds the thing that stands out, whatever it is. Knows no views."""

    def __init__(self, name: str) -> None:
        self.identity = identity(name)
        self._model = MODELS[name]
        self._session = _offline(name)(name, _one_thread(), providers=["CPUExecutionProvider"])
        self._raw = _Recorder(self._session.inner_session)
        self._session.inner_session = self._raw

    def __call__(self, pixels: RGB) -> Seen:
        """Look at one picture, uint8 sRGB (H, W, 3)."""
        with np.errstate(invalid="ignore"):  # rembg divides by the range, also where that is zero
            mask = self._session.predict(Image.fromarray(pixels))[0]
        lowest, highest = self._raw.range
        # rembg stretches every output to 0..1, so an empty scene would come out as a full mask
        if highest - lowest < FLAT:
            return Seen(None, Reason.NO_CAR, f"the model's answer is {highest:.3f} all over")
        surest = 1 / (1 + np.exp(-highest)) if self._model.logits else highest
        if surest < UNSURE:
            return Seen(None, Reason.NO_CAR, f"the model is at most {surest:.0%} sure of anything in it")
        return Seen(np.asarray(np.asarray(mask) / 255, np.float32))


class _Recorder:
    """Stands before an onnxruntime session, passes everything through, and remembers the first output's range."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.range = (0.0, 0.0)

    def run(self, *arguments: Any, **options: Any) -> Any:
        outputs = self._session.run(*arguments, **options)
        self.range = float(np.min(outputs[0])), float(np.max(outputs[0]))
        return outputs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


def check(name: str, fetch: bool = False) -> None:
    """Find out whether a model can be used, without loading it; with `fetch` its weights may be downloaded.

    Raises:
        UsageError: not on the list, rembg is not installed, or the weights are not there.
        RunError: they could not be downloaded.
    """
    if name not in MODELS:
        raise UsageError(f"rembg:{name} is not on the list; choose rembg: and one of {', '.join(MODELS)}")
    if find(name) is None:
        if not fetch:
            raise UsageError(
                f"rembg:{name} needs {_file(name)} in {_folder(name)}; add --fetch to download it "
                f"({MODELS[name].what}, {MODELS[name].licence}), or use --look border"
            )
        _fetch(name)


def find(name: str) -> Path | None:
    """Where rembg itself finds a model's weights; None where they are not on this machine."""
    session = _session_class(name)
    if hasattr(session, "resolve_existing"):
        found = session.resolve_existing(_file(name))
        return Path(found) if found else None
    path = Path(session.u2net_home()) / _file(name)  # rembg before 2.0.70
    return path if path.exists() else None


def identity(name: str) -> str:
    """Name, rembg's version and the weights' sha256, without loading them."""
    path = find(name)
    if path is None:
        raise UsageError(f"the weights of rembg:{name} are gone from {_folder(name)}")
    stamp = files.Stamp.of(path.stat())
    return f"{PREFIX}{name}/{of('rembg')}/{of('onnxruntime')}/{_sha256(path, stamp)[:16]}"


@lru_cache(maxsize=4)
def _sha256(path: Path, stamp: files.Stamp) -> str:
    return files.sha256_of(path)


def _fetch(name: str) -> None:
    try:
        _session_class(name).download_models()
    except Exception as error:  # the download library raises whatever its transport raises
        raise RunError(f"rembg could not download {_file(name)}: {str(error).splitlines()[0]}") from error


@lru_cache(maxsize=1)
def _sessions() -> dict[str, Any]:
    # the module beside rembg's own top: that one pulls a compiler for matting, 40 seconds at its first import
    try:
        from rembg.sessions import sessions
    except ImportError as error:
        raise UsageError(f"the lookers rembg:… need rembg: {INSTALL}") from error
    except AttributeError as error:  # where onnxruntime is half removed, rembg's import trips over what is left
        raise UsageError(f"rembg cannot be loaded: {error}; see carprep doctor") from error
    return dict(sessions)


def _session_class(name: str) -> Any:
    found = _sessions().get(name)
    if found is None:
        raise UsageError(f"the rembg installed here ({of('rembg')}) has no model {name}: pip install --upgrade rembg")
    return found


def _offline(name: str) -> Any:
    """rembg's session class, bound to the weights that are there.

    Older rembg verifies a checksum on construction and downloads anew where a file of one's own differs.
    """
    found = _session_class(name)
    return type(found.__name__, (found,), {"download_models": classmethod(lambda *_, **__: str(find(name)))})


def _one_thread() -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # a worker is one process for one processor
    return options


def _file(name: str) -> str:
    return f"{name}.onnx"


def _folder(name: str) -> str:
    session = _session_class(name)
    return str(session.model_dir() if hasattr(session, "model_dir") else session.u2net_home())
