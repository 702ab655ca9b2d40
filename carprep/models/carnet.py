"""The looker `carnet`: our own network, bundled; it finds the main car, cuts it out and says how it stands.

`carnet.onnx` beside this file is made by `carprep.carnet`; CARNET.md says from what, and how good it is. `carnet:FILE`
takes a network of one's own, made by `python -m carprep.carnet.export`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from carprep import files
from carprep.errors import RunError, UsageError
from carprep.models.guided import Edge, onto
from carprep.models.letterbox import BLOCK, inside, letterbox
from carprep.models.looker import Seen
from carprep.photo import RGB, View
from carprep.versions import of

PREFIX = "carnet:"
BUNDLED = Path(__file__).with_name("carnet.onnx")
FORMAT = "carprep-carnet/1"  # in the file's metadata; goes up when inputs or outputs change
STEP = 1  # of the answer's way back onto the photo; goes up with every change that may give another alpha
OUTPUTS = ("alpha", "views", "left", "overlay", "features")
EDGE = Edge(2.0, 1e-3, 0.25)  # of the veil much is cut: what is unsure is left as little as can be
UPPER = 0.7  # of the car's height, from above: where neighbours and shrubs show
VAGUE = 0.1  # from here to its counterpart a probability says that the network does not know
CRUMB = 0.3  # of the main blob's area: below it a blob apart is no second car
REACH = 9  # px round a blob that belong to its soft edge: aerials, mirrors
MISSING = "the looker carnet needs onnxruntime: pip install onnxruntime"
MEND = "pip uninstall -y onnxruntime onnxruntime-gpu; pip install onnxruntime"
SWAP = "pip uninstall -y onnxruntime onnxruntime-gpu; pip install onnxruntime-gpu"


@dataclass(frozen=True)
class Answer:
    """What the network says of a batch of inputs.

    Attributes:
        alpha: float32 (N, h, w), probability that a pixel is the main car's.
        views: float32 (N, 7), calibrated probabilities in the order of `View`.
        left: float32 (N,), probability that the nose points to the left.
        overlay: float32 (N,), probability that text, a watermark or a banner is laid over the photo.
        features: float32 (N, F), what the last three are told from.
    """

    alpha: np.ndarray
    views: np.ndarray
    left: np.ndarray
    overlay: np.ndarray
    features: np.ndarray


class Network:
    """The ONNX file, loaded, on one thread of the processor or on a GPU."""

    def __init__(self, path: Path, device: str = "cpu") -> None:
        """Load it.

        Raises:
            UsageError: there is no such file, it is no network of ours, or the device cannot be had.
        """
        onnxruntime = _runtime()
        check_device(device)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # a worker is one process for one processor
        options.log_severity_level = 4  # what goes wrong is said by us, in one line
        providers = ["CUDAExecutionProvider"] if device == "cuda" else []
        data = _bytes_of(path)
        try:
            self._session: Any = onnxruntime.InferenceSession(
                data, options, providers=[*providers, "CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has a class for each of its states, and no common one
            raise UsageError(
                f"{path} is no network that onnxruntime can load: {_first_line(error)}; {_mend(path)}"
            ) from error
        if device == "cuda" and self._session.get_providers()[0] != "CUDAExecutionProvider":
            raise UsageError("--device cuda: onnxruntime-gpu is installed, but finds no GPU it can use; see nvidia-smi")
        self.path = path
        self.about: dict[str, str] = dict(self._session.get_modelmeta().custom_metadata_map)
        names = tuple(output.name for output in self._session.get_outputs())
        if self.about.get("format") != FORMAT or names != OUTPUTS or not self._answers_in_shape():
            raise UsageError(f"{path} is no CarNet of the format {FORMAT}; {_mend(path)}")

    def _answers_in_shape(self) -> bool:
        try:
            parts = self._session.run(OUTPUTS, {"pixels": np.zeros((2, BLOCK, 2 * BLOCK, 3), np.uint8)})
        except Exception:  # another input's name, type or rank: what it is does not matter here
            return False
        shapes = [part.shape for part in parts]
        return shapes[:4] == [(2, BLOCK, 2 * BLOCK), (2, len(View)), (2,), (2,)] and len(shapes[4]) == 2

    def __call__(self, inputs: np.ndarray) -> Answer:
        """Look at a batch.

        Args:
            inputs: uint8 sRGB (N, h, w, 3), letterboxed, h and w multiples of 32.

        Raises:
            RunError: the answer is not a number, as from a broken file.
        """
        answer = Answer(*self._session.run(OUTPUTS, {"pixels": inputs}))
        if not all(np.isfinite(part).all() for part in vars(answer).values()):
            raise RunError(f"the network {self.path} answers what is no number; its file is broken, {_mend(self.path)}")
        return answer


class CarNet:
    """Finds the main car, its view and its facing."""

    def __init__(self, path: Path = BUNDLED, device: str = "cpu") -> None:
        self.identity = identity(path, device)
        self._network = Network(path, device)

    def __call__(self, pixels: RGB) -> Seen:
        """Look at one picture, uint8 sRGB (H, W, 3)."""
        inputs, place = letterbox(pixels)
        answer = self._network(inputs[None])
        alpha = inside(_without_crumbs(answer.alpha[0]), place)
        views = {view: float(p) for view, p in zip(View, answer.views[0], strict=True)}
        return Seen(onto(pixels, alpha, EDGE), views=views, p_left=float(answer.left[0]), unsure=unsure(alpha))


def unsure(alpha: np.ndarray) -> float:
    """Area where the network was unsure, more than 2 px off its outline, over the car's; 0 where no car is.

    Only beside and above the car: below, between the wheels, every car is a little unsure. A neighbour's bumper or a
    shrub that went with the car shows here; see `Recipe.max_unsure`.
    """
    car = (alpha > 0.5).astype(np.uint8)
    square = np.ones((5, 5), np.uint8)
    outline = cv2.dilate(car, square) - cv2.erode(car, square)
    rows = np.flatnonzero(car.any(axis=1))
    if not len(rows):
        return 0.0
    vague = (alpha > VAGUE) & (alpha < 1 - VAGUE) & (outline == 0)
    return float(vague[: int(rows[0] + UPPER * np.ptp(rows))].sum()) / float(car.sum())


def _without_crumbs(alpha: np.ndarray) -> np.ndarray:
    """Without what is apart from the car and much smaller: a piece of a neighbour, a sign, a shrub."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats((alpha > 0.5).astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    if count < 3:
        return alpha
    large = np.flatnonzero(areas >= CRUMB * areas[1:].max())
    kept = np.isin(labels, large[large > 0]).astype(np.uint8)
    return np.where(cv2.dilate(kept, np.ones((REACH, REACH), np.uint8)) > 0, alpha, 0).astype(np.float32)


