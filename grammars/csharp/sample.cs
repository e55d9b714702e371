// Each line with @scope begins a definition, each with @block opens a block that is filled.
using System; // @import System
using static A.B; // @import A.B
using C = A.B.C; // @import A.B.C =C

namespace N // @scope @module N
{ // @block
    class Stack // @scope @class N.Stack
    { // @block
        const int Limit = 3; // @field N.Stack.Limit
        private int[] items, more = {}; // @field N.Stack.items @field N.Stack.more
        event Action Full; // @field N.Stack.Full

        public Stack(int x) : base(x) {} // @scope @method N.Stack.Stack

        int Count { get; set; } // @scope @field N.Stack.Count
        int Twice => 2; // @scope @field N.Stack.Twice

        void Push(int x) // @scope @method N.Stack.Push
        { // @block
            if (x > 0)
            { // @block
                Use(x);
            }
        }
    }
}

interface IShape { double Area(); } // @scope @interface IShape @method IShape.Area @scope
enum Kind { A, B = 2 } // @scope @enum Kind @constant Kind.A @constant Kind.B
record Point(int X, int Y); // @scope @class Point @field Point.X @field Point.Y
struct Pair { } // @scope @struct Pair
delegate int Compare(int a, int b); // @type Compare
