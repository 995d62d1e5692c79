"""Tells who asked, within this process, what was committed.

Subscribers of a scope are called on the event loop, after the commit, in the
order of the revisions, and before whoever made the change goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bossa.store.operations import Changed

Subscriber = Callable[[Changed], None]


class Feed:
    """Who wants to hear of which scope."""

    def __init__(self) -> None:
        self._subscribers: dict[str, list[Subscriber]] = {}

    def subscribe(self, scope: str, subscriber: Subscriber) -> Callable[[], None]:
        """Have ``subscriber`` called with every change of a scope; the returned function ends that."""
        self._subscribers.setdefault(scope, []).append(subscriber)

        def unsubscribe() -> None:
            self._subscribers[scope].remove(subscriber)

        return unsubscribe

    def publish(self, changes: Iterable[Changed]) -> None:
        """Call the subscribers; for the engine."""
        for change in changes:
            for subscriber in tuple(self._subscribers.get(change.scope, ())):
                subscriber(change)
