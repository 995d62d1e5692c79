"""The name server's processes and sockets: all that knows asyncio."""
