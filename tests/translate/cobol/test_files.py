"""Files: the same status, the same bytes on disk and the same end as with cobc."""

from __future__ import annotations

from pathlib import Path

from tests.translate.cobol.folders import build, same

# The four organizations, every operation right and wrong; what FILE STATUS says is printed.
OPERATIONS = """\
identification division.
program-id. f.
environment division. input-output section. file-control.
    select ls assign "ls.txt" organization line sequential file status fs.
    select sq assign "sq.dat" organization sequential file status fs.
    select vq assign "vq.dat" organization sequential file status fs.
    select rl assign "rl.dat" organization relative access dynamic relative key rk file status
      fs.
    select rin assign "in.txt" organization line sequential file status fs.
    select sin assign "insq.dat" organization sequential file status fs.
    select nope assign "nope.txt" organization line sequential file status fs.
    select optional op assign "op.txt" organization line sequential file status fs.
    select pr assign "pr.txt" organization line sequential file status fs.
    select wd assign to mypath organization line sequential file status fs.
data division. file section.
fd ls. 01 lsr pic x(10). 01 lsr2 pic x(4).
fd sq. 01 sqr pic x(5).
fd vq record varying from 1 to 8 depending on vl. 01 vqr pic x(8).
fd rl. 01 rlr pic x(5).
fd rin. 01 rinr pic x(5).
fd sin. 01 sinr pic x(5).
fd nope. 01 nr pic x.
fd op. 01 opr pic x.
fd pr. 01 prr pic x(6).
fd wd. 01 wdr pic x(6).
working-storage section.
01 mypath pic x(40). 01 fs pic xx. 01 vl pic 99. 01 rk pic 9(4). 01 i pic 99.
procedure division.
    open output ls display "o " fs.
    move "abc" to lsr write lsr display "w " fs. move spaces to lsr write lsr. move
      "0123456789" to lsr write lsr. move "wx" to lsr2 write lsr2.
    move x"0001020d0a411b" to lsr write lsr display "ctl " fs. move "end" to lsr write lsr.
      write lsr after advancing 2 lines. write lsr before advancing 1. write lsr after page.
      write lsr before page. write lsr. write lsr after 0. write lsr before 0. write lsr
    close ls display "c " fs. close ls display "c2 " fs.
    open input ls read ls display fs lsr. write lsr display "w on input " fs. open input ls
      display "o2 " fs. close ls.
    open extend ls write lsr from "ext" close ls.
    read ls display "rd closed " fs. write lsr display "wr closed " fs.
    open output sq write sqr from "ab" write sqr from "cdefg" close sq.
    open extend sq write sqr from "hij" close sq.
    open i-o sq read sq move "XXXXX" to sqr rewrite sqr display "rw " fs. rewrite sqr display
      "rw2 " fs. write sqr display "w " fs. read sq read sq read sq display "eof " fs. read sq
      display "past " fs. close sq.
    open output vq move 3 to vl write vqr from "abcdef" display fs move 8 to vl write vqr from
      "12345678" move 0 to vl write vqr display fs move 9 to vl write vqr display fs. close vq.
    open input vq read vq display fs vl "[" vqr "]" read vq display fs vl "[" vqr "]". close vq.
    open output rl move 2 to rk write rlr from "two" display "w " fs. move 5 to rk write rlr
      from "five" write rlr display "dup " fs. move 0 to rk write rlr display "zero " fs. close
      rl.
    open i-o rl move 3 to rk read rl display "r3 " fs. move 2 to rk read rl display "r2 " fs
      rlr. move 99 to rk read rl display "r99 " fs. move 7 to rk write rlr from "seven" display
      fs.
    move 4 to rk start rl key >= rk display "st " fs. read rl next display fs rlr rk. read rl
      next display fs rlr rk. read rl next display fs. read rl next display fs. move 5 to rk
      delete rl display "d " fs. delete rl display "d " fs. move 2 to rk rewrite rlr from "TWO"
      display fs. move 3 to rk rewrite rlr display fs.
    start rl key < rk display fs. start rl key > rk display fs read rl previous display fs rlr.
      start rl first display fs read rl next display fs rlr. close rl.
    open input rin display "in " fs. perform until fs not = "00" read rin display fs "[" rinr
      "]" end-perform. close rin.
    open input sin display "in " fs. perform 6 times read sin display fs "[" sinr "]"
      end-perform. close sin.
    open input nope display "no " fs. open extend nope display "no ext " fs. close nope.
    open input op display "op " fs. read op display fs. read op display fs. close op display fs.
    open output pr perform 3 times write prr from "hi" after advancing 1 end-perform close pr.

    stop run.
"""

