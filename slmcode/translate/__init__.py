"""Legacy text in, faithful text in a modern language out. By rules only, and pure: no model, no
process, no clock. What cannot be translated is refused with its line and name, never guessed.
"""
