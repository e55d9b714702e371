// Each line with @scope begins a definition, each with @block opens a block that is filled.
#include <a> // @import a
#include "b.hpp" // @import b.hpp
#define LIMIT 3 // @macro LIMIT

using Number = int; // @type Number
int& reference(int x); // @function reference
const int zero = 0; // @variable zero

namespace n { // @scope @block @module n
  class Stack { // @scope @block @class n.Stack
    int size_, *top; // @field n.Stack.size_ @field n.Stack.top
    Stack(int x); // @method n.Stack.Stack
    virtual ~Stack() = default; // @scope @method n.Stack.~Stack
    virtual int& at(int i) const; // @method n.Stack.at
    enum class Kind { A }; // @scope @enum n.Stack.Kind @constant n.Stack.Kind.A
    bool operator==(const Stack& o) { return true; } // @scope @method n.Stack.operator==
    void push(int x) { // @scope @block @method n.Stack.push
      int local = 1;
      for (auto y : items) { // @block
        use(y);
      }
    }
  };
}

template <class T> // @scope
T twice(T x) { // @scope @block @function twice
  return x + x;
}

int& n::Stack::at(int i) const { return *top; } // @scope @function n.Stack.at

template <class T> // @scope
void Box<T>::open() {} // @scope @function Box.open

template <class T> // @scope
struct Box final : Base<T> { // @scope @struct Box
  T value; // @field Box.value
};
