"""Weights are fetched only when asked for, whole, and only the right ones."""

from __future__ import annotations

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from carprep import weights
from carprep.errors import RunError, UsageError


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def served(tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "w.pth").write_bytes(b"weights" * 1000)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_right_file_comes_whole_and_another_one_not_at_all(served, tmp_path):
    right, path = hashlib.sha256(b"weights" * 1000).hexdigest(), tmp_path / "cache" / "w.pth"

    with pytest.raises(RunError, match="another file"):
        weights.download(f"{served}/w.pth", path, "00000000")
    assert not list(path.parent.iterdir())
    weights.download(f"{served}/w.pth", path, right[:8])
    assert path.read_bytes() == b"weights" * 1000


def test_no_network_and_no_such_name_are_one_line(served, tmp_path):
    with pytest.raises(RunError, match="cannot fetch"):
        weights.download(f"{served}/gone.pth", tmp_path / "w.pth", "0")
    with pytest.raises(RunError, match="cannot fetch"):
        weights.download("http://127.0.0.1:1/w.pth", tmp_path / "w.pth", "0")
    with pytest.raises(UsageError, match="--fetch knows inception"):
        weights.fetch("clip", tmp_path)
