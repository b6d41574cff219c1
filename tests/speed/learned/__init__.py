"""Networks that learn: what accuracy they reach, and how long they take."""
