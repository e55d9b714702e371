; @scope: definitions a prefix window may begin with. @block: bodies that a completion may fill.
(function_declaration) @scope
(generator_function_declaration) @scope
(class_declaration) @scope
(method_definition) @scope
(program (lexical_declaration) @scope)
(program (export_statement) @scope)
(statement_block) @block
(class_body) @block
(switch_body) @block
