"""Scene, places and texts of static pictures: SVG, DOT, plain text, and through `dot` PNG and PDF."""
