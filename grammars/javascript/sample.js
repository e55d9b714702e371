// Each line with @scope begins a definition, each with @block opens a block that is filled.

import { a } from "b";

export function push(item) { // @scope @block
  if (item) { // @block
    list.append({
      item,
    });
  } else { // @block
    throw new Error(`if (x) {`);
  }
}

class Stack { // @scope @block
  pop() { // @scope @block
    return this.items.map((x) => { // @block
      return x;
    });
  }
}

const f = async (x) => { // @scope @block
  switch (x) { // @block
    case 1:
      break;
  }
};
