; @scope: definitions a prefix window may begin with. @block: bodies that a completion may fill.
(function_declaration) @scope
(generator_function_declaration) @scope
(class_declaration) @scope
(method_definition) @scope
(export_statement) @scope
(lexical_declaration (variable_declarator value: (arrow_function))) @scope
(lexical_declaration (variable_declarator value: (function_expression))) @scope
(statement_block) @block
(class_body) @block
(switch_body) @block
