      * Each line with @scope begins a definition; @<kind> names it.
       IDENTIFICATION DIVISION. *> @scope @module PAYROLL
       PROGRAM-ID. PAYROLL.
       ENVIRONMENT DIVISION.
       INPUT-OUTPUT SECTION.
       FILE-CONTROL.
           SELECT STAFF-FILE *> @variable PAYROLL.STAFF-FILE
               ASSIGN TO "staff.dat"
               ORGANIZATION IS LINE SEQUENTIAL.
       DATA DIVISION. *> @scope
       FILE SECTION.
       FD STAFF-FILE.
       01 STAFF-RECORD. *> @variable PAYROLL.STAFF-RECORD
           05 STAFF-NAME PIC X(20). *> @field PAYROLL.STAFF-RECORD.STAFF-NAME
       WORKING-STORAGE SECTION.
       COPY "rates.cpy". *> @import rates.cpy
       COPY TABLES. *> @import TABLES
       77 ROW_NUMBER PIC 9(4) COMP. *> @variable PAYROLL.ROW_NUMBER
       01 TOTALS. *> @variable PAYROLL.TOTALS
           05 GROSS PIC 9(7)V99. *> @field PAYROLL.TOTALS.GROSS
           05 FILLER PIC X.
           05 PARTS. *> @field PAYROLL.TOTALS.PARTS
               10 TAX PIC 9(7). *> @field PAYROLL.TOTALS.PARTS.TAX
               88 NO-TAX VALUE 0. *> @constant PAYROLL.TOTALS.PARTS.TAX.NO-TAX
           05 NET PIC 9(7). *> @field PAYROLL.TOTALS.NET
       78 MAXIMUM VALUE 10. *> @constant PAYROLL.MAXIMUM
       01 TEN CONSTANT 10. *> @constant PAYROLL.TEN
       PROCEDURE DIVISION. *> @scope
       MAIN SECTION. *> @scope @paragraph PAYROLL.MAIN
       START-UP. *> @scope @paragraph PAYROLL.MAIN.START-UP
           OPEN INPUT STAFF-FILE
           PERFORM READ-ONE UNTIL ROW_NUMBER > 10
           IF ROW_NUMBER <> 1 *> @block
               CALL "TAXES" USING GROSS NET *> @import TAXES
           ELSE *> @block
               DISPLAY "FIRST"
           END-IF.
           STOP RUN.
       WORK SECTION. *> @scope @paragraph PAYROLL.WORK
      * Reads the next record.
       READ-ONE. *> @scope @block @paragraph PAYROLL.WORK.READ-ONE
           READ STAFF-FILE
               AT END MOVE 11 TO ROW_NUMBER
           END-READ.
       NOTHING-YET. *> @scope @paragraph PAYROLL.WORK.NOTHING-YET
