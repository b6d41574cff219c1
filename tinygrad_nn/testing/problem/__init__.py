"""What is checked: a function with what is claimed to be its gradient, called with care."""
