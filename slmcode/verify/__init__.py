"""Checking what is proposed: project code runs in a sandbox, other tools are asked again.

view     what a command may see of this machine, and its environment
keeper   a process of its own that makes the sandbox, holds the limits and cleans up
sandbox  starts a keeper and waits for its answer
testrun  a test command run in the sandbox, the failing tests by name

Is a translation proved?

toolchains    compilers and interpreters: found, tried, used
programs      a program built and run on many inputs in one sandbox, by `program_driver`
shapes        lines, fields and counts of a text input; `variants` makes others of that shape
inputs        further inputs, chosen by the branches of the original they reach
coverage      how much of the original that is
differential  original and translation compared: the verdict, and the smallest input that differs
"""
