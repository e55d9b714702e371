/**
 * A module `vscode` in which everything can be called, made and read, and nothing happens: for the
 * test that only looks at what activation registers.
 */
const registered = [];

const anything = new Proxy(function () {}, {
  get: (_target, name) => {
    switch (name) {
      case Symbol.toPrimitive:
        return () => "";
      case Symbol.iterator:
        return () => [][Symbol.iterator]();
      case "then":
        return undefined; // no promise
      case "registered":
        return registered;
      case "registerCommand":
        return (command) => {
          registered.push(command);
          return anything;
        };
      default:
        return anything;
    }
  },
  set: () => true,
  apply: () => anything,
  construct: () => anything,
});

// Found through the prototype, because bundlers copy what a module itself has.
module.exports = Object.create(anything);
