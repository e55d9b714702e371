<?php
// Each line with @scope begins a definition, each with @block opens a block that is filled.

class Stack { // @scope @block
    public function push($x) { // @scope @block
        foreach ($this->items as $y) { // @block
            use_it($y);
        }
    }
}

function main() { // @scope @block
    return "if (x) {";
}
