"""Recurring tasks: rules, their dates, occurrences and time zones, as pure functions."""
