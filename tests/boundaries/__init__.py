"""Attacks on what must not be crossed: secrets, the socket, the workspace, the model's answers."""
