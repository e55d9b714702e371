"""slmcode: a coding assistant that lives in the editor and runs on the user's own CPU."""

__version__ = "0.1.0"
