; @scope: definitions a prefix window may begin with. @block: bodies that a completion may fill.
(class) @scope
(module) @scope
(method) @scope
(singleton_method) @scope
(body_statement) @block
(do_block) @block
(block) @block
(then) @block
