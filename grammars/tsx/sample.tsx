// Each line with @scope begins a definition, each with @block opens a block that is filled.

import { useState } from "react"; // @import react useState
import Row2 from "./row"; // @import ./row default=Row2

export const App = (props: Props) => { // @scope @block @function App
  return <b>{props.text}</b>;
};

function Row() { // @scope @block @function Row
  return <i />;
}

interface Props { // @scope @interface Props
  text: string; // @field Props.text
}

export default class Panel extends Component<Props> { // @scope @class Panel
  render() { // @scope @method Panel.render
    const local = 1;
    return <Row />;
  }
}
