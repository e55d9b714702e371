; @scope: definitions a prefix window may begin with. @block: bodies that a completion may fill.
(function_definition) @scope
(translation_unit (declaration) @scope)
(translation_unit (type_definition) @scope)
(translation_unit (struct_specifier) @scope)
(class_specifier) @scope
(namespace_definition) @scope
(template_declaration) @scope
(compound_statement) @block
(declaration_list) @block
(field_declaration_list) @block
(enumerator_list) @block
