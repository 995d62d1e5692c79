"""What runs in a server, a module for each room: its sockets, its state, its start, its part of a reload."""
