; Definitions and imports; the convention stands in slmcode/syntax/symbols.py.
(namespace_definition name: (_) @name body: (_) @body) @definition.module
(namespace_definition name: (_) @name !body) @definition.module
(class_declaration name: (_) @name body: (_) @body) @definition.class
(trait_declaration name: (_) @name body: (_) @body) @definition.class
(interface_declaration name: (_) @name body: (_) @body) @definition.interface
(enum_declaration name: (_) @name body: (_) @body) @definition.enum
(function_definition name: (_) @name body: (_) @body) @definition.function
(method_declaration name: (_) @name body: (_) @body) @definition.method
(method_declaration name: (_) @name !body) @definition.method
(const_declaration (const_element (name) @name)) @definition.constant
(enum_case name: (_) @name) @definition.constant
((function_call_expression
  function: (name) @_define
  arguments: (arguments . (argument (string (string_content) @name)))) @definition.constant
  (#eq? @_define "define"))
(property_declaration (property_element name: (variable_name (name) @name))) @definition.field
(property_promotion_parameter name: (variable_name (name) @name)) @definition.field
((assignment_expression left: (member_access_expression
  object: (variable_name (name) @_this) name: (name) @name)) @definition.field
  (#eq? @_this "this"))
(program (expression_statement
  (assignment_expression left: (variable_name (name) @name)) @definition.variable))

; In a group a module continues the path in front of the braces.
(namespace_use_declaration
  (namespace_name) @import.prefix body: (namespace_use_group) @import.list)
(namespace_use_clause
  (qualified_name prefix: (_) @import.module (name) @import.name) !alias) @import
(namespace_use_clause
  (qualified_name prefix: (_) @import.module (name) @import.name) alias: (_) @import.alias) @import
(namespace_use_clause . (name) @import.name !alias)
(namespace_use_clause . (name) @import.name alias: (_) @import.alias)
((_ [
  (string (string_content) @import.module)
  (encapsed_string (string_content) @import.module)
  (binary_expression right: (string (string_content) @import.module))
  (parenthesized_expression (string (string_content) @import.module))
]) @import
  (#match? @import "^(require|include)"))
