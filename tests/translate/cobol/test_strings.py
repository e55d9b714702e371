"""STRING, UNSTRING and INSPECT in whole programs, against cobc."""

from __future__ import annotations

from pathlib import Path

from tests.translate.cobol.both import same

PROGRAM = """
identification division. program-id. s. data division. working-storage section.
01 x pic x(10). 01 y pic x(4). 01 z pic x(4). 01 p pic 99. 01 t pic 99. 01 d1 pic x(3). 01 c1
 pic 99. 01 n pic 9(3). 01 e pic zz9. 01 s3 pic s9(3).
01 src pic x(20).
01 r3 pic x(3) justified right.
procedure division.
 move all "." to x. string "abc" delimited by size "d ef" delimited by space into x. display x.
 move 3 to p. move all "." to x. string "abcdefghijk" delimited by size into x with pointer p
 on overflow display "ovf" not on overflow display "ok". display x p.
 move 0 to p. string "a" delimited by size into x pointer p on overflow display "ovf". display
 x p.
 move 12 to n. move all "." to x. string n delimited by size "x" delimited by "x" "q"
 delimited by size into x. display x.
 move "ab,cd;;ef" to src. unstring src delimited by "," or all ";" into y delimiter in d1
 count in c1 z x tallying in t on overflow display "ovf" not on overflow display "ok"
 end-unstring. display y "|" z "|" x "|" d1 "|" c1 "|" t.
 move 1 to p move 0 to t. move "a b  c" to src. unstring src delimited by space into y z x
 with pointer p tallying t on overflow display "ovf". display y "|" z "|" x "|" p t.
 unstring src delimited by all space into y z x. display y "|" z "|" x.
 move "12345678" to src. unstring src into y z n. display y "|" z "|" n.
 move "1,-22,3.5,x" to src. unstring src delimited by "," into n s3 e r3. display n "|" s3 "|"
 e "|" r3.
 move "ab" to src. move 30 to p. unstring src delimited by "," into y pointer p on overflow
 display "ovf". display p.
 move "a,,b" to src. move all "?" to d1 z. unstring src delimited by "," into y delimiter d1
 count c1 z delimiter d1 count t. display y "|" z "|" d1 "|" c1 t.
 move "a" to src. unstring src(1:1) delimited by "," into y delimiter d1 count c1. display "["
 d1 "]" c1.
 move "aXYbXc" to src. unstring src delimited by "X" or "XY" into y delimiter d1 z x. display
 y "|" z "|" x "|" d1.
 move "aXYbXc" to src. unstring src delimited by "XY" or "X" into y delimiter d1 z x. display
 y "|" z "|" x "|" d1.
 move zero to t. move "aabbaacc" to src. inspect src tallying t for all "aa" before "c".
 display t.
 move 0 to t p c1. inspect src tallying t for leading "a" p for characters before "c" c1 for
 all "b" after "a". display t p c1.
 move 0 to t. inspect src tallying t for all "a" all "b". display t.
 move 0 to t. inspect src tallying t for characters. display t.
 move 0 to t. inspect src tallying t for trailing " ". display t.
 inspect src replacing all "a" by "x" first "b" by "y". display src.
 inspect src replacing characters by "z" before "c". display src.
 move "aabbaacc" to src. inspect src replacing leading "a" by "Q" all "a" by "R" trailing " "
 by "-". display src.
 move "aabbaacc" to src. inspect src replacing all "ab" by "XY" all "aa" by "ZZ". display src.
 move "aaa" to src. inspect src replacing all "aa" by "bb". display src.
 move "aabbaacc" to src. inspect src converting "abc" to "xyz" after "b" before "c". display
 src.
 move "aabbaacc" to src. inspect src converting "aba" to "xyz". display src.
 move -123 to s3. inspect s3 replacing all "1" by "9". display s3. move 0 to t. inspect s3
 tallying t for all "3". display t.
 move "a.b.c" to src. inspect src replacing all "." by space. display src. inspect src
 replacing first "b" by "-" after initial "c". display src.
 move "hello" to src. move 0 to t. inspect src tallying t for characters after "l" before "o"
 replacing all "l" by "L". display src t.
 move "abcabc" to src. inspect src tallying t for all "b" after initial "c" before initial
 "c". display t.
 move 0 to t. inspect src tallying t for all "a" before "zz". display t. inspect src replacing
 all low-value by space. move 0 to t. inspect src tallying t for leading spaces. display t.
 move "abcabc" to src. inspect src replacing all "a" by "b", "b" by "a". display src.
 move "xabab" to src. move 0 to t. inspect src tallying t for leading "ab" after "x". display
 t.
 move "00120" to src. move 0 to t. inspect src tallying t for leading zeros. display t.
 inspect src replacing leading zeros by spaces. display src.
stop run.
"""


def test_strings(tmp_path: Path) -> None:
    same(tmp_path, PROGRAM)
