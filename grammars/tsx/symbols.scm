; Definitions and imports; the convention stands in slmcode/syntax/symbols.py.
(class_declaration name: (_) @name body: (_) @body) @definition.class
(abstract_class_declaration name: (_) @name body: (_) @body) @definition.class
(interface_declaration name: (_) @name body: (_) @body) @definition.interface
(enum_declaration name: (_) @name body: (_) @body) @definition.enum
(type_alias_declaration name: (_) @name) @definition.type
(internal_module name: (_) @name body: (_) @body) @definition.module
(module name: (_) @name body: (_) @body) @definition.module
(function_declaration name: (_) @name body: (_) @body) @definition.function
(generator_function_declaration name: (_) @name body: (_) @body) @definition.function
(function_signature name: (_) @name) @definition.function
(class_body (method_definition
  name: [(property_identifier) (private_property_identifier)] @name body: (_) @body)
  @definition.method)
(class_body [
  (abstract_method_signature name: (property_identifier) @name)
  (method_signature name: (property_identifier) @name)
] @definition.method)
(class_body (public_field_definition
  name: [(property_identifier) (private_property_identifier)] @name
  value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @definition.method)
(class_body (public_field_definition
  name: [(property_identifier) (private_property_identifier)] @name) @definition.field)
(class_body (method_definition parameters: (formal_parameters
  (required_parameter (accessibility_modifier) pattern: (identifier) @name) @definition.field)))
(interface_body (property_signature name: (property_identifier) @name) @definition.field)
(interface_body (method_signature name: (property_identifier) @name) @definition.method)
(type_alias_declaration value: [
  (object_type (property_signature name: (property_identifier) @name) @definition.field)
  (_ (object_type (property_signature name: (property_identifier) @name) @definition.field))
])
(type_alias_declaration value: [
  (object_type (method_signature name: (property_identifier) @name) @definition.method)
  (_ (object_type (method_signature name: (property_identifier) @name) @definition.method))
])
(enum_body (property_identifier) @name @definition.constant)
(enum_body (enum_assignment name: (property_identifier) @name) @definition.constant)
(ambient_declaration
  (lexical_declaration (variable_declarator name: (identifier) @name)) @definition.variable)

; A function, a class or a value with a name, at the top of a module.
(program [
  (lexical_declaration (variable_declarator name: (identifier) @name value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)])) @definition.function
  (variable_declaration (variable_declarator name: (identifier) @name value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)])) @definition.function
])
(export_statement
  (lexical_declaration (variable_declarator name: (identifier) @name value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)])) @definition.function)
(program [
  (lexical_declaration (variable_declarator name: (identifier) @name)) @definition.variable
  (variable_declaration (variable_declarator name: (identifier) @name)) @definition.variable
  (lexical_declaration (variable_declarator name: (object_pattern
    (shorthand_property_identifier_pattern) @name))) @definition.variable
])
(export_statement [
  (lexical_declaration (variable_declarator name: (identifier) @name)) @definition.variable
  (variable_declaration (variable_declarator name: (identifier) @name)) @definition.variable
  (lexical_declaration (variable_declarator name: (object_pattern
    (shorthand_property_identifier_pattern) @name))) @definition.variable
])

; Members of an object with a name.
(program (_ (variable_declarator value: (object [
  (method_definition name: (property_identifier) @name body: (_) @body) @definition.method
  (pair key: (property_identifier) @name value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @definition.method
]))))
(export_statement (_ (variable_declarator value: (object [
  (method_definition name: (property_identifier) @name body: (_) @body) @definition.method
  (pair key: (property_identifier) @name value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @definition.method
]))))

; exports.f = …, module.exports.f = …, F.prototype.f = …
((assignment_expression
  left: (member_expression
    object: [
      (identifier) @_exports
      (member_expression object: (identifier) @_module property: (property_identifier) @_exports)
    ]
    property: (property_identifier) @name)
  right: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @definition.function
  (#eq? @_exports "exports"))
((assignment_expression
  left: (member_expression
    object: (member_expression object: (identifier) @receiver property: (property_identifier) @_prototype)
    property: (property_identifier) @name)
  right: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @definition.method
  (#eq? @_prototype "prototype"))
((program (expression_statement (assignment_expression
  left: (member_expression
    object: [
      (identifier) @_exports
      (member_expression object: (identifier) @_module property: (property_identifier) @_exports)
    ]
    property: (property_identifier) @name)) @definition.variable))
  (#eq? @_exports "exports"))

(import_statement source: (string) @import.module) @import
(import_statement (import_clause (identifier) @import.alias) source: (string) @import.module
  (#set! import.name "default")) @import
(import_statement (import_clause (namespace_import (identifier) @import.alias))
  source: (string) @import.module) @import
(import_statement
  (import_clause (named_imports (import_specifier name: (_) @import.name !alias)))
  source: (string) @import.module) @import
(import_statement
  (import_clause
    (named_imports (import_specifier name: (_) @import.name alias: (_) @import.alias)))
  source: (string) @import.module) @import
(export_statement source: (string) @import.module) @import
(export_statement
  (export_clause (export_specifier name: (_) @import.name !alias))
  source: (string) @import.module) @import
(export_statement
  (export_clause (export_specifier name: (_) @import.name alias: (_) @import.alias))
  source: (string) @import.module) @import
((call_expression
  function: [(import) (identifier) @_require]
  arguments: (arguments . (string) @import.module .)) @import
  (#eq? @_require "require"))
((variable_declarator
  name: (identifier) @import.alias
  value: [
    (call_expression function: (identifier) @_require
      arguments: (arguments . (string) @import.module .))
    (await_expression
      (call_expression function: (import) arguments: (arguments . (string) @import.module .)))
  ]) @import
  (#eq? @_require "require"))
((variable_declarator
  name: (object_pattern [
    (shorthand_property_identifier_pattern) @import.name
    (pair_pattern key: (_) @import.name value: (identifier) @import.alias)
  ])
  value: [
    (call_expression function: (identifier) @_require
      arguments: (arguments . (string) @import.module .))
    (await_expression
      (call_expression function: (import) arguments: (arguments . (string) @import.module .)))
  ]) @import
  (#eq? @_require "require"))
(import_statement
  (import_require_clause (identifier) @import.alias source: (string) @import.module)) @import
(export_statement (namespace_export (_) @import.alias) source: (string) @import.module) @import
