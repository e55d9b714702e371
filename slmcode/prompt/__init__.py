"""Text in, tokens out. Pure: no clock, no randomness, no cache of results."""
