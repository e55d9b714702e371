// Each line with @scope begins a definition, each with @block opens a block that is filled.
use a::b; // @import a b
use crate::c::{self, d::{E, F as G}, h}; // @import crate::c self h @import crate::c::d E F=G
use super::*; // @import super *
use serde; // @import serde
mod inner; // @scope @import inner

const LIMIT: u8 = 3; // @constant LIMIT
static NAME: &str = ""; // @constant NAME
type Pair = (u8, u8); // @type Pair

struct Stack<'a> { // @scope @block @struct Stack
    items: Vec<&'a u8>, // @field Stack.items
}

impl<'a> Stack<'a> { // @scope @block
    fn push(&mut self, x: &'a u8) { // @scope @block @method Stack.push
        let local = 1;
        if *x > 0 { // @block
            self.items.push(x);
        }
        match x { // @block
            _ => {}
        }
    }
}

mod tests { // @scope @block @module tests
    fn f() -> u8 { // @scope @block @function tests.f
        const LOCAL: u8 = 1;
        1
    }
}

struct Unit(u8); // @scope @struct Unit

enum Shape { // @scope @enum Shape
    Round, // @constant Shape.Round
    Square { side: u8 }, // @constant Shape.Square @field Shape.Square.side
}

trait Area { // @scope @interface Area
    type Out; // @type Area.Out
    fn area(&self) -> Self::Out; // @method Area.area
}

impl<T> Area for a::Wrapped<T> { // @scope
    const SIDES: u8 = 4; // @constant a.Wrapped.SIDES
    fn area(&self) -> u8 { 1 } // @scope @method a.Wrapped.area
}

macro_rules! twice { // @scope @macro twice
    ($x:expr) => { $x };
}
