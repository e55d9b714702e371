; @scope: definitions a prefix window may begin with. @block: bodies that a completion may fill.
(function_declaration) @scope
(generator_function_declaration) @scope
(class_declaration) @scope
(abstract_class_declaration) @scope
(method_definition) @scope
(interface_declaration) @scope
(type_alias_declaration) @scope
(enum_declaration) @scope
(internal_module) @scope
(export_statement) @scope
(lexical_declaration (variable_declarator value: (arrow_function))) @scope
(lexical_declaration (variable_declarator value: (function_expression))) @scope
(statement_block) @block
(class_body) @block
(switch_body) @block
(interface_body) @block
(object_type) @block
(enum_body) @block
