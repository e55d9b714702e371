; @scope: definitions a prefix window may begin with. @block: bodies that a completion may fill.
(function_declaration) @scope
(secondary_constructor) @scope
(class_declaration) @scope
(object_declaration) @scope
(companion_object) @scope
(type_alias) @scope
(function_body) @block
(class_body) @block
(enum_class_body) @block
(control_structure_body) @block
(when_expression) @block
(lambda_literal) @block
