"""Refactorings of Python by rope, each result checked before anyone sees it.

rope runs in a process of its own (`worker`), spoken to by `client`. It reads texts that we give it
(`workspace`) and never writes. What it proposes is judged by analyses of our own (`names`, `flow`),
which know nothing of rope: a result that they cannot prove to mean the same is refused.
"""
