"""What a check says: reports, failures that name themselves, tests to paste."""
