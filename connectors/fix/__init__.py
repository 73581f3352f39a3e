"""How do orders reach a custodian? FIX 4.4 messages, files and a live session."""