def check(path: Path, device: str) -> None:
    """Find out before any work whether the network can be used; the bundled one is only loaded where it is needed.

    Raises:
        UsageError: no such file, no network of ours, or no such device.
    """
    if find_spec("onnxruntime") is None:
        raise UsageError(MISSING)
    if path != BUNDLED:
        Network(path, device)
    elif device != "cpu":
        check_device(device)


def check_device(device: str) -> None:
    """Find out whether a device can be had.

    Raises:
        UsageError: there is no GPU that onnxruntime could use; says how to get one.
    """
    if device == "cuda" and "CUDAExecutionProvider" not in _runtime().get_available_providers():
        raise UsageError(f"--device cuda needs a GPU and onnxruntime's build for it: {SWAP}")


def identity(path: Path, device: str) -> str:
    """The file's sha256, the library's version and the device, without loading anything."""
    try:
        stamp = files.Stamp.of(path.stat())
    except OSError as error:
        raise UsageError(f"cannot read the network {path}: {files.reason_of(error)}") from error
    library = of("onnxruntime") or of("onnxruntime-gpu")
    return f"carnet/{_sha256(path, stamp)[:16]}/{STEP}/{library}/{device}"


def _mend(path: Path) -> str:
    return "install carprep again" if path == BUNDLED else "make one with python -m carprep.carnet.export"


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise UsageError(MISSING) from error
    if not hasattr(onnxruntime, "InferenceSession"):  # what is left where one of its two packages was taken away
        raise UsageError(f"onnxruntime is half removed: {MEND}")
    return onnxruntime


def _bytes_of(path: Path) -> bytes:
    try:
        data = files.read_bytes(path, MOST_BYTES)
    except OSError as error:
        raise UsageError(f"cannot read the network {path}: {files.reason_of(error)}") from error
    if data is None:
        raise UsageError(f"{path} is no CarNet: it has more than {MOST_BYTES:,} bytes")
    return data


@lru_cache(maxsize=4)
def _sha256(path: Path, stamp: files.Stamp) -> str:
    return files.sha256_of(path)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__


MOST_BYTES = 100_000_000  # a network of ours has 6 MB; what is larger is something else
