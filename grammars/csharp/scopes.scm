; @scope: definitions a prefix window may begin with. @block: bodies that a completion may fill.
(class_declaration) @scope
(struct_declaration) @scope
(interface_declaration) @scope
(enum_declaration) @scope
(record_declaration) @scope
(namespace_declaration) @scope
(method_declaration) @scope
(constructor_declaration) @scope
(property_declaration) @scope
(block) @block
(declaration_list) @block
(enum_member_declaration_list) @block
(switch_body) @block
(accessor_list) @block
