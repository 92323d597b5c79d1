"""`make bench`: measure Duly beside other systems, and write docs/performance.md."""
