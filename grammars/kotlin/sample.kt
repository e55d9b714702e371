// Each line with @scope begins a definition, each with @block opens a block that is filled.
package a.b

import a.b.C // @import a.b C
import a.b.D as E // @import a.b D=E
import a.c.* // @import a.c *

const val LIMIT = 3 // @constant LIMIT
val name: String = "a" // @variable name
typealias Pair = Int // @scope @type Pair

data class Stack(val size: Int, private var top: Int, seed: Int) : Base(seed), Shape { // @scope @block @class Stack @field Stack.size @field Stack.top
    val items = 1 // @field Stack.items

    constructor(x: Int) : this(x, x, x) // @scope @method Stack.constructor

    fun push(x: Int): Int { // @scope @block @method Stack.push
        val local = 1
        for (i in 1..2) { // @block
            use(i)
        }
        return x
    }

    companion object { // @scope
        const val SIZE = 1 // @field Stack.SIZE
        fun make() = Stack(1) // @scope @method Stack.make
    }
}

interface Shape { // @scope @block @interface Shape
    fun area(): Int // @scope @method Shape.area
}

object Single { // @scope @block @class Single
    fun get() = 1 // @scope @method Single.get
}

enum class Kind { // @scope @block @enum Kind
    A, // @constant Kind.A
}

fun String.twice(): String = this + this // @scope @function String.twice

fun <T> same(x: T): T { // @scope @block @function same
    if (x == null) { // @block
        use(x)
    }
    return x
}
