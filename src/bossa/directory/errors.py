"""What a change of the realm is refused with."""

from __future__ import annotations


class ChangeRefused(Exception):
    """The realm does not take a change: ``reason`` is for whoever asked for it, ``fix`` for who does so by commands."""

    def __init__(self, reason: str, fix: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.fix = fix


class PasswordRefused(ChangeRefused):
    """A password does not follow the policy."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, "choose another password, or give none to have one made")
