"""Tokens in, tokens out. Everything that touches llama.cpp is in this package."""
