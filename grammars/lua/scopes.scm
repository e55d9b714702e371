; @scope: definitions a prefix window may begin with. @block: bodies that a completion may fill.
(function_declaration) @scope
(function_definition) @scope
(block) @block
