! Each line with @scope begins a definition, @block a block that is filled; @<kind> names it.
module shapes ! @scope @module shapes
  use, intrinsic :: iso_fortran_env, only: int32, wp => real64 ! @import iso_fortran_env int32 real64=wp
  use constants ! @import constants
  implicit none
  include 'sizes.inc' ! @import sizes.inc
  integer, parameter :: max_n = 10 ! @constant shapes.max_n
  real :: origin = 0, grid(3) ! @variable shapes.origin @variable shapes.grid

  type, extends(base) :: circle ! @scope @type shapes.circle
    real :: radius ! @field shapes.circle.radius
  contains
    procedure :: area => circle_area ! @method shapes.circle.area
  end type circle

  interface scale ! @scope @interface shapes.scale
    module procedure scale_a
  end interface scale

contains

  ! The area of a circle.
  pure function circle_area(self) result(a) ! @scope @function shapes.circle_area
    class(circle), intent(in) :: self
    real :: a
    a = self%radius
    if (a > 1) then ! @block
      a = 2
    else ! @block
      a = 3
    end if
    do i = 1, 2 ! @block
      a = a + 1
    end do
  end function circle_area

  subroutine scale_a(x) ! @scope @block @function shapes.scale_a
    real, intent(inout) :: x
  end subroutine scale_a
end module shapes
