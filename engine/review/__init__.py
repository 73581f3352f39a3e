"""Is it right, and who agrees? The second checker, comparison, and edits with their price."""