# Keys, positions, page formats, standard input and output as files.
KEYS = """\
identification division.
program-id. g.
environment division. input-output section. file-control.
    select ix assign "ix.dat" organization indexed access dynamic record key ik alternate
      record key ia with duplicates file status fs.
    select isf assign "is.dat" organization indexed access sequential record key sk file status
      fs.
    select rs assign "rs.dat" organization relative access sequential relative key rk file
      status fs.
    select rin assign "in2.txt" organization line sequential file status fs.
    select lp assign "lp.txt" organization sequential file status fs.
    select ll assign "ll.txt" organization line sequential file status fs.
    select mf assign mfile organization line sequential.
    select kb assign keyboard organization line sequential.
    select ds assign display organization line sequential.
data division. file section.
fd ix. 01 ixr. 02 ik pic x(3). 02 ia pic x(2). 02 iv pic x(3).
fd isf. 01 isr. 02 sk pic x(3). 02 sv pic x(2).
fd rs. 01 rsr pic x(4).
fd rin. 01 rinr pic x(5).
fd lp linage is 5 lines with footing at 4 lines at top 1 lines at bottom 2. 01 lpr pic x(4).
fd ll linage is 3 lines. 01 llr pic x(4).
fd mf. 01 mfr pic x(4).
fd kb. 01 kbr pic x(4).
fd ds. 01 dsr pic x(4).
working-storage section.
01 fs pic xx. 01 mypath pic x(30). 01 rk pic 9(4). 01 i pic 99.
procedure division.
    open input rin perform until fs not = "00" read rin display fs "[" rinr "]" end-perform.
      close rin.
    open output ix display fs. move "bbbx1b01" to ixr write ixr display "w " fs. move
      "aaax1a01" to ixr write ixr display "w dupalt " fs. write ixr display "dup " fs. move
      "cccy1c01" to ixr write ixr display fs. close ix.
    open i-o ix. move "bbb" to ik read ix display fs ixr. move "zzz" to ik read ix display fs.
      read ix next display "next after fail " fs ixr.
    move "x1" to ia read ix key ia display fs ixr. read ix next display fs ixr. read ix next
      display fs ixr. read ix next display fs. read ix next display fs.
    move "bb" to ik start ix key >= ik display "st " fs. read ix next display fs ixr. read ix
      previous display fs ixr. read ix previous display fs.
    move "zz" to ik start ix key > ik display "st " fs read ix next display fs. move "bbb" to
      ik start ix key < ik display fs read ix next display fs ixr. start ix last display fs.
      read ix previous display fs ixr.
    move "aaa" to ik read ix. move "zzz" to iv rewrite ixr display "rw " fs. move "qqq" to ik
      rewrite ixr display "rw no " fs. delete ix display "del no " fs. move "ccc" to ik delete
      ix display "del " fs. read ix display fs. close ix.
    open output isf. move "bbb" to sk write isr display fs. move "aaa" to sk write isr display
      "order " fs. move "ccc" to sk write isr display fs. close isf.
    open i-o isf. rewrite isr display "rw noread " fs. delete isf display "del noread " fs.
      read isf display fs isr. move "xx" to sv rewrite isr display "rw " fs. move "bbz" to sk
      rewrite isr display "rw key " fs. read isf display fs isr. delete isf display "del " fs.
      read isf display fs. write isr display "w io seq " fs. close isf.
    open output rs write rsr from "a" write rsr from "b" write rsr from "c" display rk close rs.
    open i-o rs read rs display fs rk delete rs display fs read rs display fs rk rewrite rsr
      from "B" display fs write rsr display fs read rs read rs display fs close rs. open extend
      rs display "ext " fs write rsr from "d" display fs close rs.
    open input rs perform until fs not = "00" read rs display fs rsr rk end-perform close rs.
    open output lp continue. perform varying i from 1 by 1 until i > 8 write lpr from i at
      end-of-page display "eop " linage-counter of lp
      not at end-of-page display "no eop " linage-counter of lp
      end-write end-perform
      close lp.
    open output ll perform 5 times write llr from "x" at eop display "eop " linage-counter of ll
      end-write
      end-perform write llr from "p" after page write llr from "q" after 2 close ll.
    open output mf write mfr from "m" close mf.
    open input kb read kb display kbr accept fs display fs read kb at end display "kend"
      end-read close kb. open output ds write dsr from "ds" close ds. display "after".
    stop run.
"""

HEAD = """\
identification division.
program-id. p.
environment division. input-output section. file-control.
"""


def test_operations(tmp_path: Path) -> None:
    files = {
        "in.txt": b"abc\r\ndefghijk\n\nx\ty\fz\nlast",
        "insq.dat": b"11111222223333344",
    }
    same(tmp_path, OPERATIONS, files=files)


