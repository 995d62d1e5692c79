"""Accounts, groups and trusts of a realm: what they are, how they are kept in memory, and what changes them."""
