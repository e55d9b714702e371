; Definitions and imports; the convention stands in slmcode/syntax/symbols.py.
(namespace_declaration name: (_) @name body: (_) @body) @definition.module
(file_scoped_namespace_declaration name: (_) @name) @definition.module
(class_declaration name: (_) @name body: (_) @body) @definition.class
(record_declaration name: (_) @name body: (_) @body) @definition.class
(class_declaration name: (_) @name !body) @definition.class
(record_declaration name: (_) @name !body) @definition.class
(struct_declaration name: (_) @name body: (_) @body) @definition.struct
(interface_declaration name: (_) @name body: (_) @body) @definition.interface
(enum_declaration name: (_) @name body: (_) @body) @definition.enum
(delegate_declaration name: (_) @name) @definition.type
(method_declaration name: (_) @name body: (_) @body) @definition.method
(method_declaration name: (_) @name !body) @definition.method
(constructor_declaration name: (_) @name body: (_) @body) @definition.method
(local_function_statement name: (_) @name body: (_) @body) @definition.function
(field_declaration
  (variable_declaration (variable_declarator name: (_) @name))) @definition.field
(event_field_declaration
  (variable_declaration (variable_declarator name: (_) @name))) @definition.field
(property_declaration name: (_) @name) @definition.field
(enum_member_declaration name: (_) @name) @definition.constant
(record_declaration (parameter_list (parameter name: (_) @name) @definition.field))

(using_directive !name [(identifier) (qualified_name)] @import.module) @import
(using_directive name: (_) @import.alias . (_) @import.module) @import
