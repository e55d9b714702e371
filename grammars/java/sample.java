// Each line with @scope begins a definition, each with @block opens a block that is filled.
package a;

public class Stack { // @scope @block
    int[] items = {
        1,
    };

    public Stack() { // @scope @block
        super();
    }

    void push(int x) throws E { // @scope @block
        for (int i : items) { // @block
            use("{");
        }
    }
}

enum Kind { // @scope @block
    A,
}
