"""What is kept: the firm, its plans and their states, the outbox and the audit log."""
