"""A COBOL program that the tests translate in editors, with the real cobc and without a model."""

NAME = "payroll.cob"
PROGRAM = """\
       IDENTIFICATION DIVISION.
       PROGRAM-ID. PAYROLL.
      * What is paid for hours at a rate, with half as much again
      * for those above forty.
       DATA DIVISION.
       WORKING-STORAGE SECTION.
       01  HOURS          PIC 9(3).
       01  RATE           PIC 9(3).
       01  PAY            PIC 9(6).
       PROCEDURE DIVISION.
       MAIN-LINE.
           ACCEPT HOURS.
           ACCEPT RATE.
           PERFORM FIND-PAY.
           DISPLAY PAY.
           STOP RUN.
       FIND-PAY.
           IF HOURS > 40
               COMPUTE PAY = 40 * RATE + (HOURS - 40) * RATE * 3 / 2
           ELSE
               COMPUTE PAY = HOURS * RATE
           END-IF.
"""
PARTS = ("class Payroll(Program):", "def main_line(self)", "def find_pay(self)")
