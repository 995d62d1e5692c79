"""Kerberos: names, messages, tickets and who may have which.  RFC 4120 and those that extend it."""
