"""bossa: names, tickets, files and folders of a small domain in one program."""

__version__ = "0.1.0"
