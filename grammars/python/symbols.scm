; Definitions and imports; the convention stands in slmcode/syntax/symbols.py.
(class_definition name: (identifier) @name body: (_) @body) @definition.class
(function_definition name: (identifier) @name body: (_) @body) @definition.function
(type_alias_statement left: (type . (identifier) @name)) @definition.type
(module [
  (assignment left: (identifier) @name) @definition.variable
  (assignment left: (pattern_list (identifier) @name)) @definition.variable
  (if_statement [
    consequence: (block (assignment left: (identifier) @name) @definition.variable)
    alternative: (_ body: (block (assignment left: (identifier) @name) @definition.variable))
  ])
  (try_statement [
    body: (block (assignment left: (identifier) @name) @definition.variable)
    (_ (block (assignment left: (identifier) @name) @definition.variable))
  ])
])
(class_definition body: (block (assignment left: (identifier) @name) @definition.field))
((assignment left: (attribute object: (identifier) @_self attribute: (identifier) @name))
  @definition.field
  (#eq? @_self "self"))

(import_statement name: (dotted_name) @import.module) @import
(import_statement
  name: (aliased_import name: (_) @import.module alias: (_) @import.alias)) @import
(import_from_statement module_name: (_) @import.module name: (dotted_name) @import.name) @import
(import_from_statement module_name: (_) @import.module
  name: (aliased_import name: (_) @import.name alias: (_) @import.alias)) @import
(import_from_statement module_name: (_) @import.module (wildcard_import) @import.name) @import
