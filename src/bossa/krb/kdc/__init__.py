"""The key distribution centre: two exchanges, decided without clock, socket or database."""
