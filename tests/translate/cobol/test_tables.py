"""INITIALIZE and SEARCH, as cobc does them."""

from __future__ import annotations

from pathlib import Path

from tests.translate.cobol.both import translated
from tests.translate.cobol.folders import same

INITIALIZE = """\
identification division.
program-id. s.
data division.
working-storage section.
01 t. 02 r occurs 10 ascending key k descending key m indexed by ix. 03 k pic 9(3). 03 m pic
  x(2).
01 g. 02 ga pic x(3) value "abc". 02 filler pic x(3) value "fil". 02 gb pic 9(3) value 7. 02 gc
  redefines gb pic x(3).
   02 gd pic zz9 value "  5". 02 ge occurs 3. 03 gf pic x value "q". 03 gg pic 9 value 3. 02 gh
     pic x(4) justified value "x".
   02 gi comp-2. 02 gj pic s9(3) comp-3 value 5. 02 gk pic xbx value "a b". 02 gl usage index.
     02 gm pic a(3) value "ABC".
01 h. 02 ha pic x(3) value "abc". 02 filler pic x(3) value "fil". 02 hb pic x(2) value "de".
01 n pic 99.  01 o. 02 oc pic 99 value 2. 02 ot pic x occurs 1 to 5 depending on oc value "z".
procedure division.
    search all r when k(ix) = 5 and m(ix) = "ab" display "found" end-search.
    initialize g. display "[" g "]".
    initialize h. display "[" h "]".
    move all "x" to h. initialize h with filler. display "[" h "]".
    move all "9" to g initialize g replacing numeric data by 5 alphanumeric data by "k".
      display "[" g "]".
    move all "9" to g initialize g replacing alphabetic data by "k" numeric-edited by 7.
      display "[" g "]".
    move all "9" to g initialize g all to value. display "[" g "]".
    move all "9" to g initialize g numeric to value. display "[" g "]".
    move all "9" to g initialize g numeric to value then replacing numeric by 3 alphanumeric by
      "z" then to default. display "[" g "]".
    move all "9" to g initialize g alphanumeric to value then to default. display "[" g "]".
    initialize ga gb. initialize ge(2). display "[" g "]".
    initialize o. display "[" oc "]" . move 5 to oc. display o.
    initialize gc. initialize ga(1:2). display g.
    stop run.
"""


def test_initialize(tmp_path: Path) -> None:
    same(tmp_path, INITIALIZE)


def test_native_tables(tmp_path: Path) -> None:
    source = """\
identification division.
program-id. p.
data division. working-storage section.
01 t. 02 r occurs 3 indexed by ix. 03 a pic 9(3) value 7. 03 b pic x(3) value "abc".
  03 c pic 9v9 occurs 2 value 1.5.
01 u. 02 v pic 9(2) occurs 4.
01 i pic 9. 01 n pic 9(3).
procedure division.
    perform varying i from 1 by 1 until i > 3 compute a(i) = 10 - i end-perform.
    sort r ascending a. perform varying i from 1 by 1 until i > 3 display a(i) b(i) c(i 2)
      end-perform.
    initialize r(2). initialize u. perform varying i from 1 by 1 until i > 3
      display a(i) b(i) c(i 1) v(i) end-perform.
    initialize t replacing numeric data by 4. display a(3) b(1) c(1 1).
    set ix to 1. search r at end display "none" when a(ix) = 4 display "found " b(ix) end-search.
    perform varying i from 1 by 1 until i > 4 compute v(i) = function mod(i * 3 4) end-perform.
    sort v descending. display v(1) v(2) v(3) v(4). stop run.
"""
    same(tmp_path, source)
    text = translated(source)
    assert "self.v.sort(reverse=True)" in text
    assert "self.r.sort(key=lambda row: row.a)" in text


def test_leaving_a_loop_from_a_phrase(tmp_path: Path) -> None:
    source = """\
identification division.
program-id. p.
data division. working-storage section.
01 t. 02 r occurs 5 indexed by ix. 03 a pic 9.
01 i pic 9.
procedure division.
    perform varying i from 1 by 1 until i > 5 move i to a(i) end-perform.
    perform varying i from 1 by 1 until i > 9 set ix to 1
      search r at end exit perform when a(ix) = i display "hit " i end-search
    end-perform. display i. stop run.
"""
    same(tmp_path, source)
