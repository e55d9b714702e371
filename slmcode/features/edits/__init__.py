"""Code that is changed on request, and never shown unchecked."""
