// Each line with @scope begins a definition, each with @block opens a block that is filled.
namespace N // @scope
{ // @block
    class Stack // @scope
    { // @block
        int Count { get; set; } // @scope

        void Push(int x) // @scope
        { // @block
            if (x > 0)
            { // @block
                Use(x);
            }
        }
    }
}
