"""The update tester's side of DNS: it finds a zone's primary, signs, updates, reads back, and says what went wrong.

Nothing here does input or output: each part is a generator that yields what
to send, is sent the answer, and returns what it found or raises a `Fault`.
"""
