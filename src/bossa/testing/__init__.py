"""Whole domains for tests: the pytest fixtures of :mod:`bossa.testing.plugin`, and what the project's own tests need.

Public are the fixtures ``domain``, ``shared_domain`` and ``domain_factory``, and
:class:`bossa.testing.domain.Domain`, which works without pytest too.
"""
