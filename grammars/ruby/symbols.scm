; Definitions and imports; the convention stands in slmcode/syntax/symbols.py.
(module name: (_) @name body: (_) @body) @definition.module
(module name: (_) @name "end" @body !body) @definition.module
(class name: (_) @name body: (_) @body) @definition.class
(class name: (_) @name "end" @body !body) @definition.class
((assignment
  left: (constant) @name
  right: (call receiver: (constant) @_class method: (identifier) @_new block: (_) @body))
  @definition.class
  (#any-of? @_class "Struct" "Class" "Data" "Module")
  (#any-of? @_new "new" "define"))
(method name: (_) @name body: (_) @body) @definition.function
(method name: (_) @name "end" @body !body) @definition.function
(singleton_method name: (_) @name body: (_) @body) @definition.function
(singleton_method name: (_) @name "end" @body !body) @definition.function
(assignment left: (constant) @name) @definition.constant
(program (assignment left: (global_variable) @name) @definition.variable)
(assignment left: (instance_variable) @name) @definition.field
(operator_assignment left: (instance_variable) @name) @definition.field
((call
  !receiver
  method: (identifier) @_attribute
  arguments: (argument_list (simple_symbol) @name)) @definition.field
  (#any-of? @_attribute "attr_accessor" "attr_reader" "attr_writer"))

((call
  !receiver
  method: (identifier) @_require
  arguments: (argument_list . (string (string_content) @import.module))) @import
  (#any-of? @_require "require" "require_relative" "load"))
((call
  !receiver
  method: (identifier) @_autoload
  arguments: (argument_list . (simple_symbol) @import.name . (string (string_content) @import.module)))
  @import
  (#eq? @_autoload "autoload"))
