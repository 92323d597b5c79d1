"""The operations of every owned resource; `services` adds the rules of each type."""
