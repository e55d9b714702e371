"""What the workspace contains: found, read, stored, kept up to date, and asked."""
