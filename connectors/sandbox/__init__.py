"""Who answers when no vendor is at hand? Stand-in servers that the demo and the tests talk to over real connections."""
