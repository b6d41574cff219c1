"""Pages: self-contained HTML files without network."""
