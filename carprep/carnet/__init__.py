"""How the bundled network is made: labels, data, network, training, evaluation, export. Not needed to run it."""

import sys
from importlib.util import find_spec

from carprep.errors import UsageError

if find_spec("torch") is None:
    needed = 'carprep.carnet makes networks with torch: pip install "carprep[train]"'
    if sys.argv[:1] == ["-m"]:  # python -m carprep.carnet.train: one line is enough
        sys.stderr.write(f"{needed}\n")
        sys.exit(2)
    raise UsageError(needed)
