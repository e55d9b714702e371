; Definitions and imports; the convention stands in slmcode/syntax/symbols.py.
(function_declaration name: (_) @name body: (_) @body) @definition.function
(function_declaration name: (_) @name !body) @definition.function
(method_declaration
  receiver: (parameter_list (parameter_declaration type: [
    (type_identifier) @receiver
    (generic_type type: (_) @receiver)
    (pointer_type [(type_identifier) @receiver (generic_type type: (_) @receiver)])
  ]))
  name: (_) @name
  body: (_) @body) @definition.method
(type_declaration .
  (type_spec name: (_) @name type: (struct_type (field_declaration_list) @body)) .)
  @definition.struct
(type_spec name: (_) @name type: (struct_type (field_declaration_list) @body)) @definition.struct
(type_declaration . (type_spec name: (_) @name type: (interface_type "{" @body)) .)
  @definition.interface
(type_spec name: (_) @name type: (interface_type "{" @body)) @definition.interface
(type_declaration . [(type_spec name: (_) @name) (type_alias name: (_) @name)] .) @definition.type
(type_spec name: (_) @name) @definition.type
(type_alias name: (_) @name) @definition.type
(type_spec type: (struct_type (field_declaration_list
  (field_declaration name: (_) @name) @definition.field)))
(interface_type (method_elem name: (_) @name) @definition.method)
(source_file (const_declaration . (const_spec name: (identifier) @name) .) @definition.constant)
(source_file (const_declaration (const_spec name: (identifier) @name) @definition.constant))
(source_file (var_declaration (var_spec name: (identifier) @name)) @definition.variable)
(source_file (var_declaration
  (var_spec_list (var_spec name: (identifier) @name) @definition.variable)))

(import_spec !name path: (_) @import.module) @import
(import_spec name: (_) @import.alias path: (_) @import.module) @import
