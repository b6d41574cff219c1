"""What our site adds to Sphinx: sections, the reference, drawings, a check of its links."""
