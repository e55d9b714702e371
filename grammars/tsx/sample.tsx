// Each line with @scope begins a definition, each with @block opens a block that is filled.

export const App = (props: Props) => { // @scope @block
  return <b>{props.text}</b>;
};

function Row() { // @scope @block
  return <i />;
}
