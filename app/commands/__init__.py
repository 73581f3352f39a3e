"""The commands of the command line, one file a stage; each calls a use case and says what came of it."""
