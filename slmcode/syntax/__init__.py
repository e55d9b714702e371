"""What a text looks like to its language: trees, scopes, blocks. UTF-8 bytes stop here."""
