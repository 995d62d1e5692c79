"""The web port: one status page, the metrics, and a health check."""
