<?php
// Each line with @scope begins a definition, each with @block opens a block that is filled.

namespace A\B; // @module A\B

use C\D; // @import C D
use C\E as F; // @import C E=F
use C\{G, H\I as J}; // @import C G @import C\H I=J
require_once __DIR__ . '/x.php'; // @import /x.php
include 'y.php'; // @import y.php

const LIMIT = 3; // @constant LIMIT
define('OTHER', 4); // @constant OTHER

class Stack { // @scope @block @class Stack
    const SIZE = 1; // @constant Stack.SIZE
    private ?int $items = 1, $more; // @field Stack.items @field Stack.more
    public function __construct(private int $seed) {} // @scope @method Stack.__construct @field Stack.seed
    abstract function area(): int; // @scope @method Stack.area
    public function push($x) { // @scope @block @method Stack.push
        $this->top = $x; // @field Stack.top
        $local = 1;
        foreach ($this->items as $y) { // @block
            use_it($y);
        }
    }
}

function main() { // @scope @block @function main
    return "if (x) {";
}

interface Shape { function area(); } // @scope @interface Shape @method Shape.area
trait Named { public $name; } // @scope @class Named @field Named.name
enum Kind: string { case A = 'a'; } // @scope @enum Kind @constant Kind.A
$shared = 1; // @variable shared
