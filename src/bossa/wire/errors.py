"""The one error of every decoder: bytes that are not of the specification's shape."""


class WireError(ValueError):
    """Bytes not of the specified shape; the text names the field and the numbers."""
