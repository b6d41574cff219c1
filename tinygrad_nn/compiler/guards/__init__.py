"""What must be as it was at the capture for a program to be run."""
