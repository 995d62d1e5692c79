from __future__ import annotations

import pytest

from bossa.crypto.nfold import n_fold

# RFC 3961 A.1, in its order; then two of those that MIT keeps.
FOLDS = [
    ("012345", 8, "be072631276b1955"),
    ("password", 7, "78a07b6caf85fa"),
    ("Rough Consensus, and Running Code", 8, "bb6ed30870b7f0e0"),
    ("password", 21, "59e4a8ca7c0385c3c37b3f6d2000247cb6e6bd5b3e"),
    ("MASSACHVSETTS INSTITVTE OF TECHNOLOGY", 24, "db3b0d8f0b061e603282b308a50841229ad798fab9540c1b"),
    ("Q", 21, "518a54a2 15a8452a 518a54a2 15a8452a 518a54a2 15"),
    ("ba", 21, "fb25d531 ae897449 9f52fd92 ea9857c4 ba24cf29 7e"),
    ("kerberos", 8, "6b657262 65726f73"),
    ("kerberos", 16, "6b657262 65726f73 7b9b5b2b 93132b93"),
    ("kerberos", 21, "8372c236 344e5f15 50cd0747 e15d62ca 7a5a3bce a4"),
    ("kerberos", 32, "6b657262 65726f73 7b9b5b2b 93132b93 5c9bdcda d95c9899 c4cae4de e6d6cae4"),
    ("basch", 24, "1aab6b42964b98b21f8cde2d2448ba3455d7862c9731643f"),
    ("eichin", 24, "656963 68696e4b 732b4b1b 43da1a5b 995a58d2 c6d0d2dc ca"),
    ("sommerfeld", 24, "2f7a98557c6ee4abadf4e71192dd442bd4ff5325a5def75c"),
]


@pytest.mark.parametrize(("text", "size", "folded"), FOLDS)
def test_folds_of_the_specification(text: str, size: int, folded: str) -> None:
    assert n_fold(text.encode(), size) == bytes.fromhex(folded)


def test_nothing_folds_to_nothing_and_all_ones_to_all_ones() -> None:
    assert n_fold(bytes(3), 4) == bytes(4)
    assert n_fold(b"\xff" * 3, 4) == b"\xff" * 4
