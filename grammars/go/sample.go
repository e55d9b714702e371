// Each line with @scope begins a definition, each with @block opens a block that is filled.
package a

type Stack struct { // @scope @block
	items []int
}

func (s *Stack) Push(x int) { // @scope @block
	if x > 0 { // @block
		s.items = append(s.items, x)
	}
	use(Stack{
		items: nil,
	})
}

func main() { // @scope @block
	for { // @block
		break
	}
}
