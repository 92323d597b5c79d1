"""What every owned resource can do, written once; `services` adds the rules of each type."""
