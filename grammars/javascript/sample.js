// Each line with @scope begins a definition, each with @block opens a block that is filled.

import { a } from "b"; // @import b a
import d, { x as y } from "./x.js"; // @import ./x.js default=d x=y
import * as ns from "./ns"; // @import ./ns =ns
import "./side"; // @import ./side
const fs = require("fs"), { m, n: o } = require("./m"); // @import fs =fs @import ./m m n=o

export function push(item) { // @scope @block @function push
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

const f = async (x) => { // @scope @block @function f
  switch (x) { // @block
    case 1:
      break;
  }
};

const LIMIT = 3; // @constant LIMIT
let count = 0, // @variable count @variable other
  other;
var old = function () {}; // @function old
export const { left } = sides; // @scope @variable left
export const api = { // @scope @variable api
  get() {}, // @scope @method api.get
  put: (x) => x, // @method api.put
};
export default class Queue extends Stack { // @scope @class Queue
  #size = 0; // @field Queue.#size
  static limit = 1; // @field Queue.limit
  run = () => { // @method Queue.run
    this.count = 1; // @field Queue.count
    const local = 1;
  };
}
export * from "./all"; // @scope @import ./all
export { p as q } from "./some"; // @scope @import ./some p=q
load(() => import("./late")); // @import ./late
exports.first = function (x) {}; // @function first
module.exports.second = 2; // @variable second
Stack.prototype.third = function () {}; // @method Stack.third
