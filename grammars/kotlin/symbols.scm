; Definitions and imports; the convention stands in slmcode/syntax/symbols.py.
(class_declaration "interface" (type_identifier) @name (class_body) @body) @definition.interface
(class_declaration "interface" (type_identifier) @name) @definition.interface
(class_declaration "enum" (type_identifier) @name (enum_class_body) @body) @definition.enum
(class_declaration (type_identifier) @name (class_body) @body) @definition.class
(class_declaration (type_identifier) @name) @definition.class
(object_declaration (type_identifier) @name (class_body) @body) @definition.class
(object_declaration (type_identifier) @name) @definition.class
(companion_object (type_identifier) @name (class_body) @body) @definition.class
(function_declaration
  receiver: (_) @receiver (simple_identifier) @name (function_body) @body) @definition.function
(function_declaration (simple_identifier) @name (function_body) @body) @definition.function
(function_declaration (simple_identifier) @name) @definition.function
(secondary_constructor "constructor" @name (statements) @body) @definition.method
(secondary_constructor "constructor" @name) @definition.method
(type_alias (type_identifier) @name) @definition.type
(source_file
  (property_declaration (variable_declaration (simple_identifier) @name)) @definition.variable)
(class_body
  (property_declaration (variable_declaration (simple_identifier) @name)) @definition.variable)
(enum_class_body
  (property_declaration (variable_declaration (simple_identifier) @name)) @definition.variable)
(class_parameter (binding_pattern_kind) (simple_identifier) @name) @definition.field
(enum_entry (simple_identifier) @name) @definition.constant

(import_header (identifier (simple_identifier) @import.name .) @import.module .) @import
(import_header
  (identifier (simple_identifier) @import.name .) @import.module . (line_comment) .) @import
(import_header
  (identifier (simple_identifier) @import.name .) @import.module
  (import_alias (_) @import.alias)) @import
(import_header (identifier) @import.module (wildcard_import) @import.name) @import
