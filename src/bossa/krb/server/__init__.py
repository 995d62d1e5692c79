"""The KDC's processes and sockets: workers that issue tickets, and the owner who counts, logs and changes."""
