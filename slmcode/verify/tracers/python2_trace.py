"""Runs a Python 2 program and writes which of its lines it executed; by Python 2.7 itself.

    python2.7 python2_trace.py PROGRAM ARGUMENT...

Two lines to the file of $SLMCODE_TRACE: all lines with statements, all pairs of lines seen.
"""

# mypy: ignore-errors
import os
import sys

MAIN = sys.argv[1]
ARCS = {}


def _lines(code, found):
    at = code.co_firstlineno
    for n in range(1, len(code.co_lnotab), 2):
        at += ord(code.co_lnotab[n])
        found.add(at)
    if code.co_name == "<module>":
        found.add(code.co_firstlineno)
    for one in code.co_consts:
        if isinstance(one, type(code)):
            _lines(one, found)
    return found


def _trace(frame, event, argument):
    if frame.f_code.co_filename != MAIN:
        return None
    last = [0]

    def local(frame, event, argument):
        if event == "line":
            ARCS[last[0] * 1000000 + frame.f_lineno] = True
            last[0] = frame.f_lineno
        return local

    return local


def _main():
    del sys.argv[0]
    sys.path[0] = os.path.dirname(MAIN)
    with open(MAIN) as source:
        code = compile(source.read(), MAIN, "exec")
    names = {"__name__": "__main__", "__file__": MAIN, "__builtins__": __builtins__}
    sys.settrace(_trace)
    exec(code, names)


def _write():
    sys.settrace(None)
    with open(MAIN) as source:
        every = _lines(compile(source.read(), MAIN, "exec"), set())
    with open(os.environ["SLMCODE_TRACE"], "w") as out:
        out.write(" ".join(map(str, sorted(every))) + "\n")
        out.write(" ".join(map(str, sorted(ARCS))) + "\n")


if __name__ == "__main__":
    import atexit

    atexit.register(_write)
    _main()
