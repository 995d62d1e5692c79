"""Worker processes for any protocol: a pool of them, what they are told, and the loop that they run."""
