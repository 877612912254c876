"""Where the sample configuration is: beside the sources, or where the distribution has put it."""

import sys
from pathlib import Path

_BESIDE = Path(__file__).parent.parent / "config"
CONFIG = _BESIDE if _BESIDE.is_dir() else Path(sys.prefix) / "share" / "etclane" / "config"
