; @scope: definitions a prefix window may begin with. @block: bodies that a completion may fill.
(function_declaration) @scope
(method_declaration) @scope
(type_declaration) @scope
(block) @block
(field_declaration_list) @block
(interface_type) @block
(expression_switch_statement) @block
(type_switch_statement) @block
(select_statement) @block
