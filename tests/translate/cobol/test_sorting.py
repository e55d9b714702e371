"""SORT and MERGE of files and tables, as cobc does them."""

from __future__ import annotations

from pathlib import Path

from tests.translate.cobol.folders import same

SORTS = """\
identification division.
program-id. j.
environment division. input-output section. file-control.
    select a assign "ja.txt" organization line sequential.
    select b assign "jb.txt" organization line sequential.
    select c assign "jc.txt" organization line sequential.
    select m assign "jm.txt" organization line sequential.
    select e assign "je.txt" organization line sequential file status fs.
    select s assign "s".
data division. file section.
fd a. 01 ar. 02 ak pic 9(3). 02 an pic x(4).
fd b. 01 br pic x(7).
fd c. 01 cr pic x(7).
fd m. 01 mr pic x(7).
fd e. 01 er pic x(7).
sd s. 01 sr. 02 sk pic 9(3). 02 sn pic x(4).
working-storage section. 01 fs pic xx. 01 eof pic 9 value 0. 01 i pic 99. 01 w pic x(7).
01 t1. 02 te pic 9(3) occurs 5.
01 t2. 02 tr occurs 4 ascending key tk descending tn indexed by ix. 03 tk pic 9. 03 tn pic x.
01 t3. 02 t3r occurs 4. 03 t3k pic 9. 03 t3n pic x.
01 t3x redefines t3 pic x(8).
01 t4 value "dbac". 02 t4e pic x occurs 4.
01 lk. 02 lt occurs 10 indexed by lx. 03 lkey pic 9(3). 03 lval pic x(3).
01 status-word pic 9. 88 is-on value 1 when set to false is 0. 88 is-two value 2 thru 5.
77 nn pic s9(4) comp-3. 77 v1 pic s9(3)v99 value -1.5. 77 c1 comp-1 value 2.5. 77 sl pic s9(3)
  sign trailing separate value -4. 77 lead pic s9(3) sign leading value -7.
procedure division.
decl-free section.
p1.
    open output a. move 300 to ak move "c" to an write ar. move 100 to ak move "a" to an write
      ar move 200 to ak move "b" to an write ar move 100 to ak move "z" to an write ar close a.
    sort s on ascending key sk using a giving b.
    sort s on descending key sk ascending key sn using a giving c m.
    sort s descending sk with duplicates input procedure inp thru inp-end output procedure outp.
    merge s ascending sk using b a giving m.
    open input m perform until eof = 1 read m into w at end move 1 to eof not at end display
      "m " w end-read end-perform close m.
    open input e. display fs. read e at end display "never" end-read. display fs.
    move 5 to te(1) move 3 to te(2) move 9 to te(3) move 1 to te(4) move 4 to te(5).
    sort te ascending. display t1. sort te descending key te. display t1.
    move "2a1b2c1a" to t2. sort tr ascending tk descending tn. display t2. sort tr descending
      tk. display t2.
    move "2a1b2c1a" to t3. sort t3r ascending t3k descending t3n. display t3. sort t4e
      ascending. display t4.
    perform varying i from 1 by 1 until i > 10 compute lkey(i) = i * 10 move "v" to lval(i)
      end-perform.
    set lx to 1 search lt at end display "none" when lkey(lx) = 50 display "at " lkey(lx) when
      lkey(lx) = 70 display "70" end-search.
    set i to lx display i. set lx up by 2 set lx down by 1. search lt when lkey(lx) = 10
      display "no" end-search. set i to lx display i.
    set lx to 1 search lt varying i at end display "end " i when lkey(lx) > 990 continue
      end-search.
    initialize lk move 50 to lkey(5) move 50 to i set lx to 3 search lt varying i when lkey(lx)
      = 50 display i end-search move 70 to i search lt varying i when lkey(lx) = 50 display i
      end-search.
    move 10 to tk(1). move "1a1b2a2c" to t2. search all tr at end display "miss" when tk(ix) =
      2 and tn(ix) = "c" display "hit " tn(ix) end-search.
    search all tr at end display "miss" when tk(ix) = 7 and tn(ix) = "c" display "hit "
      end-search.
    set is-on to true display status-word. set is-on to false display status-word. set is-two
      to true display status-word.
    initialize lk. display "[" lk "]". initialize nn v1 replacing numeric by 5. display nn v1
      c1 sl lead.
    perform varying i from 1 by 1 until i > 3 set lx to 1 search lt at end exit perform when
      lkey(lx) = 0 continue end-search end-perform. display i.
    stop run.
inp. move 7 to sk move "x" to sn release sr. move "008y" to w release sr from w. move "007q" to
  w.  release sr from w.
inp-end. continue.
outp. move 0 to eof. perform until eof = 1 return s into w at end move 1 to eof not at end
  display "o " w sk end-return end-perform. move 0 to eof.
"""


def test_sorts_searches_and_conditions(tmp_path: Path) -> None:
    same(tmp_path, SORTS)


def test_keys_that_are_numbers_are_compared_as_numbers(tmp_path: Path) -> None:
    source = """\
identification division.
program-id. p.
environment division. input-output section. file-control.
    select s assign "s".
data division. file section.
sd s. 01 sr. 02 a pic s9(3). 02 b pic s9(5)v99 comp-3. 02 c pic s9(4) comp.
working-storage section. 01 i pic s99. 01 eof pic 9 value 0.
01 t. 02 r occurs 6. 03 x pic s9(3) comp-3. 03 y pic x.
procedure division.
    sort s ascending a descending b input procedure give output procedure take.
    perform varying i from 1 by 1 until i > 6 compute x(i) = (i - 3) * (5 - i)
      move "q" to y(i) end-perform.
    sort r ascending x. perform varying i from 1 by 1 until i > 6 display x(i) end-perform.
    stop run.
give. perform varying i from -5 by 1 until i > 5
      compute a = function mod(i * 7 4) - 2 compute b = i / 4 move i to c release sr end-perform.
take. perform until eof = 1 return s at end move 1 to eof not at end display a b c end-return
      end-perform.
"""
    same(tmp_path, source)
