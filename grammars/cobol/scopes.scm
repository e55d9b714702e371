; @scope: definitions a prefix window may begin with. Blocks have no nodes in this grammar.
(program_definition) @scope
(data_division) @scope
(procedure_division) @scope
(section_header) @scope
(paragraph_header) @scope