def test_keys_and_pages(tmp_path: Path) -> None:
    files = {"in2.txt": b"a\rb\nab\0cd\bxx\nfull5\nlonger line\r\r\n"}
    indexed = ("ix.dat", "ix.dat.1", "is.dat")  # cobc's are those of Berkeley DB
    same(tmp_path, KEYS, files=files, stdin=b"line1\nxy\n", but=indexed)


ERRORS = {  # what the program does wrong, by its argument
    "1": "open input a",
    "2": "open output a close a open input a read a read a",
    "3": "write ar",
    "4": "close a",
    "5": "open output a open input a",
    "6": "open output a read a",
}


def test_an_error_that_nothing_handles_ends_the_run(tmp_path: Path) -> None:
    cases = "\n".join(f'when "{number}" {wrong}' for number, wrong in ERRORS.items())
    source = (
        HEAD
        + f"""\
    select a assign "a.txt" organization line sequential.
data division. file section.
fd a. 01 ar pic x(6).
working-storage section. 01 argument pic x.
procedure division.
    accept argument from command-line. display "begins".
    evaluate argument {cases} end-evaluate. display "goes on". stop run.
"""
    )
    built = build(tmp_path, source)
    for number in ERRORS:
        original, ours = built.run(arguments=[number])
        assert ours.stdout == original.stdout == "begins\n"
        assert ours.code == original.code == 1
        status = original.stderr.split("(status = ")[1][:2]
        assert f"(status = {status})" in ours.stderr
        assert ours.files == original.files


def test_declaratives_handle_errors(tmp_path: Path) -> None:
    source = (
        HEAD
        + """\
    select a assign "a.txt" organization line sequential file status fs.
    select b assign "b.txt" organization line sequential.
data division. file section.
fd a. 01 ar pic x(6).
fd b. 01 br pic x(6).
working-storage section. 01 fs pic xx.
procedure division.
declaratives.
of-a section. use after standard error procedure on a.
in-a. display "a fails " fs.
of-input section. use after error procedure on input.
in-input. display "input fails".
end declaratives.
main section.
begin-here.
    open input a. open input b. read a at end display "never" end-read.
    open output a. close a. open input a. read a at end display "end " fs end-read. read a.
    close a. display "done". stop run.
"""
    )
    same(tmp_path, source)


def test_names_of_files(tmp_path: Path) -> None:
    source = (
        HEAD
        + """\
    select a assign "one" organization line sequential.
    select b assign "two" organization line sequential.
    select c assign path-c organization line sequential.
    select d assign "four.txt" organization line sequential.
data division. file section.
fd a. 01 ar pic x(6).
fd b. 01 br pic x(6).
fd c. 01 cr pic x(6).
fd d. 01 dr pic x(6).
working-storage section. 01 path-c pic x(20) value "three".
procedure division.
    open output a b c d. write ar from "a". write br from "b". write cr from "c".
    write dr from "d". close a b c d. stop run.
"""
    )
    names = {"DD_one": "1.txt", "dd_two": "2.txt", "three": "3.txt", "DD_four_txt": "4.txt"}
    left = same(tmp_path, source, environment=names)
    assert sorted(left.files) == ["1.txt", "2.txt", "3.txt", "4.txt"]


def test_records_of_several_lengths_and_first_bytes(tmp_path: Path) -> None:
    source = (
        HEAD
        + """\
    select a assign "a.txt" organization line sequential.
    select c assign "c.dat" organization sequential.
data division. file section.
fd a. 01 ar. 02 a1 pic 9(3). 02 a2 pic x(3) value "abc".
fd c. 01 cr1 pic x(5). 01 cr2 pic x(3).
procedure division.
    display "[" ar "][" cr1 "]".
    open output c write cr1 from "abcde" write cr2 from "xyz"
    write cr1 from "abcde" after advancing 2 write cr2 before 1 close c.
    open output a write ar from "1" after advancing page write ar from "2" close a. stop run.
"""
    )
    same(tmp_path, source)


def test_what_is_open_at_the_end_is_written(tmp_path: Path) -> None:
    source = (
        HEAD
        + """\
    select a assign "a.txt" organization line sequential.
data division. file section.
fd a. 01 ar pic x(6).
procedure division.
    open output a. write ar from "kept". stop run.
"""
    )
    assert same(tmp_path, source).files == {"a.txt": b"kept\n"}


