"""The log and the metrics: ``from bossa.observe import log, metrics``."""
