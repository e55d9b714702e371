; @scope: definitions a prefix window may begin with. @block: bodies that a completion may fill.
(function_definition) @scope
(type_definition) @scope
(struct_specifier body: (_)) @scope
(enum_specifier body: (_)) @scope
(compound_statement) @block
(field_declaration_list) @block
(enumerator_list) @block
