; @scope: definitions a prefix window may begin with. @block: bodies that a completion may fill.
(function_definition) @scope
(class_declaration) @scope
(interface_declaration) @scope
(trait_declaration) @scope
(enum_declaration) @scope
(method_declaration) @scope
(compound_statement) @block
(declaration_list) @block
(enum_declaration_list) @block
(switch_block) @block
