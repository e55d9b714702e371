; @scope: definitions a prefix window may begin with. @block: bodies that a completion may fill.
(package_statement) @scope
(subroutine_declaration_statement) @scope
(block) @block
