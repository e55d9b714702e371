; @scope: definitions a prefix window may begin with. @block: bodies that a completion may fill.
(function_item) @scope
(impl_item) @scope
(trait_item) @scope
(struct_item) @scope
(enum_item) @scope
(mod_item) @scope
(macro_definition) @scope
(block) @block
(declaration_list) @block
(field_declaration_list) @block
(enum_variant_list) @block
(match_block) @block
