// Each line with @scope begins a definition, each with @block opens a block that is filled.
#include <a>

namespace n { // @scope @block
  class Stack { // @scope @block
    void push(int x) { // @scope @block
      for (auto y : items) { // @block
        use(y);
      }
    }
  };
}

template <class T> // @scope
T twice(T x) { // @scope @block
  return x + x;
}
