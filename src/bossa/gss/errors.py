"""The one exception by which a context or a message is refused.  RFC 2743 §1.2.1.1, RFC 2744 §3.9.1

The major status says what kind of refusal it is, ``words`` says so for
anybody; the reason is for the log; ``token``, where there is one, goes to the
peer.
"""

from __future__ import annotations

from enum import IntEnum


class Major(IntEnum):
    """Major status codes as C has them.  RFC 2744 §3.9.1"""

    DUPLICATE_TOKEN = 1 << 1
    OLD_TOKEN = 1 << 2
    GAP_TOKEN = 1 << 4
    BAD_MECH = 1 << 16
    BAD_NAME = 2 << 16
    BAD_BINDINGS = 4 << 16
    BAD_MIC = 6 << 16
    NO_CRED = 7 << 16
    NO_CONTEXT = 8 << 16
    DEFECTIVE_TOKEN = 9 << 16
    DEFECTIVE_CREDENTIAL = 10 << 16
    CREDENTIALS_EXPIRED = 11 << 16
    CONTEXT_EXPIRED = 12 << 16
    FAILURE = 13 << 16


_WORDS = {
    Major.DUPLICATE_TOKEN: "the token is a duplicate",
    Major.OLD_TOKEN: "the token is too old",
    Major.GAP_TOKEN: "a token is missing",
    Major.BAD_MECH: "no mechanism in common",
    Major.BAD_NAME: "the name is not valid",
    Major.BAD_BINDINGS: "the channel bindings do not match",
    Major.BAD_MIC: "the signature does not match",
    Major.NO_CRED: "no credentials",
    Major.NO_CONTEXT: "no context",
    Major.DEFECTIVE_TOKEN: "the token is defective",
    Major.DEFECTIVE_CREDENTIAL: "the credential is defective",
    Major.CREDENTIALS_EXPIRED: "the credentials have expired",
    Major.CONTEXT_EXPIRED: "the context has expired",
    Major.FAILURE: "authentication failed",
}


class GssError(Exception):
    """We refuse: the major status, the reason for the log, and the token for the peer."""

    def __init__(self, major: Major, reason: str, *, token: bytes = b"") -> None:
        super().__init__(f"{major.name}: {reason}")
        self.major = major
        self.reason = reason
        self.token = token

    @property
    def words(self) -> str:
        """What anybody may read."""
        return _WORDS[self.major]
