"""bossa.toml, the BOSSA_* variables and flags, as frozen settings."""

from bossa.config.errors import ConfigError, Problem
from bossa.config.kinds import Endpoint
from bossa.config.load import find, load
from bossa.config.settings import Change, Difference, Row, Settings

__all__ = ["Change", "ConfigError", "Difference", "Endpoint", "Problem", "Row", "Settings", "find", "load"]
