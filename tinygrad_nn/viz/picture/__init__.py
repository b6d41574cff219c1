"""A view of a trace as a picture: its boxes, their places, and the texts of SVG, DOT and words."""
