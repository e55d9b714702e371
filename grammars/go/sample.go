// Each line with @scope begins a definition, each with @block opens a block that is filled.
package a

import "fmt" // @import fmt
import (
	web "net/http" // @import net/http =web
)

const Limit = 3 // @constant Limit

const (
	First = iota // @constant First
	Second       // @constant Second
)

var a, b int // @variable a @variable b

type Stack struct { // @scope @block @struct Stack
	items, more []int // @field Stack.items @field Stack.more
	Embedded
}

func (s *Stack) Push(x int) { // @scope @block @method Stack.Push
	var local int
	if x > 0 { // @block
		s.items = append(s.items, x)
	}
	use(Stack{
		items: nil,
	})
}

func main() { // @scope @block @function main
	for { // @block
		break
	}
}

type Shape interface { // @scope @interface Shape
	Area() float64 // @method Shape.Area
}

type ( // @scope
	Pair[T any] struct{ left T } // @struct Pair @field Pair.left
	Alias = int // @type Alias
)

func (p Pair[T]) Left() T { return p.left } // @scope @method Pair.Left
