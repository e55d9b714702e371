// Each line with @scope begins a definition, each with @block opens a block that is filled.
package a;

import java.util.List; // @import java.util List
import java.io.*; // @import java.io *
import static a.b.C.max; // @import a.b.C max

public class Stack { // @scope @block @class Stack
    static final int A = 1, B = 2; // @field Stack.A @field Stack.B
    int[] items = { // @field Stack.items
        1,
    };

    public Stack() { // @scope @block @method Stack.Stack
        super();
    }

    void push(int x) throws E { // @scope @block @method Stack.push
        int local = 1;
        for (int i : items) { // @block
            use("{");
        }
    }
}

enum Kind { // @scope @block @enum Kind
    A, // @constant Kind.A
}

interface Shape extends Other { // @scope @interface Shape
    int SIDES = 3; // @constant Shape.SIDES
    double area(); // @scope @method Shape.area
}

record Point(int x, int y) { // @scope @class Point @field Point.x @field Point.y
    class Inner {} // @scope @class Point.Inner
}

@interface Marker { // @interface Marker
    String value(); // @method Marker.value
}
