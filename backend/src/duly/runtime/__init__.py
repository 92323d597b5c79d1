"""What runs beside requests: the context, streams, password threads, limits, housekeeping."""
