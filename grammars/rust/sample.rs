// Each line with @scope begins a definition, each with @block opens a block that is filled.
use a::b;

struct Stack<'a> { // @scope @block
    items: Vec<&'a u8>,
}

impl<'a> Stack<'a> { // @scope @block
    fn push(&mut self, x: &'a u8) { // @scope @block
        if *x > 0 { // @block
            self.items.push(x);
        }
        match x { // @block
            _ => {}
        }
    }
}

mod tests { // @scope @block
    fn f() -> u8 { // @scope @block
        1
    }
}
