"""The parts that run beside requests: context, streams, password threads, limits, maintenance."""
