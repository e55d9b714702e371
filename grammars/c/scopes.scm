; @scope: definitions a prefix window may begin with. @block: bodies that a completion may fill.
(function_definition) @scope
(translation_unit (declaration) @scope)
(translation_unit (type_definition) @scope)
(translation_unit (struct_specifier) @scope)
(compound_statement) @block
(field_declaration_list) @block
(enumerator_list) @block
