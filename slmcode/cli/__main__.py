"""`python -m slmcode.cli`, the same as `slmcode`."""

from slmcode.cli import main

main()