def test_an_indexed_file_is_read_again_by_its_keys(tmp_path: Path) -> None:
    source = (
        HEAD
        + """\
    select a assign "a.dat" organization indexed access dynamic record key k
        alternate record key n with duplicates.
data division. file section.
fd a. 01 ar. 02 k pic 9(3). 02 n pic x(4).
working-storage section. 01 eof pic 9 value 0. 01 i pic 9(3).
procedure division.
    open output a. perform varying i from 1 by 1 until i > 50
      compute k = function mod(i * 37 51) move "even" to n
      if function mod(i 2) = 1 move "odd" to n end-if write ar invalid key display "no " k
      end-write end-perform. close a.
    open i-o a. move 7 to k. delete a. move 8 to k. read a. move "new" to n. rewrite ar. close a.
    open input a. perform until eof = 1 read a next at end move 1 to eof
      not at end display k n end-read end-perform.
    move "odd" to n start a key >= n. move 0 to eof. perform until eof = 1 read a next
      at end move 1 to eof not at end display n k end-read end-perform. close a. stop run.
"""
    )
    same(tmp_path, source, but=("a.dat", "a.dat.1"))


# Parts of keys, records of several lengths, a decimal comma, an order of characters of its own.
MORE = """\
identification division.
program-id. p.
environment division. configuration section. special-names. decimal-point is comma
   alphabet rev is "z" thru "a" "9" thru "0".
input-output section. file-control.
    select i assign "i.dat" organization indexed access dynamic record key ik file status fs.
    select r assign "r.dat" organization relative access random relative key rk file status fs.
    select v assign "v.dat" organization sequential file status fs.
    select vl assign "vl.dat" organization indexed access sequential record key vk file status
      fs.
    select s assign "s".
    select b assign "b.txt" organization line sequential.
    select a assign "a.txt" organization line sequential.
data division. file section.
fd i. 01 ir. 02 ik. 03 ika pic x(2). 03 ikb pic x(2). 02 it pic x(10).
fd r. 01 rr pic x(5).
fd v record contains 3 to 9 characters. 01 vr pic x(9). 01 vs pic x(3).
fd vl record varying 4 to 10 depending on len. 01 vlr. 02 vk pic x(2). 02 vt pic x(8).
sd s. 01 sr pic x(4).
fd b. 01 br pic x(4).
fd a. 01 ar pic x(4).
working-storage section. 01 n pic 9(3)v99. 01 c pic s9(5)v99 comp. 01 p pic s9(3)v9 comp-3. 01
  e pic zz9,99. 01 fs pic xx. 01 rk pic 9(3). 01 i2 pic 9(3). 01 len pic 99. 01 ii pic 9.
procedure division.
    accept n display n. accept c display c. accept p display p. accept e display e. accept i2
      display i2.
    open output i. move "aabb" to ik move "1" to it write ir. move "aacc" to ik write ir. move
      "bbaa" to ik write ir. close i.
    open input i. move "bbaa" to ik read i at end display "end" not at end display "got " ik
      end-read.
    move "bb" to ika start i key = ika invalid key display "inv" not invalid key display "ok"
      end-start. read i next display ik.
    move "zz" to ika start i key > ika invalid key display "inv" not invalid key display "ok"
      end-start. display fs.
    start i key not less than ik invalid key display "inv" end-start.
    move "aacc" to ik read i invalid key display "inv" not invalid key display "rd " ik
      end-read.
    move "xxxx" to ik read i invalid key display "inv" not invalid key display "rd " ik
      end-read. delete i display fs. write ir display fs. rewrite ir display fs. close i. read
      i display fs. start i key = ik display fs. delete i display fs. rewrite ir display fs.
      write ir display fs.
    open output r. move 3 to rk write rr from "ccc" invalid key display "inv" end-write. write
      rr invalid key display "inv" end-write. close r.
    open i-o r. move 3 to rk read r invalid key display "inv" end-read display rr. move 9 to rk
      rewrite rr invalid key display "inv9" end-rewrite display fs. delete r invalid key
      display "invd" end-delete display fs. move 2 to rk read r invalid key display "inv2"
      end-read. close r.
    open extend r display fs. close r.
    open output v write vr from "123456789" write vs from "abc" close v. open i-o v read v read
      v display vs. rewrite vs from "xyz" display fs. close v. open input v read v read v
      display vr fs read v display fs close v.
    open output vl move 6 to len move "aa1234567" to vlr write vlr display fs move 10 to len
      move "bb12345678" to vlr write vlr display fs move 3 to len move "cc" to vk write vlr
      display fs close vl.
    open input vl read vl display fs len "[" vlr "]" read vl display fs len "[" vlr "]" close
      vl.
    open output a write ar from "abcd" write ar from "zyxw" write ar from "0123" write ar from
      "m9" close a.
    sort s on ascending key sr collating sequence is rev using a giving b.
    open input b perform 4 times read b display br end-perform close b.
    stop run.
"""


def test_parts_of_keys_lengths_and_alphabets(tmp_path: Path) -> None:
    typed = b"12,5\n-3,25\n7,8\n12,345\n1.2\n"
    indexed = ("i.dat", "vl.dat")
    same(tmp_path, MORE, stdin=typed, but=indexed)
