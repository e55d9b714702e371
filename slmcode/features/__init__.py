"""What the user sees, without an editor: usable from a test, the CLI or a benchmark."""
