"""Small models reach a known loss."""
