// Each line with @scope begins a definition, each with @block opens a block that is filled.

import { a } from "b"; // @import b a
import d, { x as y } from "./x.js"; // @import ./x.js default=d x=y
import * as ns from "./ns"; // @import ./ns =ns
import "./side"; // @import ./side
import type { T } from "./t"; // @import ./t T
import r = require("./r"); // @import ./r =r

export function push(item: string): void { // @scope @block @function push
  if (item) { // @block
    list.append({
      item,
    });
  } else { // @block
    throw new Error(`if (x) {`);
  }
}

class Stack { // @scope @block @class Stack
  pop() { // @scope @block @method Stack.pop
    return this.items.map((x) => { // @block
      return x;
    });
  }
}

const f = async (x: number): Promise<void> => { // @scope @block @function f
  switch (x) { // @block
    case 1:
      break;
  }
};

interface A { // @scope @block @interface A
  b: string; // @field A.b
  c(d: { e: string }): void; // @method A.c
}

enum B { // @scope @block @enum B
  C, // @constant B.C
  D = 1, // @constant B.D
}

namespace N { // @scope @block @module N
  type T = string; // @scope @type N.T
  export function inside() {} // @scope @function N.inside
}

const LIMIT = 3; // @constant LIMIT
let count = 0, // @variable count @variable other
  other;
var old = function () {}; // @function old
export const { left } = sides; // @scope @variable left
export const api = { // @scope @variable api
  get() {}, // @scope @method api.get
  put: (x) => x, // @method api.put
};
export default class Queue<T> extends Stack implements A { // @scope @class Queue
  #size = 0; // @field Queue.#size
  static limit = 1; // @field Queue.limit
  run = () => { // @method Queue.run
    const local = 1;
  };
}
export * from "./all"; // @scope @import ./all
export { p as q } from "./some"; // @scope @import ./some p=q
load(() => import("./late")); // @import ./late
type Shape = { // @scope @type Shape
  side: number; // @field Shape.side
  area(): number; // @method Shape.area
};
declare function declared(x: string): void; // @function declared
abstract class Base { // @scope @class Base
  constructor(private readonly seed: number, other: string) {} // @scope @method Base.constructor @field Base.seed
  abstract step(): void; // @method Base.step
}
