"""COBOL to Python.

    text -> source (format, COPY, directives) -> lexer -> parser -> tree
         -> layout (pictures, bytes, storage) + flow (paragraphs, jumps) -> emit -> Python text

The result runs with `slmcode_runtime`, a small package that users may ship with it.
"""
