; Definitions and imports; the convention stands in slmcode/syntax/symbols.py.
(function_item name: (_) @name body: (_) @body) @definition.function
(function_signature_item name: (_) @name) @definition.function
(struct_item name: (_) @name body: (field_declaration_list) @body) @definition.struct
(struct_item name: (_) @name) @definition.struct
(union_item name: (_) @name body: (_) @body) @definition.struct
(enum_item name: (_) @name body: (_) @body) @definition.enum
(trait_item name: (_) @name body: (_) @body) @definition.interface
(mod_item name: (_) @name body: (_) @body) @definition.module
(impl_item type: (_) @name) @scope
(type_item name: (_) @name) @definition.type
(associated_type name: (_) @name) @definition.type
(macro_definition name: (_) @name) @definition.macro
(const_item name: (_) @name) @definition.constant
(static_item name: (_) @name) @definition.variable
(enum_variant name: (_) @name) @definition.constant
(field_declaration name: (_) @name) @definition.field

; Inside use_list a module continues the path in front of the list.
(scoped_use_list path: (_) @import.prefix list: (use_list) @import.list)
(use_declaration argument: (identifier) @import.module) @import
([
  (use_declaration (scoped_identifier path: (_) @import.module name: (_) @import.name))
  (use_list (scoped_identifier path: (_) @import.module name: (_) @import.name))
]) @import
(use_list [(identifier) (self) (crate)] @import.name)
(use_as_clause path: (scoped_identifier path: (_) @import.module name: (_) @import.name)
  alias: (_) @import.alias)
(use_as_clause path: [(identifier) (self)] @import.name alias: (_) @import.alias)
(use_wildcard (_) @import.module "*" @import.name)
(use_list (use_wildcard . "*" @import.name))
(extern_crate_declaration name: (_) @import.module) @import
(mod_item name: (_) @import.module !body) @import
