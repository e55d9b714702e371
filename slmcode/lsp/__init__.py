"""The editor's side: LSP, pygls and lsprotocol are known here and nowhere else."""
