; Definitions and imports; the convention stands in slmcode/syntax/symbols.py.
(program (program_statement (name) @name) . (_) @body) @definition.module
(module (module_statement (name) @name) . (_) @body) @definition.module
(submodule (submodule_statement (name) @name) . (_) @body) @definition.module
(block_data (block_data_statement (name) @name) . (_) @body) @definition.module
(subroutine (subroutine_statement name: (name) @name) . (_) @body) @definition.function
(function (function_statement name: (name) @name) . (_) @body) @definition.function
(derived_type_definition (derived_type_statement (type_name) @name) . (_) @body) @definition.type
(interface (interface_statement (name) @name) . (_) @body) @definition.interface
(common_statement (variable_group (name) @name) @definition.struct)
(parameter_statement (parameter_assignment . (identifier) @name)) @definition.constant
((variable_declaration
  attribute: (type_qualifier) @_qualifier
  declarator: (init_declarator left: (identifier) @name)) @definition.constant
  (#match? @_qualifier "^[Pp][Aa][Rr][Aa][Mm][Ee][Tt][Ee][Rr]$"))
(derived_type_definition (variable_declaration declarator: [
  (identifier) @name
  (init_declarator left: (identifier) @name)
  (sized_declarator . (identifier) @name)
]) @definition.field)
(derived_type_procedures (procedure_statement declarator: [
  (binding (binding_name (identifier) @name))
  (method_name) @name
]) @definition.method)
(module (variable_declaration declarator: [
  (identifier) @name
  (init_declarator left: (identifier) @name)
  (sized_declarator . (identifier) @name)
]) @definition.variable)

(use_statement (module_name) @import.module) @import
(use_statement (module_name) @import.module (included_items (identifier) @import.name)) @import
(use_statement (module_name) @import.module
  (included_items (use_alias (local_name) @import.alias (identifier) @import.name))) @import
(include_statement path: (_) @import.module) @import
