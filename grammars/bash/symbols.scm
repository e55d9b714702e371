; Definitions and imports; the convention stands in slmcode/syntax/symbols.py.
(function_definition name: (_) @name body: (_) @body) @definition.function
(program [
  (variable_assignment name: (variable_name) @name) @definition.variable
  (declaration_command (variable_assignment name: (variable_name) @name)) @definition.variable
])

((command
  name: (command_name (word) @_source)
  . argument: [(word) (string) (raw_string) (concatenation)] @import.module) @import
  (#any-of? @_source "source" "."))
