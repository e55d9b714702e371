; @scope: definitions a prefix window may begin with. Blocks are told from the line that opens them.
(program) @scope
(module) @scope
(submodule) @scope
(block_data) @scope
(subroutine) @scope
(function) @scope
(derived_type_definition) @scope
(interface) @scope
