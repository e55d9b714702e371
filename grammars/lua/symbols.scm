; Definitions and imports; the convention stands in slmcode/syntax/symbols.py.
(function_declaration name: (identifier) @name body: (_) @body) @definition.function
(function_declaration name: (identifier) @name "end" @body !body) @definition.function
(function_declaration
  name: (dot_index_expression table: (_) @receiver field: (_) @name) body: (_) @body)
  @definition.function
(function_declaration
  name: (dot_index_expression table: (_) @receiver field: (_) @name) "end" @body !body)
  @definition.function
(function_declaration
  name: (method_index_expression table: (_) @receiver method: (_) @name) body: (_) @body)
  @definition.method
(function_declaration
  name: (method_index_expression table: (_) @receiver method: (_) @name) "end" @body !body)
  @definition.method

; What a file gives a name: values, functions, tables and what is in them.
(chunk [
  (assignment_statement
    (variable_list . name: (identifier) @name)
    (expression_list . value: (function_definition body: (_) @body))) @definition.function
  (variable_declaration (assignment_statement
    (variable_list . name: (identifier) @name)
    (expression_list . value: (function_definition body: (_) @body))))
    @definition.function
])
(chunk (assignment_statement
  (variable_list . name: (dot_index_expression table: (_) @receiver field: (_) @name))
  (expression_list . value: (function_definition body: (_) @body)))
  @definition.function)
(chunk [
  (assignment_statement
    (variable_list . name: (identifier) @name)
    (expression_list . value: (function_definition "end" @body))) @definition.function
  (variable_declaration (assignment_statement
    (variable_list . name: (identifier) @name)
    (expression_list . value: (function_definition "end" @body)))) @definition.function
])
(chunk (assignment_statement
  (variable_list . name: (dot_index_expression table: (_) @receiver field: (_) @name))
  (expression_list . value: (function_definition "end" @body))) @definition.function)
(chunk (assignment_statement
  (variable_list . name: (dot_index_expression table: (_) @receiver field: (_) @name)))
  @definition.field)
(chunk [
  (assignment_statement (variable_list name: (identifier) @name)) @definition.variable
  (variable_declaration
    (assignment_statement (variable_list name: (identifier) @name))) @definition.variable
  (variable_declaration (variable_list name: (identifier) @name)) @definition.variable
])
(chunk (_ (assignment_statement (expression_list value: (table_constructor
  (field name: (identifier) @name value: (function_definition)) @definition.method)))))
(chunk (_ (assignment_statement (expression_list value: (table_constructor
  (field name: (identifier) @name) @definition.field)))))

((function_call
  name: (identifier) @_require
  arguments: (arguments . (string) @import.module .)) @import
  (#eq? @_require "require"))
((assignment_statement
  (variable_list . name: (identifier) @import.alias)
  (expression_list . value: (function_call
    name: (identifier) @_require arguments: (arguments . (string) @import.module .)))) @import
  (#eq? @_require "require"))
