; @scope: definitions a prefix window may begin with. @block: bodies that a completion may fill.
(class_declaration) @scope
(interface_declaration) @scope
(enum_declaration) @scope
(record_declaration) @scope
(method_declaration) @scope
(constructor_declaration) @scope
(block) @block
(class_body) @block
(interface_body) @block
(enum_body) @block
(constructor_body) @block
(switch_block) @block
