// Each line with @scope begins a definition, @block a block that is filled; @<kind> names it.
unit Shapes; // @module Shapes

{$mode objfpc}

interface

uses SysUtils, Classes; // @import SysUtils @import Classes

const // @scope
  Limit = 10; // @constant Shapes.Limit
  Empty: array of Integer = (); // @constant Shapes.Empty

type
  TColor = (Red, Green); // @scope @enum Shapes.TColor @constant Shapes.TColor.Red @constant Shapes.TColor.Green
  TPoint = record // @scope @struct Shapes.TPoint
    X, Y: Integer; // @field Shapes.TPoint.X @field Shapes.TPoint.Y
  end;
  TCircle = class(TObject) // @scope @class Shapes.TCircle
  private
    FRadius: Double; // @field Shapes.TCircle.FRadius
  public
    constructor Create(R: Double); // @method Shapes.TCircle.Create
    function Area: Double; // @method Shapes.TCircle.Area
    property Radius: Double read FRadius; // @field Shapes.TCircle.Radius
  end;
  IShape = interface // @scope @interface Shapes.IShape
    procedure Draw; // @method Shapes.IShape.Draw
  end;
  TList = array of Integer; // @scope @type Shapes.TList

var // @scope
  Origin: TPoint; // @variable Shapes.Origin

function Twice(X: Integer): Integer; // @function Shapes.Twice

implementation

uses Math in 'math.pas'; // @import Math

constructor TCircle.Create(R: Double); // @scope @method Shapes.TCircle.Create
begin // @block
  FRadius := R ** 2;
end;

// Twice as much.
function Twice(X: Integer): Integer; // @scope @function Shapes.Twice
var // @scope @block
  I: Integer;
begin // @block
  case X of // @block
    1: X := 2;
    otherwise X := 3;
  end;
  Twice := X;
end;

end.
