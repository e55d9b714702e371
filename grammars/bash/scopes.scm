; @scope: definitions a prefix window may begin with. @block: bodies that a completion may fill.
(function_definition) @scope
(compound_statement) @block
(do_group) @block
