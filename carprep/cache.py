"""What was measured, by content: facts and cutouts in SQLite, thumbnails in a memory-mapped file beside it.

A photo is known by the sha256 of its bytes and by the settings it was measured with; where it lies is only a hint
that spares reading it again. Any number of builds may use one cache at once, and any of them may be killed: a row is
there whole or not at all. Builds hold a shared lock on the folder, pruning an exclusive one.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import mmap
import os
import sqlite3
import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carprep import files
from carprep.errors import RunError, UsageError
from carprep.files import Stamp
from carprep.measure.parts import THUMB
from carprep.photo import Facts, Reason

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

THUMB_BYTES = THUMB * THUMB * 3
LAYOUT = 2  # of the tables below; another number is another file, so that versions never meet
WAIT = 120.0  # seconds to wait for another build's write
LOOKS = f"looks-{LAYOUT}-"  # start of the names of files with what second looks measured
BREATH = 1.0  # seconds between writes: what a kill may cost
MOST_WAITING = 16 << 20  # bytes of pictures that may wait in memory for the next write

TABLES = """
CREATE TABLE IF NOT EXISTS files(
    path BLOB NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,
    sha256 BLOB NOT NULL, PRIMARY KEY(path)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS measured(
    slot INTEGER PRIMARY KEY, sha256 BLOB NOT NULL, settings BLOB NOT NULL,
    reason TEXT, detail TEXT NOT NULL, facts TEXT NOT NULL, used INTEGER NOT NULL, UNIQUE(sha256, settings));
CREATE TABLE IF NOT EXISTS pictures(
    slot INTEGER PRIMARY KEY, colour BLOB, alpha BLOB, context BLOB);
"""


@dataclass(frozen=True)
class Pictures:
    """The encoded pictures of one photo; see `carprep.measure.cutout`.

    Attributes:
        colour: JPEG of the car's box with the old ground's colour cleaned from its edges; None where no car was cut.
        alpha: PNG of one channel, the same shape; None where everything is opaque.
        context: JPEG of the whole photo; None where `colour` is that already.
    """

    colour: bytes | None
    alpha: bytes | None
    context: bytes | None


@dataclass(frozen=True)
class Measured:
    """All that is remembered of one photo's bytes."""

    sha256: str
    facts: Facts
    thumb: bytes  # uint8 (64, 64, 3); empty where the photo could not be decoded
    pictures: Pictures
    reason: Reason | None = None
    detail: str = ""


@dataclass(frozen=True)
class Row:
    """A measured photo without its pictures; `slot` is where those and the thumbnail lie."""

    slot: int
    facts: Facts
    reason: Reason | None
    detail: str
    used: int  # the day it was last used


def default_folder() -> Path:
    """Where the cache lies unless the user says otherwise (XDG base directory specification)."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    # the specification wants a relative path ignored
    return (Path(home) if Path(home).is_absolute() else Path.home() / ".cache") / "carprep"


def machine_code() -> Path:
    """Where compiled loops are kept: beside the default cache, whichever one a build uses."""
    return default_folder() / "machine-code"


@contextlib.contextmanager
def opened(folder: Path | None, *, keep: bool = True) -> Iterator[Cache]:
    """Open a cache for a build; `keep=False` makes one that is gone afterwards."""
    with contextlib.ExitStack() as stack:
        if not keep:
            folder = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="carprep-", ignore_cleanup_errors=True))
            )
        cache = Cache(folder or default_folder())
        stack.callback(cache.close)
        yield cache


class Cache:
    """A folder that remembers measurements. One process writes through one of these; workers read through `Reader`.

    Raises:
        UsageError: the folder cannot be made or written to, or holds something else.
        RunError: the disk is full, or the folder is being pruned.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._waiting: list[tuple[str, tuple[object, ...]]] = []
        self._measured: list[tuple[Measured, bytes]] = []
        self._bytes = 0
        self._last = time.monotonic()
        self._today = int(time.time() // 86400)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(folder, fcntl.LOCK_SH)
            self._thumbs = os.open(folder / thumbs_name(), os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise UsageError(
                f"cannot use the cache {folder}: {files.reason_of(error)}; choose another with --cache"
            ) from error
        with _clear(folder):
            self._db = _connect(folder / database_name())
            self._db.executescript(TABLES)

    def close(self) -> None:
        """Write what waits, and let go of the folder."""
        with contextlib.suppress(RunError):
            self.flush()
        self._db.close()
        os.close(self._thumbs)
        os.close(self._lock)

    def stamps(self, below: bytes) -> dict[bytes, tuple[Stamp, str]]:
        """Of the paths below one: the stamp last seen and the sha256 then. Paths are bytes, as the disk keeps them."""
        query = "SELECT path, size, mtime_ns, ctime_ns, sha256 FROM files WHERE path > ? AND path < ?"
        with _clear(self.folder):
            rows = self._db.execute(query, (below + b"/", below + b"0"))  # "0" follows "/"
            return {path: (Stamp(size, mtime, ctime), sha.hex()) for path, size, mtime, ctime, sha in rows}

    def remember(self, path: bytes, stamp: Stamp, sha256: str) -> None:
        """Note the sha256 that a file had with this stamp."""
        row = (path, stamp.size, stamp.mtime_ns, stamp.ctime_ns, bytes.fromhex(sha256))
        self._waiting.append(("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", row))

    def add(self, measured: Measured, settings: bytes) -> None:
        """Keep what was measured; nothing changes where another build was faster."""
        self._measured.append((measured, settings))
        self._bytes += sum(len(part or b"") for part in vars(measured.pictures).values())
        if self._bytes > MOST_WAITING or time.monotonic() - self._last > BREATH:
            self.flush()

    def touch(self, slots: Iterable[tuple[int, int]]) -> None:
        """Note that these slots, each with the day it was last used, were used today: pruning spares them."""
        query = "UPDATE measured SET used = ? WHERE slot = ?"
        self._waiting.extend((query, (self._today, slot)) for slot, used in slots if used < self._today)
        self.flush()

    def flush(self) -> None:
        """Make everything so far visible to others and safe from a kill, in one short transaction."""
        if self._waiting or self._measured:
            with _clear(self.folder):
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    self._write()
                    self._db.execute("COMMIT")
                except BaseException:
                    if self._db.in_transaction:
                        self._db.execute("ROLLBACK")
                    raise
        self._waiting, self._measured = [], []
        self._bytes, self._last = 0, time.monotonic()

    def _write(self) -> None:
        for query, values in self._waiting:
            self._db.execute(query, values)
        for measured, settings in self._measured:
            self._write_measured(measured, settings)
        # thumbnails first: after a power cut no row may point at one that never reached the disk
        os.fsync(self._thumbs)

    def _write_measured(self, measured: Measured, settings: bytes) -> None:
        facts = json.dumps(measured.facts)
        row = (bytes.fromhex(measured.sha256), settings, measured.reason, measured.detail, facts, self._today)
        columns = "sha256, settings, reason, detail, facts, used"
        cursor = self._db.execute(
            f"INSERT INTO measured({columns}) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", row
        )
        if cursor.rowcount == 0:
            return
        slot = cursor.lastrowid or 0
        pictures = measured.pictures
        # replace: a pruned slot may come again
        self._db.execute(
            "INSERT OR REPLACE INTO pictures VALUES (?, ?, ?, ?)",
            (slot, pictures.colour, pictures.alpha, pictures.context),
        )
        os.pwrite(self._thumbs, measured.thumb or bytes(THUMB_BYTES), slot * THUMB_BYTES)

    def rows(self, hashes: Sequence[str | None], settings: bytes) -> Iterator[Row | None]:
        """The rows of these photos, in this order; None for one that is not known."""
        self.flush()
        query = "SELECT slot, facts, reason, detail, used FROM measured WHERE sha256 = ? AND settings = ?"
        with _clear(self.folder):
            for sha in hashes:
                found = self._db.execute(query, (bytes.fromhex(sha), settings)).fetchone() if sha else None
                yield found and _row(*found)

    def knows(self, sha256: str, settings: bytes) -> bool:
        """Whether this photo was measured with these settings."""
        with _clear(self.folder):
            return _knows(self._db, sha256, settings)

    def thumbs(self) -> NDArray[np.uint8]:
        """All thumbnails, uint8 (slots, 64, 64, 3), mapped into memory and read only where they are looked at."""
        import numpy as np  # `doctor` and `cache` need no arrays

        self.flush()
        length = os.fstat(self._thumbs).st_size // THUMB_BYTES * THUMB_BYTES
        if not length:
            return np.zeros((0, THUMB, THUMB, 3), np.uint8)
        mapped = mmap.mmap(self._thumbs, length, access=mmap.ACCESS_READ)
        return np.frombuffer(mapped, np.uint8).reshape(-1, THUMB, THUMB, 3)

    def second_looks(self, name: str) -> Mapping[str, NDArray[Any]]:
        """The arrays kept under a name; none where nothing is, or what is there is damaged."""
        import numpy as np

        try:
            with np.load(self._looks(name), allow_pickle=False) as arrays:
                return {key: arrays[key] for key in arrays.files}
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
            return {}

    def keep_second_looks(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep arrays under a name; the last writer wins, and whichever wins only spares time."""
        import numpy as np

        with files.written(self._looks(name)) as file:
            np.savez(file, **dict[str, Any](arrays))

    def _looks(self, name: str) -> Path:
        return self.folder / f"{LOOKS}{name}.npz"


class Reader:
    """Reads pictures and knows hashes, for the workers; opened once per process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with _clear(folder):
            self._db = _connect(folder / database_name())

    def close(self) -> None:
        """Let go of the folder."""
        self._db.close()

    def pictures(self, slot: int) -> Pictures:
        """The encoded pictures in one slot."""
        with _clear(self.folder):
            row = self._db.execute("SELECT colour, alpha, context FROM pictures WHERE slot = ?", (slot,)).fetchone()
        if row is None:
            raise RunError(f"the cache {self.folder} lost a picture while we used it; run again")
        return Pictures(*row)

    def knows(self, sha256: str, settings: bytes) -> bool:
        """Whether this photo was measured with these settings."""
        with _clear(self.folder):
            return _knows(self._db, sha256, settings)

    def context(self, sha256: str) -> bytes | None:
        """A JPEG of the whole photo with this hash, whatever it was measured with; None where it was not."""
        query = (
            "SELECT COALESCE(context, colour) FROM measured JOIN pictures USING (slot) "
            "WHERE sha256 = ? AND COALESCE(context, colour) IS NOT NULL ORDER BY context IS NULL, slot LIMIT 1"
        )
        with _clear(self.folder):
            row = self._db.execute(query, (bytes.fromhex(sha256),)).fetchone()
        return row[0] if row else None


@lru_cache(maxsize=1)
def reader(folder: Path) -> Reader:
    """This process's reader of a cache."""
    return Reader(folder)


@dataclass(frozen=True)
class Size:
    """How much a cache holds."""

    photos: int
    bytes: int


def size_of(folder: Path) -> Size:
    """Photos and bytes in a cache; zero where there is none."""
    parts = [path for path in folder.glob("*") if path.is_file()]
    database = folder / database_name()
    photos = 0
    if database.exists():
        with _clear(folder), contextlib.closing(_connect(database)) as db:
            if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'measured'").fetchone():
                photos = db.execute("SELECT COUNT(*) FROM measured").fetchone()[0]
    return Size(photos, sum(part.stat().st_blocks * 512 for part in parts))


def prune(folder: Path, older_than_days: int) -> int:
    """Forget photos that no build used for that many days, and give their space back; how many were forgotten.

    Raises:
        UsageError: there is no cache there.
        RunError: a build is using it.
    """
    if not (folder / database_name()).exists():
        raise UsageError(f"there is no cache in {folder}")
    lock = _locked(folder, fcntl.LOCK_EX)
    try:
        with _clear(folder), contextlib.closing(_connect(folder / database_name())) as db:
            latest = int(time.time() // 86400) - older_than_days
            forgotten = db.execute("DELETE FROM measured WHERE used <= ?", (latest,)).rowcount
            db.execute("DELETE FROM pictures WHERE slot NOT IN (SELECT slot FROM measured)")
            db.execute("DELETE FROM files WHERE sha256 NOT IN (SELECT sha256 FROM measured)")
            last = db.execute("SELECT COALESCE(MAX(slot), -1) FROM measured").fetchone()[0]
            db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            _forget_files(folder, latest)
            with (folder / thumbs_name()).open("r+b") as thumbs:
                thumbs.truncate(min((last + 1) * THUMB_BYTES, (folder / thumbs_name()).stat().st_size))
        return forgotten
    finally:
        os.close(lock)


def _forget_files(folder: Path, latest: int) -> None:
    """Remove what second looks measured for heaps that were not built lately, and what older versions left."""
    own = (database_name(), thumbs_name(), LOOKS)
    for pattern in ("cache-*.sqlite*", "thumbs-*.u8", "looks-*.npz"):
        for path in folder.glob(pattern):
            old = path.stat().st_mtime // 86400 <= latest
            if not path.name.startswith(own) or (path.name.startswith(LOOKS) and old):
                path.unlink(missing_ok=True)


def database_name() -> str:
    """The file with the tables."""
    return f"cache-{LAYOUT}.sqlite"


def thumbs_name() -> str:
    """The file with the thumbnails, slot after slot."""
    return f"thumbs-{LAYOUT}.u8"


def _knows(db: sqlite3.Connection, sha256: str, settings: bytes) -> bool:
    query = "SELECT 1 FROM measured WHERE sha256 = ? AND settings = ?"
    return db.execute(query, (bytes.fromhex(sha256), settings)).fetchone() is not None


def _row(slot: int, facts: str, reason: str | None, detail: str, used: int) -> Row:
    return Row(slot, json.loads(facts), Reason(reason) if reason else None, detail, used)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=WAIT, isolation_level=None)
    # 16 KB pages: cutouts of 20 to 80 KB lie in few of them
    for pragma in ("page_size = 16384", "journal_mode = WAL", "synchronous = NORMAL", "temp_store = MEMORY"):
        db.execute(f"PRAGMA {pragma}")
    return db


def _locked(folder: Path, kind: int) -> int:
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        other = "a build is using" if kind == fcntl.LOCK_EX else "somebody is pruning"
        raise RunError(f"{other} the cache {folder}; try again when it is done") from error
    return handle


@contextlib.contextmanager
def _clear(folder: Path) -> Iterator[None]:
    """Say in one line what is wrong with the cache."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if "full" in str(error):
            raise RunError(f"the disk of the cache {folder} is full; free some space and run again") from error
        if "readonly" in str(error) or "unable to open" in str(error):
            raise UsageError(f"cannot write to the cache {folder}: {error}; choose another with --cache") from error
        if "malformed" in str(error) or "not a database" in str(error):
            raise UsageError(f"the cache {folder} is damaged: remove it, it only costs measuring again") from error
        raise RunError(f"the cache {folder} failed: {error}") from error
    except OSError as error:
        raise files.writing_error(folder, error) from error
