C     Fixed form. Each line with @scope begins a definition; @<kind> names it.
      PROGRAM MAIN                               ! @scope @module MAIN
      INCLUDE 'sizes.inc'                        ! @import sizes.inc
      INTEGER LIMIT, K
      PARAMETER (LIMIT = 10)                     ! @constant MAIN.LIMIT
      COMMON /SHARED/ TOTAL, N                   ! @struct MAIN.SHARED
      COMMON // BLANK
      DATA K /4HFOUR/
      CALL WORK(LIMIT,
     1          K)
      GO TO (10, 20), K                                                 00010000
   10 CONTINUE
   20 STOP
      END
*     Does the work.
      SUBROUTINE WORK(LIMIT,                     ! @scope @function WORK
     1                K)
      INTEGER LIMIT, K
      IF (K .GT. LIMIT) THEN                     ! @block
        K = LIMIT
      END IF
      RETURN
      END
      REAL FUNCTION AREA(R)                      ! @scope @function AREA
      REAL R
      AREA = 3.14 * R
      END
      BLOCK DATA SETUP                           ! @scope @module SETUP
      COMMON /SHARED/ TOTAL, N                   ! @struct SETUP.SHARED
      DATA TOTAL /0.0/
      END
