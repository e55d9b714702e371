; @scope: definitions a prefix window may begin with. @block: bodies that a completion may fill.
(function_definition) @scope
(class_definition) @scope
(decorated_definition) @scope
(block) @block
