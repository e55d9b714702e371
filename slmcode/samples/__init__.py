"""Projects for `slmcode demo`. Read as text, never imported."""
